//! Klusterlet: OCM's agent on a managed cluster.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::{
    FeatureGate, GenerationStatus, NodePlacement, RegistrationAuthType, RelatedResourceMeta,
    ResourceRequirement,
};
use crate::schema::{self, DURATION_PATTERN, EKS_ARN_PATTERN, HOST_PATTERN, IPV4_PATTERN};

/// What OCM's operator should run for a managed cluster.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "operator.open-cluster-management.io",
    version = "v1",
    kind = "Klusterlet",
    plural = "klusterlets",
    singular = "klusterlet",
    status = "KlusterletStatus",
    derive = "PartialEq",
    doc = "The agent that makes a cluster a managed cluster of an Open Cluster Management hub. To register it needs Secret bootstrap-hub-kubeconfig in the agent's namespace; in a hosted mode also Secret external-managed-kubeconfig, by which it reaches the managed cluster."
)]
#[serde(rename_all = "camelCase")]
pub struct KlusterletSpec {
    /// Namespace of the agent on the managed cluster; `open-cluster-management-agent` when unset. In a
    /// hosted mode it holds only service accounts and roles there, and the agent runs on the hosting
    /// cluster in a namespace named like this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 57), regex(pattern = "^open-cluster-management-[-a-z0-9]*[a-z0-9]$"))]
    pub namespace: Option<String>,

    /// Image of the registration agent, in modes Default and Hosted. There is no usable default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_image_pull_spec: Option<String>,

    /// Image of the work agent, in modes Default and Hosted. There is no usable default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_image_pull_spec: Option<String>,

    /// Image of the agent (registration-operator) in modes Singleton and SingletonHosted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_spec: Option<String>,

    /// Name of the ManagedCluster on the hub. When unset the agent makes one up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub cluster_name: Option<String>,

    /// Addresses at which the hub can reach the managed cluster's API server. They become
    /// `managedClusterClientConfigs` of the ManagedCluster.
    #[serde(rename = "externalServerURLs", default, skip_serializing_if = "Option::is_none")]
    pub external_server_urls: Option<Vec<ServerUrl>>,

    /// Where the agent's pods may be scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodePlacement")]
    pub node_placement: Option<NodePlacement>,

    /// On which cluster the agent runs, and as how many Deployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KlusterletDeployOption")]
    pub deploy_option: Option<KlusterletDeployOption>,

    /// Settings of the registration agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RegistrationConfiguration")]
    pub registration_configuration: Option<RegistrationConfiguration>,

    /// Settings of the work agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WorkAgentConfiguration")]
    pub work_configuration: Option<WorkAgentConfiguration>,

    /// An entry for the hosts file of the agent's pods, so that they find the hub's API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HubApiServerHostAlias")]
    pub hub_api_server_host_alias: Option<HubApiServerHostAlias>,

    /// CPU and memory of every container of the agent's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResourceRequirement")]
    pub resource_requirement: Option<ResourceRequirement>,

    /// PriorityClass of the agent's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

/// An address of the managed cluster's API server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerUrl {
    /// The address; https only.
    pub url: String,

    /// Certificates, PEM, by which the address is verified. The agent reports its own cluster's CA
    /// instead of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub ca_bundle: Option<ByteString>,
}

/// An entry for the hosts file of the agent's pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubApiServerHostAlias {
    /// IPv4 address of the hub's API server.
    #[schemars(regex(pattern = IPV4_PATTERN))]
    pub ip: String,

    /// Host name that should lead to the address.
    #[schemars(regex(pattern = HOST_PATTERN))]
    pub hostname: String,
}

/// On which cluster the agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KlusterletDeployOption {
    /// `Default` (also when empty): registration and work agent as two Deployments on the managed
    /// cluster. `Singleton`: both in one Deployment. `Hosted` and `SingletonHosted`: the same on
    /// another cluster, which reaches the managed one by Secret `external-managed-kubeconfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text")]
    pub mode: Option<KlusterletMode>,
}

/// Where an agent runs, and as how many Deployments.
///
/// OCM's CRD accepts any text, so what we do not know is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KlusterletMode {
    /// Two Deployments on the managed cluster.
    #[default]
    Default,
    /// One Deployment on the managed cluster.
    Singleton,
    /// Two Deployments on another cluster.
    Hosted,
    /// One Deployment on another cluster.
    SingletonHosted,
    /// Anything else; OCM treats it like `Default`.
    #[serde(untagged)]
    Other(String),
}

impl KlusterletMode {
    /// Whether the agent runs on another cluster than the managed one.
    pub fn is_hosted(&self) -> bool {
        matches!(self, Self::Hosted | Self::SingletonHosted)
    }

    /// Whether registration and work agent share one Deployment.
    pub fn is_singleton(&self) -> bool {
        matches!(self, Self::Singleton | Self::SingletonHosted)
    }
}

