//! Names that are part of the wire contract.
//!
//! Every string that upstream's fleetconfig-controller writes or reads is kept
//! to the letter, so that objects made by it can be adopted, and so that users'
//! selectors, admission rules and scripts go on working.

/// The API group of FleetConfig, Hub and Spoke.
pub const GROUP: &str = "fleetconfig.open-cluster-management.io";

/// Finalizer of a Hub; also the hub side's finalizer of a Spoke.
pub const FINALIZER_HUB_CLEANUP: &str = "fleetconfig.open-cluster-management.io/hub-cleanup";
/// Spoke finalizer held until the hub side has checked that cleaning may begin.
pub const FINALIZER_HUB_CLEANUP_PREFLIGHT: &str =
    "fleetconfig.open-cluster-management.io/hub-cleanup-preflight";
/// Spoke finalizer held until the spoke cluster has been cleaned.
pub const FINALIZER_SPOKE_CLEANUP: &str = "fleetconfig.open-cluster-management.io/spoke-cleanup";
/// Finalizer of a v1alpha1 FleetConfig (and of Hub and Spoke up to upstream 0.0.14).
pub const FINALIZER_CLEANUP: &str = "fleetconfig.open-cluster-management.io/cleanup";

/// ManagedCluster label that tells a hub-as-spoke from other clusters.
pub const LABEL_MANAGED_CLUSTER_TYPE: &str = "fleetconfig.open-cluster-management.io/managedClusterType";
/// Value of [`LABEL_MANAGED_CLUSTER_TYPE`] on a hub that manages itself; the only one ever written.
pub const MANAGED_CLUSTER_TYPE_HUB_AS_SPOKE: &str = "hub-as-spoke";
/// ManagedCluster label: name of the owning Spoke.
pub const LABEL_SPOKE_NAME: &str = "fleetconfig.open-cluster-management.io/spoke-name";
/// ManagedCluster label: namespace of the owning Spoke.
pub const LABEL_SPOKE_NAMESPACE: &str = "fleetconfig.open-cluster-management.io/spoke-namespace";
/// Spoke name by which upstream recognises a hub that manages itself.
pub const SPOKE_NAME_HUB_AS_SPOKE: &str = "hub-as-spoke";

/// Label that marks add-on objects as managed by this controller.
pub const LABEL_ADDON_MANAGED_BY: &str = "addon.open-cluster-management.io/managedBy";
/// Value of [`LABEL_ADDON_MANAGED_BY`].
pub const ADDON_MANAGED_BY: &str = "fleetconfig-controller";
/// OCM's label that ties ManifestWorks and RoleBindings to an add-on.
pub const LABEL_ADDON_NAME: &str = "open-cluster-management.io/addon-name";
/// Annotation of a ClusterManagementAddOn that says who installs it.
pub const ANNOTATION_ADDON_LIFECYCLE: &str = "addon.open-cluster-management.io/lifecycle";
/// Value of [`ANNOTATION_ADDON_LIFECYCLE`]: OCM's own add-on manager.
pub const ADDON_LIFECYCLE_ADDON_MANAGER: &str = "addon-manager";
/// OCM's label with the cluster name on certificate signing requests.
pub const LABEL_CSR_CLUSTER_NAME: &str = "open-cluster-management.io/cluster-name";

/// Spoke annotation, parsed as a boolean: delete without waiting for the spoke cluster.
pub const ANNOTATION_FORCE_DELETE: &str = "fleetconfig.open-cluster-management.io/force-delete";
/// Prefix that OCM's agent copies from Klusterlet annotations to the ManagedCluster.
pub const ANNOTATION_PREFIX_AGENT: &str = "agent.open-cluster-management.io";

/// ManagedCluster taint (effect `NoSelect`): workloads are being moved away before a detach.
pub const TAINT_WORKLOAD_CLEANUP: &str = "fleetconfig.open-cluster-management.io/workload-cleanup";
/// ManagedCluster taint (effect `NoSelect`): the cluster is being detached.
pub const TAINT_TERMINATING: &str = "fleetconfig.open-cluster-management.io/terminating";

/// Prefix of the ConfigMap that holds a custom add-on: `fleet-addon-<name>-<version>`.
pub const ADDON_CONFIG_MAP_PREFIX: &str = "fleet-addon";
/// Key of an add-on ConfigMap that holds the manifests themselves.
pub const ADDON_MANIFESTS_RAW_KEY: &str = "manifestsRaw";
/// Key of an add-on ConfigMap that holds an http(s) URL of the manifests.
pub const ADDON_MANIFESTS_URL_KEY: &str = "manifestsURL";
/// Name of upstream's agent add-on, which runs upstream's controller on spokes.
pub const UPSTREAM_AGENT_ADDON: &str = "fleetconfig-controller-agent";

/// Name of the one ClusterManager of a hub.
pub const CLUSTER_MANAGER: &str = "cluster-manager";
/// Name of the one Klusterlet of a spoke in mode Default.
pub const KLUSTERLET: &str = "klusterlet";
/// Namespace of OCM's operators.
pub const NAMESPACE_OCM: &str = "open-cluster-management";
/// Namespace of OCM's hub components.
pub const NAMESPACE_OCM_HUB: &str = "open-cluster-management-hub";
/// Namespace of OCM's agents on a spoke.
pub const NAMESPACE_OCM_AGENT: &str = "open-cluster-management-agent";
/// Namespace of add-on agents on a spoke.
pub const NAMESPACE_OCM_AGENT_ADDON: &str = "open-cluster-management-agent-addon";

/// Bundle version that means "whatever is installed, else the newest known; never upgrade".
pub const BUNDLE_VERSION_DEFAULT: &str = "default";
/// Bundle version that means "the newest known, upgrade when a newer one becomes known".
pub const BUNDLE_VERSION_LATEST: &str = "latest";
/// Registry of OCM's images unless the user names another.
pub const DEFAULT_REGISTRY: &str = "quay.io/open-cluster-management";
/// Key of a kubeconfig in its Secret unless the user names another.
pub const DEFAULT_KUBECONFIG_KEY: &str = "kubeconfig";
/// Version of a custom add-on unless the user names another.
pub const DEFAULT_ADDON_VERSION: &str = "v0.0.1";
/// Timeout of requests to a cluster, in seconds, unless the user names another.
pub const DEFAULT_TIMEOUT_SECONDS: i64 = 300;
/// Feature gates of a hub unless the user names others.
pub const DEFAULT_HUB_FEATURE_GATES: &str = "AddonManagement=true";
/// Feature gates of a spoke unless the user names others.
pub const DEFAULT_SPOKE_FEATURE_GATES: &str = "AddonManagement=true,ClusterClaim=true";
/// Name of a singleton control plane unless the user names another.
pub const DEFAULT_SINGLETON_NAME: &str = "singleton-controlplane";
