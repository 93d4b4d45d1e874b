//! Version `v1`: ManagedCluster.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What the hub wants of a managed cluster.
///
/// OCM installs the CRD, so this type carries no schema. Unset fields are left out of the JSON: a
/// partial apply owns what it sets and nothing else.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "cluster.open-cluster-management.io",
    version = "v1",
    kind = "ManagedCluster",
    plural = "managedclusters",
    singular = "managedcluster",
    status = "ManagedClusterStatus",
    derive = "PartialEq",
    schema = "disabled",
    doc = "A cluster that has joined this hub, or wants to."
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterSpec {
    /// Addresses at which the hub can reach the cluster's API server; https only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_cluster_client_configs: Option<Vec<ClientConfig>>,

    /// Whether the hub lets the cluster in. True makes OCM create the cluster's namespace and roles;
    /// setting it needs verb `update` on `managedclusters/accept` in group
    /// `register.open-cluster-management.io`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_accepts_client: Option<bool>,

    /// How often, in seconds, the agent renews its lease; 60 by default. Five missed renewals make the
    /// cluster unreachable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_duration_seconds: Option<i32>,

    /// What keeps placements from choosing the cluster. The list is shared by several writers and
    /// has no keys, so it must never be applied: patch it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taints: Option<Vec<Taint>>,
}

/// An address of a managed cluster's API server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfig {
    /// The address.
    pub url: String,
    /// Certificates, PEM, by which the address is verified; the system's when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<ByteString>,
}

/// Keeps placements that do not tolerate it from choosing the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// Key, possibly with a domain in front.
    pub key: String,
    /// Value that a toleration may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How hard the taint repels.
    pub effect: TaintEffect,
    /// When the taint was added. OCM's webhook stamps it; a client must not set it on an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_added: Option<Time>,
}

/// How hard a taint repels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaintEffect {
    /// Placements must not choose the cluster, and drop it if they have.
    NoSelect,
    /// Placements choose the cluster only if there is no other.
    PreferNoSelect,
    /// Placements must not choose the cluster, but keep it if they have.
    NoSelectIfNew,
    /// An effect of a newer OCM; one unknown word must not hide a whole list of clusters from us.
    #[serde(untagged)]
    Other(String),
}

/// What is known about a managed cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterStatus {
    /// State of the cluster; types in [`crate::names::conditions::managed_cluster`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Sum over the nodes of what they have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, Quantity>,
    /// Sum over the nodes of what pods may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// Versions of what runs on the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ManagedClusterVersion>,
    /// What the cluster says about itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_claims: Vec<ManagedClusterClaim>,
    /// Namespaces on the cluster that its cluster sets manage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_namespaces: Vec<ClusterSetManagedNamespace>,
}

/// Versions of what runs on a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterVersion {
    /// Version of Kubernetes, as its API server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
}

/// One thing that a cluster says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedClusterClaim {
    /// Name of the ClusterClaim.
    #[serde(default)]
    pub name: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A namespace that a cluster set manages on its clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSetManagedNamespace {
    /// Name of the namespace.
    pub name: String,
    /// Name of the cluster set.
    pub cluster_set: String,
    /// State of the namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
