//! Hub: a cluster that manages others.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::common::{
    AddOnConfig, ClusterManagerConfig, DeletionPolicy, HubAddOn, InstalledHubAddOn, Kubeconfig,
    LOG_VERBOSITIES, RegistrationAuth, Singleton, defaults,
};
use crate::condition::Condition;
use crate::phase::HubPhase;

/// The hub to make, and how.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fleetconfig.open-cluster-management.io",
    version = "v1beta1",
    kind = "Hub",
    plural = "hubs",
    namespaced,
    status = "HubStatus",
    derive = "PartialEq",
    doc = "A cluster that manages others: the hub of a fleet. Spokes refer to it.",
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "REASON",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.clusterManager) != has(self.singleton)")
        .message("exactly one of clusterManager and singleton must be set"),
    validation = crate::cel::addon_names_disjoint()
)]
pub struct HubSpec {
    /// How the hub cluster is reached.
    #[x_kube(validation = crate::cel::one_way_in())]
    pub kubeconfig: Kubeconfig,
    /// Makes the hub of OCM's ClusterManager. Exactly one of clusterManager and singleton is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_manager: Option<ClusterManagerConfig>,
    /// Makes the hub a pod with its own API server. Exactly one of clusterManager and singleton is
    /// set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singleton: Option<Singleton>,
    /// Address of the hub's API server that spokes are given. If empty, the one that the hub
    /// publishes in its cluster-info is used. Spokes with forceInternalEndpointLookup ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_server: Option<String>,
    /// Certificate authorities, in PEM, that spokes check the hub's API server with. If empty,
    /// those that the hub publishes are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Whether OCM's namespaces are created if they do not exist.
    #[serde(default = "defaults::yes")]
    pub create_namespace: bool,
    /// Has no effect: there are no checks that could be skipped, and an OCM installation that is
    /// there already is taken over in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// How spokes register with the hub.
    #[serde(default)]
    pub registration_auth: RegistrationAuth,
    /// Custom add-ons that the hub offers to its spokes, each name and version once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "version".into()]))]
    pub add_on_configs: Vec<AddOnConfig>,
    /// Add-ons that are installed on the hub, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub hub_add_ons: Vec<HubAddOn>,
    /// Has no effect on a hub: requests have fixed deadlines, and what is not ready is waited for.
    #[serde(default = "defaults::timeout")]
    pub timeout: i64,
    /// From 0 to 10. Has no effect: the controller's own option says how much is logged.
    #[serde(default)]
    #[schemars(extend("enum" = LOG_VERBOSITIES))]
    pub log_verbosity: i64,
    /// If true, nothing is changed on the cluster until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What deleting this object does: Delete removes OCM from the cluster, Orphan leaves the hub
    /// as it is.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl Default for HubSpec {
    fn default() -> Self {
        Self {
            kubeconfig: Kubeconfig::default(),
            cluster_manager: None,
            singleton: None,
            api_server: None,
            ca: None,
            create_namespace: true,
            force: None,
            registration_auth: RegistrationAuth::default(),
            add_on_configs: Vec::new(),
            hub_add_ons: Vec::new(),
            timeout: defaults::timeout(),
            log_verbosity: 0,
            paused: None,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

/// What was last seen of the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubStatus {
    /// Generation of the spec that the status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word for the state: Initializing, Running, Unhealthy or Deleting.
    #[serde(default, deserialize_with = "crate::phase::known", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HubPhase")]
    pub phase: Option<HubPhase>,
    /// The state in detail. The hub is healthy when every condition has its wantStatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// UID of the kube-system namespace of the hub cluster; it tells clusters apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// OCM release that spec.clusterManager.source.bundleVersion was resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_version: Option<String>,
    /// Address of the hub's API server that spokes are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_server: Option<String>,
    /// SHA-256, in hex, of the certificate authorities that spokes are given for that address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_hash: Option<String>,
    /// Hash of the cluster-manager chart's values that were applied last.
    #[serde(default)]
    pub cluster_manager_hash: String,
    /// Add-ons that have been installed on the hub.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed_hub_add_ons: Vec<InstalledHubAddOn>,
    /// Address of the hub's gRPC server, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_server: Option<String>,
    /// Certificate authorities, in PEM, of the hub's gRPC server, if it has one.
    #[serde(default, rename = "grpcServerCA", skip_serializing_if = "Option::is_none")]
    pub grpc_server_ca: Option<String>,
}
