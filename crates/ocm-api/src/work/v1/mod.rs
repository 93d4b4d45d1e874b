//! Version `v1`: ManifestWork and AppliedManifestWork.
//!
//! OCM installs the CRDs, so these types carry no schema. Unset fields are left out of the JSON: a
//! partial apply owns what it sets and nothing else.

mod applied_manifest_work;
mod manifest_work;
mod status;

pub use applied_manifest_work::{
    AppliedManifestResourceMeta, AppliedManifestWork, AppliedManifestWorkSpec, AppliedManifestWorkStatus,
};
pub use manifest_work::{
    ConditionRule, DeleteOption, DeletePropagationPolicy, FeedbackRule, IgnoreField, JsonPath,
    ManifestConfigOption, ManifestWork, ManifestWorkExecutor, ManifestWorkExecutorSubject, ManifestWorkSpec,
    ManifestWorkSubjectServiceAccount, ManifestsTemplate, ResourceIdentifier, SelectivelyOrphan,
    ServerSideApplyConfig, UpdateStrategy, UpdateStrategyType,
};
pub use status::{
    FeedbackValue, FieldValue, ManifestCondition, ManifestResourceMeta, ManifestResourceStatus,
    ManifestWorkStatus, StatusFeedbackResult,
};
