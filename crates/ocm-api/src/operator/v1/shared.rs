//! What the specs and statuses of ClusterManager and Klusterlet have in common.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Where the pods may be scheduled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePlacement {
    /// Labels that a node must carry for a pod to be placed there. Empty allows every node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,

    /// Taints that the pods put up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tolerations")]
    pub tolerations: Option<Vec<Toleration>>,
}

/// How much CPU and memory every container of the deployed pods asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRequirement {
    /// Which requests and limits apply: OCM's small built-in requests (`Default`), none at all
    /// (`BestEffort`), or those in `resourceRequirements` (`ResourceRequirement`).
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResourceQosClass", extend("default" = "Default"))]
    pub type_: Option<ResourceQosClass>,

    /// The requests and limits; read only when `type` is `ResourceRequirement`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::resource_requirements")]
    pub resource_requirements: Option<ResourceRequirements>,
}

/// Which requests and limits the containers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceQosClass {
    /// OCM's built-in requests (2m CPU, 16Mi memory), no limits.
    #[default]
    Default,
    /// Neither requests nor limits.
    BestEffort,
    /// What `resourceRequirements` says.
    ResourceRequirement,
}

/// Turns one feature gate of a component on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureGate {
    /// Name of the gate. A gate that the component does not know is ignored and reported in condition
    /// `ValidFeatureGates`.
    pub feature: String,

    /// Whether the gate is on (`Enable`) or off (`Disable`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FeatureGateMode", extend("default" = "Disable"))]
    pub mode: Option<FeatureGateMode>,
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FeatureGateMode {
    /// The gate is on.
    Enable,
    /// The gate is off.
    #[default]
    Disable,
}

/// How an agent proves to the hub who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationAuthType {
    /// A client certificate, requested with a CertificateSigningRequest on the hub.
    #[default]
    Csr,
    /// An AWS IAM role for service accounts.
    Awsirsa,
    /// A client certificate, requested over OCM's gRPC server.
    Grpc,
}

/// One object that an OCM operator keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelatedResourceMeta {
    /// API group of the object; empty for the core group.
    pub group: String,
    /// API version of the object.
    pub version: String,
    /// Plural resource name of the object.
    pub resource: String,
    /// Namespace of the object; empty for a cluster-scoped one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
}

/// The generation of a Deployment that the operator applied last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationStatus {
    /// API group of the object.
    pub group: String,
    /// API version of the object.
    pub version: String,
    /// Plural resource name of the object.
    pub resource: String,
    /// Namespace of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// `metadata.generation` of the object after the operator applied it last.
    pub last_generation: i64,
}
