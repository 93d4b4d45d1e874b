//! Pieces that both charts have.

use k8s_openapi::api::core::v1::ResourceRequirements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{QosClass, SensitiveString};

/// Where the chart takes its images from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Images {
    /// Registry and path of the images. On a spoke it is replaced by the registry of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Tag of the images. On a spoke it is replaced by the release of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// When nodes pull the images: Always, IfNotPresent or Never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Credentials for pulling the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_credentials: Option<ImageCredentials>,
    /// Whole references that replace single images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<ImageOverrides>,
}

/// Credentials for pulling images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageCredentials {
    /// Whether an image pull Secret is made from these credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_image_credentials: Option<bool>,
    /// User name for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Password for the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SensitiveString>,
    /// A whole Docker configuration in JSON, instead of a user name and a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_config_json: Option<SensitiveString>,
}

/// References that replace single images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageOverrides {
    /// Reference of the add-on manager's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_on_manager_image: Option<String>,
    /// Reference of the registration operator's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_image: Option<String>,
    /// Reference of the placement controller's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement_image: Option<String>,
    /// Reference of the registration controller's or agent's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_image: Option<String>,
    /// Reference of the work controller's or agent's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_image: Option<String>,
}

/// One feature gate of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGate {
    /// Name of the gate.
    pub feature: String,
    /// Whether the gate is on (Enable) or off (Disable).
    #[serde(default)]
    pub mode: FeatureGateMode,
}

/// Position of a feature gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FeatureGateMode {
    /// On.
    Enable,
    /// Off.
    #[default]
    Disable,
}

/// Resources of the containers that an operator makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRequirement {
    /// Default leaves OCM's own settings, BestEffort sets neither requests nor limits, and
    /// ResourceRequirement uses resourceRequirements.
    #[serde(default, rename = "type")]
    pub type_: QosClass,
    /// Requests and limits. Used if type is ResourceRequirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_requirements: Option<ResourceRequirements>,
}

/// How an add-on's agent gets its credentials for the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddOnAuthType {
    /// A client certificate by a certificate signing request.
    Csr,
    /// A token of a service account on the hub.
    Token,
}
