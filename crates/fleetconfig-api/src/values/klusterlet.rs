//! Values of OCM's klusterlet chart.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, PodSecurityContext, ResourceRequirements, SecurityContext, Toleration,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AddOnAuthType, FeatureGate, Images, ResourceRequirement};
use crate::common::{RegistrationDriver, SensitiveString};

/// Values of OCM's klusterlet chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KlusterletValues {
    /// Affinity of the operator's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// A bootstrap kubeconfig for the hub. The controller makes its own, short-lived, whatever
    /// this says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_hub_kube_config: Option<SensitiveString>,
    /// Whether the chart creates the operator's and the agents' namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_namespace: Option<bool>,
    /// Whether labels of the Klusterlet are copied to everything made from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_sync_labels: Option<bool>,
    /// A kubeconfig of the managed cluster, for agents that run elsewhere (mode Hosted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_managed_kube_config: Option<SensitiveString>,
    /// Connection settings for a hub that is reached over gRPC. Refused if the Hub uses driver
    /// grpc, because the controller makes its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_config: Option<SensitiveString>,
    /// Where images come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// The Klusterlet object itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub klusterlet: Option<KlusterletSection>,
    /// Bootstrap kubeconfigs for several hubs, one of which the agent chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_hub_bootstrap_hub_kube_configs: Option<Vec<MultiHubBootstrapKubeConfig>>,
    /// Whether only the Klusterlet is made, because the operator is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_operator: Option<bool>,
    /// Labels of the nodes that the operator's pods may run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Security settings of the operator's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
    /// Priority class of the operator's and the agents' pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// Number of the operator's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_count: Option<i64>,
    /// Resources of the operator's container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Security settings of the operator's container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,
    /// Taints of nodes that the operator's pods tolerate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
}

/// A bootstrap kubeconfig for one of several hubs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MultiHubBootstrapKubeConfig {
    /// Name of the Secret that the chart makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<SensitiveString>,
}

/// The Klusterlet object that the chart makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KlusterletSection {
    /// Name of the cluster. The controller sets it from the Spoke, whatever this says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Whether the Klusterlet is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Addresses of the cluster's API server that are written into the ManagedCluster.
    #[serde(rename = "externalServerURLs", skip_serializing_if = "Option::is_none")]
    pub external_server_urls: Option<Vec<ServerUrl>>,
    /// Mode of the klusterlet: Default or Singleton. If left out, the Spoke's klusterlet.singleton
    /// decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Name of the Klusterlet object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace of the agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Nodes that the agents may run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_placement: Option<NodePlacement>,
    /// Settings of the registration agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_configuration: Option<SpokeRegistrationConfig>,
    /// Resources of the agents' containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_requirement: Option<ResourceRequirement>,
    /// Settings of the work agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_configuration: Option<SpokeWorkConfig>,
}

/// An address of the cluster's API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerUrl {
    /// Certificate authorities of the address: PEM, base64-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// The address.
    pub url: String,
}

/// Nodes that the agents may run on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePlacement {
    /// Labels that a node must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints of nodes that the agents tolerate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
}

/// Settings of the registration agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SpokeRegistrationConfig {
    /// How add-on agents get their credentials for the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_on_kube_client_registration_driver: Option<AddOnKubeClientDriver>,
    /// Which bootstrap kubeconfigs the agent chooses from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_kube_configs: Option<BootstrapKubeConfigs>,
    /// How long the agent's client certificate is asked for, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert_expiration_seconds: Option<i64>,
    /// Annotations that the agent gives its ManagedCluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_annotations: Option<BTreeMap<String, String>>,
    /// Which claims of the cluster are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_claim_configuration: Option<ClusterClaimConfig>,
    /// Labels that the agent gives its ManagedCluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_labels: Option<BTreeMap<String, String>>,
    /// Feature gates of the registration agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// Requests to the API servers that the agent may send at once.
    #[serde(rename = "kubeAPIBurst")]
    pub kube_api_burst: i64,
    /// Requests to the API servers that the agent may send in a second.
    #[serde(rename = "kubeAPIQPS")]
    pub kube_api_qps: i64,
    /// How the agent registers with the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_driver: Option<SpokeRegistrationDriver>,
}

impl Default for SpokeRegistrationConfig {
    fn default() -> Self {
        Self {
            add_on_kube_client_registration_driver: None,
            bootstrap_kube_configs: None,
            client_cert_expiration_seconds: None,
            cluster_annotations: None,
            cluster_claim_configuration: None,
            cluster_labels: None,
            feature_gates: None,
            kube_api_burst: 100,
            kube_api_qps: 50,
            registration_driver: None,
        }
    }
}