/// Settings of the registration agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationConfiguration {
    /// Lifetime in seconds that the agent asks for its client certificates. Unset or 0 leaves it to the
    /// hub's signer, which may also shorten it; otherwise at least 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert_expiration_seconds: Option<i32>,

    /// Feature gates of the registration agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,

    /// Annotations that the agent puts on the ManagedCluster when it creates it. Only keys that begin
    /// with `agent.open-cluster-management.io` are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_annotations: Option<BTreeMap<String, String>>,

    /// Labels for the ManagedCluster when the agent creates it. OCM up to 1.3 does not read this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_labels: Option<BTreeMap<String, String>>,

    /// Requests per second that the agent may send to the managed cluster's API server.
    #[serde(rename = "kubeAPIQPS", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 50))]
    pub kube_api_qps: Option<i32>,

    /// Requests that the agent may send to the managed cluster's API server in one burst.
    #[serde(rename = "kubeAPIBurst", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 100))]
    pub kube_api_burst: Option<i32>,

    /// The hubs among which the agent may choose, with feature gate MultipleHubs. It moves on to the
    /// next when it lost its hub or the hub denies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BootstrapKubeConfigs")]
    pub bootstrap_kube_configs: Option<BootstrapKubeConfigs>,

    /// How the agent proves to the hub who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RegistrationDriver")]
    pub registration_driver: Option<RegistrationDriver>,

    /// How add-on agents prove to the hub who they are, when they talk to its Kubernetes API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddOnRegistrationDriver")]
    pub add_on_kube_client_registration_driver: Option<AddOnRegistrationDriver>,

    /// Which ClusterClaims the agent reports to the hub, with feature gate ClusterClaim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterClaimConfiguration")]
    pub cluster_claim_configuration: Option<ClusterClaimConfiguration>,
}

/// The hubs among which an agent may choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapKubeConfigs {
    /// Where the hubs are named: nowhere, so that Secret `bootstrap-hub-kubeconfig` is the only one
    /// (`None`), or in `localSecretsConfig` (`LocalSecrets`).
    #[serde(rename = "type")]
    #[schemars(extend("default" = "None"))]
    pub type_: BootstrapKubeConfigsType,

    /// The hubs; for `type: LocalSecrets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LocalSecretsConfig")]
    pub local_secrets_config: Option<LocalSecretsConfig>,
}

/// Where the hubs are named among which an agent may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BootstrapKubeConfigsType {
    /// There is one hub, in Secret `bootstrap-hub-kubeconfig`.
    #[default]
    None,
    /// In Secrets of the agent's namespace.
    LocalSecrets,
}

/// The hubs among which an agent may choose, as Secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretsConfig {
    /// The Secrets with bootstrap kubeconfigs, in the agent's namespace; the first usable one is taken.
    pub kube_config_secrets: Vec<KubeConfigSecret>,

    /// Seconds without contact to the hub after which the agent tries the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 180), extend("default" = 600))]
    pub hub_connection_timeout_seconds: Option<i32>,
}

/// A Secret with a bootstrap kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigSecret {
    /// Name of the Secret.
    pub name: String,
}

/// How an agent proves to the hub who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationDriver {
    /// By what the agent proves it. The hub must have the same driver on.
    #[schemars(extend("default" = "csr"))]
    pub auth_type: RegistrationAuthType,

    /// The clusters' names at AWS; for `authType: awsirsa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AwsIrsa")]
    pub aws_irsa: Option<AwsIrsa>,
}

/// Names of hub and managed cluster at AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIrsa {
    /// ARN of the hub's EKS cluster.
    #[schemars(length(min = 1), regex(pattern = EKS_ARN_PATTERN))]
    pub hub_cluster_arn: String,

    /// ARN of the managed EKS cluster. The name of the agent's IAM role on the hub's account ends in a
    /// hash of it.
    #[schemars(length(min = 1), regex(pattern = EKS_ARN_PATTERN))]
    pub managed_cluster_arn: String,
}

/// How add-on agents prove to the hub who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnRegistrationDriver {
    /// By what they prove it. Add-ons with a signer of their own always use `csr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddOnRegistrationAuthType")]
    pub auth_type: Option<AddOnRegistrationAuthType>,

    /// Settings for `authType: token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TokenConfig")]
    pub token: Option<TokenConfig>,
}

/// By what an add-on agent proves to the hub who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddOnRegistrationAuthType {
    /// A client certificate.
    #[default]
    Csr,
    /// A token of a service account in the cluster's namespace on the hub.
    Token,
}

/// Tokens of add-on agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenConfig {
    /// Lifetime of the tokens in seconds; unset or 0 means OCM's default of a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<i64>,
}

/// Which ClusterClaims an agent reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterClaimConfiguration {
    /// How many claims, apart from the reserved ones, are reported at most.
    #[schemars(extend("default" = 20))]
    pub max_custom_cluster_claims: i32,

    /// Endings of claim names that count as reserved, besides OCM's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 64)))]
    pub reserved_cluster_claim_suffixes: Option<Vec<String>>,
}

/// Settings of the work agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkAgentConfiguration {
    /// Feature gates of the work agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,

    /// Requests per second that the agent may send to the managed cluster's API server.
    #[serde(rename = "kubeAPIQPS", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 50))]
    pub kube_api_qps: Option<i32>,

    /// Requests that the agent may send to the managed cluster's API server in one burst.
    #[serde(rename = "kubeAPIBurst", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 100))]
    pub kube_api_burst: Option<i32>,

    /// Requests per second that the agent may send to the hub's API server.
    #[serde(rename = "hubKubeAPIQPS", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 50))]
    pub hub_kube_api_qps: Option<i32>,

    /// Requests that the agent may send to the hub's API server in one burst.
    #[serde(rename = "hubKubeAPIBurst", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 100))]
    pub hub_kube_api_burst: Option<i32>,

    /// How long the agent keeps what a ManifestWork delivered after that work vanished from the hub,
    /// as whole hours, minutes and seconds (`1h30m`). The agent's own default is 60m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub applied_manifest_work_eviction_grace_period: Option<String>,

    /// How often the agent looks at what it delivered, as whole hours, minutes and seconds, between 5s
    /// and 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub status_sync_interval: Option<String>,
}

/// What OCM's operator says about an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KlusterletStatus {
    /// `metadata.generation` that the operator acted on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// State of the agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// The agent's Deployments with the generation that the operator applied last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<GenerationStatus>,

    /// Everything that the operator keeps for this agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related_resources: Vec<RelatedResourceMeta>,
}
