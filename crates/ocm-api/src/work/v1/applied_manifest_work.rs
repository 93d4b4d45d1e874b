//! AppliedManifestWork: a managed cluster's record of what a ManifestWork put there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Which work of which hub.
///
/// The objects that the work put on the cluster are owned by this record: deleting it deletes them.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "work.open-cluster-management.io",
    version = "v1",
    kind = "AppliedManifestWork",
    plural = "appliedmanifestworks",
    singular = "appliedmanifestwork",
    status = "AppliedManifestWorkStatus",
    derive = "PartialEq",
    schema = "disabled",
    doc = "A managed cluster's record of what a ManifestWork put there."
)]
#[serde(rename_all = "camelCase")]
pub struct AppliedManifestWorkSpec {
    /// SHA-256, in hex, of the hub's URL in the agent's kubeconfig.
    pub hub_hash: String,
    /// Who handles the record: the UID of the Klusterlet.
    #[serde(rename = "agentID", default)]
    pub agent_id: String,
    /// Name of the work on the hub.
    pub manifest_work_name: String,
}

/// What the work put on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedManifestWorkStatus {
    /// The objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied_resources: Vec<AppliedManifestResourceMeta>,
    /// When the agent noticed that the work is gone from its hub. The objects are deleted when the
    /// agent's grace period has passed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction_start_time: Option<Time>,
}

/// An object that a work put on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedManifestResourceMeta {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// API version.
    #[serde(default)]
    pub version: String,
    /// Plural resource name.
    pub resource: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; empty for a cluster-scoped one.
    #[serde(default)]
    pub namespace: String,
    /// `metadata.uid` of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}
