//! What a spoke's ManagedCluster on the hub should carry.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels, annotations, taints and set of a ManagedCluster. They are kept in sync; keys that are
/// not named here are left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterMetadata {
    /// Labels to set on the ManagedCluster. A label that is removed here is removed there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to set on the ManagedCluster. An annotation that is removed here is removed
    /// there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Taints to set on the ManagedCluster. They keep placements from choosing it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into(), "effect".into()]))]
    pub taints: Vec<ManagedClusterTaint>,
    /// Name of the ManagedClusterSet that the cluster belongs to. If left out, the hub decides,
    /// which usually means the set named default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9A-Z]([-a-z0-9A-Z_.]*[a-z0-9A-Z])?$"))]
    pub cluster_set: Option<String>,
}

/// A taint of a ManagedCluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterTaint {
    /// Key of the taint, such as example.com/maintenance.
    #[schemars(
        length(min = 1, max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub key: String,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
    /// NoSelect keeps placements from choosing the cluster and drops it from those that chose it,
    /// PreferNoSelect makes it their last choice, NoSelectIfNew only keeps it from being chosen
    /// anew.
    #[serde(default)]
    pub effect: TaintEffect,
}

/// What a taint does to placements that do not tolerate it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum TaintEffect {
    /// The cluster is not chosen, and dropped where it was chosen.
    #[default]
    NoSelect,
    /// The cluster is chosen only if there is no other.
    PreferNoSelect,
    /// The cluster is not chosen anew.
    NoSelectIfNew,
}
