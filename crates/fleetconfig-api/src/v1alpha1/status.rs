//! What is reported about a FleetConfig.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fleet_config::secret_namespace_required;
use crate::common::{InstalledHubAddOn, Kubeconfig, defaults};
use crate::condition::Condition;
use crate::phase::{FleetConfigPhase, SpokePhase};

/// What was last seen of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FleetConfigStatus {
    /// Generation of the spec that the status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word for the state: Initializing, Running, Unhealthy or Deleting.
    #[serde(default, deserialize_with = "crate::phase::known", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FleetConfigPhase")]
    pub phase: Option<FleetConfigPhase>,
    /// The state in detail. The fleet is healthy when every condition has its wantStatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Name of the Hub object that was made; chosen once and never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_name: Option<String>,
    /// How many spokes are in which state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoke_summary: Option<SpokeSummary>,
    /// State of each spoke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub spokes: Vec<SpokeState>,
    /// Spokes that have joined and have not been detached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined_spokes: Vec<JoinedSpoke>,
    /// Add-ons that have been installed on the hub.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub installed_hub_add_ons: Vec<InstalledHubAddOn>,
}

/// How many spokes are in which state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SpokeSummary {
    /// Spokes of the fleet, those being detached included.
    pub total: i64,
    /// Spokes that are joining.
    pub joining: i64,
    /// Spokes that have joined and are healthy.
    pub running: i64,
    /// Spokes that need attention.
    pub unhealthy: i64,
    /// Spokes that are being detached.
    pub deleting: i64,
}

/// State of one spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeState {
    /// Name of the spoke and of its Spoke object.
    pub name: String,
    /// One word for the state: Joining, Running, Unhealthy or Deleting.
    #[serde(default, deserialize_with = "crate::phase::known", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "SpokePhase")]
    pub phase: Option<SpokePhase>,
    /// Name of the spoke's ManagedCluster on the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_cluster_name: Option<String>,
    /// Why the spoke is in this state: a word of the catalogue of reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A spoke that has joined, and what detaching it needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinedSpoke {
    /// Name of the spoke.
    pub name: String,
    /// How the spoke cluster was reached when it joined.
    #[schemars(transform = secret_namespace_required)]
    pub kubeconfig: Kubeconfig,
    /// Whether detaching the spoke also removes OCM's operator and its CRD.
    #[serde(default = "defaults::yes")]
    pub purge_klusterlet_operator: bool,
    /// Add-ons that are enabled on the spoke.
    #[serde(default)]
    pub enabled_addons: Vec<String>,
    /// Hash of the klusterlet chart's values that were applied last.
    #[serde(default)]
    pub klusterlet_hash: String,
}

impl Default for JoinedSpoke {
    fn default() -> Self {
        Self {
            name: String::new(),
            kubeconfig: Kubeconfig::default(),
            purge_klusterlet_operator: true,
            enabled_addons: Vec::new(),
            klusterlet_hash: String::new(),
        }
    }
}
