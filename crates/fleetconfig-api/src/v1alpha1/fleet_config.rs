//! FleetConfig: a hub and its spokes in one object.

use kube::{CustomResource, KubeSchema};
use schemars::Schema;
use serde::{Deserialize, Serialize};

use super::{FleetConfigStatus, SpokeEntry};
use crate::common::{
    AddOnConfig, ClusterManagerConfig, DeletionPolicy, HubAddOn, Kubeconfig, LOG_VERBOSITIES,
    RegistrationAuth, Singleton, defaults,
};

/// The hub and the spokes of the fleet.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "fleetconfig.open-cluster-management.io",
    version = "v1alpha1",
    kind = "FleetConfig",
    plural = "fleetconfigs",
    namespaced,
    status = "FleetConfigStatus",
    derive = "PartialEq",
    doc = "A whole fleet: a hub and its spokes. The controller makes one Hub and a Spoke for each entry of it.",
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
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(
        "(has(self.spec.hub.name) ? self.spec.hub.name : self.metadata.name) \
         == (has(oldSelf.spec.hub.name) ? oldSelf.spec.hub.name : oldSelf.metadata.name)"
    )
    .message("spec.hub.name cannot be changed; delete the FleetConfig and create it again under the new name")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::cel::addon_names_disjoint())]
pub struct FleetConfigSpec {
    /// The hub of the fleet.
    pub hub: HubSection,
    /// The spokes of the fleet, each name once. Removing an entry detaches its cluster.
    // The bound lets the API server estimate what the rules below it cost. It
    // takes nothing away: with its defaults filled in, an entry has more than
    // 250 bytes, so an object with more entries is too large to be stored.
    #[schemars(length(max = 10000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub spokes: Vec<SpokeEntry>,
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
    /// How long the deletion of a spoke waits for a cluster that does not answer, in seconds.
    #[serde(default = "defaults::timeout")]
    pub timeout: i64,
    /// From 0 to 10. Has no effect: the controller's own option says how much is logged.
    #[serde(default)]
    #[schemars(extend("enum" = LOG_VERBOSITIES))]
    pub log_verbosity: i64,
    /// If true, nothing is changed on any cluster of the fleet until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

impl Default for FleetConfigSpec {
    fn default() -> Self {
        Self {
            hub: HubSection::default(),
            spokes: Vec::new(),
            registration_auth: RegistrationAuth::default(),
            add_on_configs: Vec::new(),
            hub_add_ons: Vec::new(),
            timeout: defaults::timeout(),
            log_verbosity: 0,
            paused: None,
        }
    }
}

/// The hub of a FleetConfig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clusterManager) || has(self.singleton)")
    .message("one of clusterManager and singleton must be set"))]
pub struct HubSection {
    /// Name of the Hub object that is made. If left out, the name of the FleetConfig. It cannot be
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,
    /// How the hub cluster is reached.
    #[schemars(transform = secret_namespace_required)]
    #[x_kube(validation = crate::cel::one_way_in())]
    pub kubeconfig: Kubeconfig,
    /// Makes the hub of OCM's ClusterManager. If singleton is set too, singleton is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_manager: Option<ClusterManagerConfig>,
    /// Makes the hub a pod with its own API server.
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
    /// If true, nothing is changed on the hub until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What deleting the FleetConfig does to the hub: Delete removes OCM from the cluster, Orphan
    /// leaves the hub as it is.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl Default for HubSection {
    fn default() -> Self {
        Self {
            name: None,
            kubeconfig: Kubeconfig::default(),
            cluster_manager: None,
            singleton: None,
            api_server: None,
            ca: None,
            create_namespace: true,
            force: None,
            paused: None,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

/// In v1alpha1 a Secret reference names its namespace: a FleetConfig may refer
/// to any, so there is none to assume.
pub(super) fn secret_namespace_required(kubeconfig: &mut Schema) {
    if let Some(required) = kubeconfig
        .pointer_mut("/properties/secretReference/required")
        .and_then(serde_json::Value::as_array_mut)
    {
        required.push("namespace".into());
    }
}
