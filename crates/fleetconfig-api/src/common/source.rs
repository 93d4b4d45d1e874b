//! Where OCM's components come from, where they run, and what they may consume.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names;

/// The OCM release to install and the registry of its images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OcmSource {
    /// OCM release: a version such as v1.2.1 (a missing leading v is added); default, which keeps
    /// the release that is installed (a new hub gets the controller's default, a spoke follows its
    /// hub); or latest, OCM's moving images of that name with the newest manifests that the
    /// controller knows.
    pub bundle_version: String,
    /// Registry and path of OCM's images.
    pub registry: String,
}

impl Default for OcmSource {
    fn default() -> Self {
        Self {
            bundle_version: names::BUNDLE_VERSION_DEFAULT.to_owned(),
            registry: names::DEFAULT_REGISTRY.to_owned(),
        }
    }
}

/// Resources of the containers that OCM's operators make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpec {
    /// The most that a container may use. Used if qosClass is ResourceRequirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceValues>,
    /// What a container is guaranteed. Used if qosClass is ResourceRequirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceValues>,
    /// Default leaves OCM's own settings, BestEffort sets neither requests nor limits, and
    /// ResourceRequirement uses the requests and limits given here.
    #[serde(default)]
    pub qos_class: QosClass,
}

/// Amounts of processor time and memory, as Kubernetes quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceValues {
    /// Processor time, such as 200m or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, such as 128Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// How the resources of OCM's containers are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum QosClass {
    /// OCM's own settings.
    #[default]
    Default,
    /// Neither requests nor limits.
    BestEffort,
    /// The given requests and limits.
    ResourceRequirement,
}

/// How changes of the klusterlet reach a spoke that has joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum KlusterletCarrier {
    /// By ManifestWorks, which OCM's own agent on the spoke applies.
    #[default]
    ManifestWork,
    /// By the kubeconfig.
    Kubeconfig,
}

/// Where a spoke's agents run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum KlusterletMode {
    /// On the spoke itself.
    #[default]
    Default,
    /// On another cluster.
    Hosted,
}
