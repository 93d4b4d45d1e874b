//! Spoke: a cluster that a hub manages.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Klusterlet;
use crate::common::{
    DeletionPolicy, Kubeconfig, LOG_VERBOSITIES, ManagedClusterMetadata, SecretReference, SpokeAddOn,
    defaults,
};
use crate::condition::Condition;
use crate::phase::SpokePhase;

/// The cluster to join to a hub, and how.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fleetconfig.open-cluster-management.io",
    version = "v1beta1",
    kind = "Spoke",
    plural = "spokes",
    namespaced,
    status = "SpokeStatus",
    derive = "PartialEq",
    doc = "A cluster that a hub manages: a spoke of a fleet.",
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "MANAGED_CLUSTER", type_ = "string", json_path = ".status.managedClusterName"),
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
pub struct SpokeSpec {
    /// The Hub that manages this cluster. It cannot be changed.
    #[x_kube(validation = crate::cel::unchanged(
        "hubRef cannot be changed; delete the Spoke and create it again to move the cluster to another hub"
    ))]
    pub hub_ref: HubRef,
    /// How the spoke cluster is reached. It is needed only until the cluster has joined.
    #[x_kube(validation = crate::cel::one_way_in())]
    pub kubeconfig: Kubeconfig,
    /// Name of the ManagedCluster on the hub. If left out, a ManagedCluster that this Spoke already
    /// owns is used, else a name is made from the name and the namespace of the Spoke. It cannot be
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = crate::cel::unchanged(
        "managedClusterName cannot be changed; delete the Spoke and create it again under the new name"
    ))]
    pub managed_cluster_name: Option<String>,
    /// Labels, annotations, taints and set of the ManagedCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_cluster: Option<ManagedClusterMetadata>,
    /// Whether OCM's namespaces on the spoke are created if they do not exist.
    #[serde(default = "defaults::yes")]
    pub create_namespace: bool,
    /// Whether labels of the Klusterlet are copied to everything that OCM makes from it on the
    /// spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_labels: Option<bool>,
    /// URL of the forward proxy through which agents reach the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// Certificate authorities, in PEM, that agents check the proxy with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_ca: Option<String>,
    /// ARN of the EKS cluster that is the spoke. Used if the hub's driver is awsirsa.
    #[serde(default, rename = "clusterARN", skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<String>,
    /// OCM's agents on the spoke.
    #[serde(default)]
    pub klusterlet: Klusterlet,
    /// Add-ons that are enabled on the spoke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<SpokeAddOn>,
    /// What is removed when the Spoke is deleted.
    #[serde(default)]
    pub cleanup_config: CleanupConfig,
    /// How long the deletion waits for a cluster that does not answer, in seconds.
    #[serde(default = "defaults::timeout")]
    pub timeout: i64,
    /// From 0 to 10. Has no effect: the controller's own option says how much is logged.
    #[serde(default)]
    #[schemars(extend("enum" = LOG_VERBOSITIES))]
    pub log_verbosity: i64,
    /// If true, nothing is changed on the hub or the spoke for this object until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What deleting this object does: Delete detaches the cluster, Orphan leaves it joined.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl Default for SpokeSpec {
    fn default() -> Self {
        Self {
            hub_ref: HubRef::default(),
            kubeconfig: Kubeconfig::default(),
            managed_cluster_name: None,
            managed_cluster: None,
            create_namespace: true,
            sync_labels: None,
            proxy_url: None,
            proxy_ca: None,
            cluster_arn: None,
            klusterlet: Klusterlet::default(),
            add_ons: Vec::new(),
            cleanup_config: CleanupConfig::default(),
            timeout: defaults::timeout(),
            log_verbosity: 0,
            paused: None,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

/// A Hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubRef {
    /// Name of the Hub.
    pub name: String,
    /// Namespace of the Hub.
    pub namespace: String,
}

/// What is removed when a Spoke is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CleanupConfig {
    /// Whether the namespace of the agents is removed even if others use it too.
    pub purge_agent_namespace: bool,
    /// Whether OCM's operator and its CRD are removed from the spoke.
    pub purge_klusterlet_operator: bool,
    /// Whether the Secret with the spoke's kubeconfig is deleted.
    pub purge_kubeconfig_secret: bool,
    /// Whether works that others made for this cluster are deleted without waiting for their
    /// owners.
    pub force_cluster_drain: bool,
}

impl Default for CleanupConfig {
    fn default() -> Self {
        Self {
            purge_agent_namespace: false,
            purge_klusterlet_operator: true,
            purge_kubeconfig_secret: false,
            force_cluster_drain: false,
        }
    }
}

/// What was last seen of the spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeStatus {
    /// Generation of the spec that the status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word for the state: Joining, Running, Unhealthy or Deleting.
    #[serde(default, deserialize_with = "crate::phase::known", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SpokePhase")]
    pub phase: Option<SpokePhase>,
    /// The state in detail. The spoke is healthy when every condition has its wantStatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Name of the ManagedCluster on the hub; chosen once and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_cluster_name: Option<String>,
    /// The Secret in another namespace that holds the kubeconfig, as the FleetConfig named it last. The
    /// cluster can be detached by it after the FleetConfig has let the spoke go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_secret_reference: Option<SecretReference>,
    /// UID of the kube-system namespace of the spoke cluster; it tells clusters apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// UID of the kube-system namespace of the hub cluster that the spoke has joined. Equal to
    /// clusterUid on a hub that manages itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_cluster_uid: Option<String>,
    /// OCM release that the spoke was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_version: Option<String>,
    /// Hash of the klusterlet chart's values that were applied last.
    #[serde(default)]
    pub klusterlet_hash: String,
    /// Add-ons that are enabled on the spoke.
    #[serde(default)]
    pub enabled_addons: Vec<String>,
}
