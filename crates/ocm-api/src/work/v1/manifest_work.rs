//! ManifestWork: objects that a hub wants on one managed cluster.

use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::status::ManifestWorkStatus;

/// The objects, and how they are written, watched and deleted.
///
/// Lives in the cluster's namespace on the hub. OCM refuses a work with no manifest, with more than
/// 500 KiB of them, or with the same object twice.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "work.open-cluster-management.io",
    version = "v1",
    kind = "ManifestWork",
    plural = "manifestworks",
    singular = "manifestwork",
    namespaced,
    status = "ManifestWorkStatus",
    derive = "PartialEq",
    schema = "disabled",
    doc = "Objects that a hub wants on one managed cluster."
)]
#[serde(rename_all = "camelCase")]
pub struct ManifestWorkSpec {
    /// The objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<ManifestsTemplate>,
    /// What becomes of the objects when the work is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_option: Option<DeleteOption>,
    /// Settings for single objects of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_configs: Option<Vec<ManifestConfigOption>>,
    /// Whose rights on the managed cluster the objects must stay within; the work agent's own when
    /// unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<ManifestWorkExecutor>,
}

/// The objects of a work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestsTemplate {
    /// The objects, each with `apiVersion`, `kind` and `metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Vec<RawExtension>>,
}

/// What becomes of a work's objects when the work is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOption {
    /// Which of them are deleted.
    #[serde(default)]
    pub propagation_policy: DeletePropagationPolicy,
    /// The objects that stay; for `SelectivelyOrphan`.
    #[serde(rename = "selectivelyOrphans", default, skip_serializing_if = "Option::is_none")]
    pub selectively_orphans: Option<SelectivelyOrphan>,
    /// Seconds after which a completed work is deleted; never when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i64>,
}

/// Which objects of a deleted work are deleted too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletePropagationPolicy {
    /// All of them.
    #[default]
    Foreground,
    /// None of them.
    Orphan,
    /// All but those that the orphaning rules name.
    SelectivelyOrphan,
    /// A policy of a newer OCM.
    #[serde(untagged)]
    Other(String),
}

/// The objects of a deleted work that stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectivelyOrphan {
    /// One entry per object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphaning_rules: Option<Vec<ResourceIdentifier>>,
}

/// Names one object of a work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceIdentifier {
    /// API group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Plural resource name.
    pub resource: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; empty for a cluster-scoped one.
    #[serde(default)]
    pub namespace: String,
}

/// Settings for one object of a work, or for several when name or namespace hold a wildcard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestConfigOption {
    /// Which object.
    pub resource_identifier: ResourceIdentifier,
    /// Which values are reported back to the work's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_rules: Option<Vec<FeedbackRule>>,
    /// How the object is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<UpdateStrategy>,
    /// Which conditions are derived from the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_rules: Option<Vec<ConditionRule>>,
    /// `Poll` (when unset) or `Watch`: how the agent notices that the object changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_scrape_type: Option<String>,
}

/// Which values of an object are reported back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackRule {
    /// `WellKnownStatus` (what OCM finds worth knowing of the kind) or `JSONPaths`.
    #[serde(rename = "type")]
    pub type_: String,
    /// The values; for `JSONPaths`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_paths: Option<Vec<JsonPath>>,
}

/// One value to report back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JsonPath {
    /// Name of the value in the work's status.
    pub name: String,
    /// API version in which the path is looked up; the newest when unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Path of the value, in kubectl's JSONPath syntax.
    pub path: String,
}

/// How an object is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// The way of writing.
    #[serde(rename = "type", default)]
    pub type_: UpdateStrategyType,
    /// Details of `ServerSideApply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_side_apply: Option<ServerSideApplyConfig>,
}

/// The ways of writing an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateStrategyType {
    /// The agent merges the manifest into the object and updates it.
    #[default]
    Update,
    /// The agent creates the object and leaves it alone afterwards.
    CreateOnly,
    /// The agent applies the manifest with a field manager of its own.
    ServerSideApply,
    /// The agent only looks whether the object exists.
    ReadOnly,
    /// A strategy of a newer OCM.
    #[serde(untagged)]
    Other(String),
}

/// Details of server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerSideApplyConfig {
    /// Whether fields are taken from other managers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// Field manager; `work-agent` by default, and that must be how it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_manager: Option<String>,
    /// Fields that are left to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_fields: Option<Vec<IgnoreField>>,
}

/// Fields of an object that are left to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreField {
    /// When: `OnSpokePresent` (the object exists) or `OnSpokeChange` (somebody else changed it).
    pub condition: String,
    /// The fields, in Kubernetes' JSONPath syntax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_paths: Option<Vec<String>>,
    /// The fields, as JSON pointers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_pointers: Option<Vec<String>>,
    /// The fields, as jq path expressions.
    #[serde(rename = "jqPathExpressions", default, skip_serializing_if = "Option::is_none")]
    pub jq_path_expressions: Option<Vec<String>>,
}

/// Derives a condition of the work from one of its objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionRule {
    /// Type of the condition. `Complete` has a meaning of its own: a completed work is not written any
    /// more.
    pub condition: String,
    /// `WellKnownConditions` (OCM knows the kind) or `CEL`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Expressions that must all be true; for `CEL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel_expressions: Option<Vec<String>>,
    /// Message of the condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// CEL expression that makes the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_expression: Option<String>,
}

/// Whose rights a work's objects must stay within.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestWorkExecutor {
    /// Who.
    pub subject: ManifestWorkExecutorSubject,
}

/// Who a work's objects are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestWorkExecutorSubject {
    /// `ServiceAccount` is the only choice so far.
    #[serde(rename = "type")]
    pub type_: String,
    /// The service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ManifestWorkSubjectServiceAccount>,
}

/// A service account on the managed cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestWorkSubjectServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}