/// How add-on agents get their credentials for the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AddOnKubeClientDriver {
    /// The way: csr or token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddOnAuthType")]
    pub auth_type: Option<AddOnAuthType>,
    /// Settings of token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<AddOnKubeClientToken>,
}

/// Settings of add-on agents' tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AddOnKubeClientToken {
    /// How long a token lives, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_seconds: Option<i64>,
}

/// Which bootstrap kubeconfigs the agent chooses from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapKubeConfigs {
    /// None uses the one bootstrap kubeconfig; LocalSecrets uses those of localSecretsConfig.
    #[serde(default, rename = "type")]
    pub type_: BootstrapKubeConfigsType,
    /// Settings of LocalSecrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_secrets_config: Option<LocalSecretsConfig>,
}

/// Where an agent's bootstrap kubeconfigs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum BootstrapKubeConfigsType {
    /// The one bootstrap kubeconfig.
    #[default]
    None,
    /// Secrets in the agent's namespace.
    LocalSecrets,
}

const fn hub_connection_timeout() -> i64 {
    600
}

/// Bootstrap kubeconfigs in Secrets of the agent's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretsConfig {
    /// How long the agent may be without a connection to its hub, in seconds, before it chooses
    /// another.
    #[serde(default = "hub_connection_timeout")]
    #[schemars(range(min = 180))]
    pub hub_connection_timeout_seconds: i64,
    /// The Secrets, in the order in which they are tried.
    pub kube_config_secrets: Vec<KubeConfigSecret>,
}

impl Default for LocalSecretsConfig {
    fn default() -> Self {
        Self { hub_connection_timeout_seconds: hub_connection_timeout(), kube_config_secrets: Vec::new() }
    }
}

/// A Secret with a bootstrap kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfigSecret {
    /// Name of the Secret.
    pub name: String,
}

/// Which claims of a cluster are reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterClaimConfig {
    /// Most claims of the user's own that are reported.
    pub max_custom_cluster_claims: i64,
    /// Suffixes of claim names that count as reserved and are always reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10))]
    pub reserved_cluster_claim_suffixes: Option<Vec<String>>,
}

impl Default for ClusterClaimConfig {
    fn default() -> Self {
        Self { max_custom_cluster_claims: 20, reserved_cluster_claim_suffixes: None }
    }
}

/// How the agent registers with the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeRegistrationDriver {
    /// The way: csr, awsirsa or grpc. The Hub's registrationAuth.driver decides.
    #[serde(default)]
    pub auth_type: RegistrationDriver,
    /// Settings of awsirsa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_irsa: Option<SpokeAwsIrsa>,
}

/// Settings of registration by AWS identities on a spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeAwsIrsa {
    /// ARN of the EKS cluster that is the hub.
    #[schemars(
        length(min = 1),
        regex(pattern = r"^arn:aws:eks:([a-zA-Z0-9-]+):(\d{12}):cluster/([a-zA-Z0-9-]+)$")
    )]
    pub hub_cluster_arn: String,
    /// ARN of the EKS cluster that is the spoke.
    #[schemars(
        length(min = 1),
        regex(pattern = r"^arn:aws:eks:([a-zA-Z0-9-]+):(\d{12}):cluster/([a-zA-Z0-9-]+)$")
    )]
    pub managed_cluster_arn: String,
}

/// Settings of the work agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SpokeWorkConfig {
    /// How long a work's objects stay on the spoke after the spoke lost its hub, such as 60m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(s|m|h))+$"))]
    pub applied_manifest_work_eviction_grace_period: Option<String>,
    /// Feature gates of the work agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// Requests to the hub that the agent may send at once.
    #[serde(rename = "hubKubeAPIBurst")]
    pub hub_kube_api_burst: i64,
    /// Requests to the hub that the agent may send in a second.
    #[serde(rename = "hubKubeAPIQPS")]
    pub hub_kube_api_qps: i64,
    /// Requests to its own cluster that the agent may send at once.
    #[serde(rename = "kubeAPIBurst")]
    pub kube_api_burst: i64,
    /// Requests to its own cluster that the agent may send in a second.
    #[serde(rename = "kubeAPIQPS")]
    pub kube_api_qps: i64,
    /// How often the state of a work's objects is reported, such as 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+(s|m|h))+$"))]
    pub status_sync_interval: Option<String>,
}

impl Default for SpokeWorkConfig {
    fn default() -> Self {
        Self {
            applied_manifest_work_eviction_grace_period: None,
            feature_gates: None,
            hub_kube_api_burst: 100,
            hub_kube_api_qps: 50,
            kube_api_burst: 100,
            kube_api_qps: 50,
            status_sync_interval: None,
        }
    }
}
