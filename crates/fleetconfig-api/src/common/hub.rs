//! Sections that a Hub and the hub section of a FleetConfig share.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigMapRef, OcmSource, ResourceSpec, SensitiveString};
use crate::names;
use crate::values::ClusterManagerValues;

/// A hub made of OCM's ClusterManager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterManagerConfig {
    /// Feature gates of the hub as a comma-separated list of Name=true and Name=false. Each gate
    /// is handed to the component that knows it; gates that are not named keep OCM's default.
    pub feature_gates: String,
    /// Whether deleting the hub also removes OCM's operator and its CRD.
    pub purge_operator: bool,
    /// Resources of the containers that the operator makes.
    pub resources: ResourceSpec,
    /// OCM release and registry of the hub. The Spokes of the hub follow it.
    pub source: OcmSource,
    /// If true, spokes bootstrap with a Kubernetes bootstrap token instead of a service account's
    /// token. Both are short-lived, made for one spoke, and revoked after the join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_bootstrap_token: Option<bool>,
    /// Values of OCM's cluster-manager chart. They win over those of valuesFrom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<ClusterManagerValues>,
    /// ConfigMap key that holds values of OCM's cluster-manager chart as YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_from: Option<ConfigMapRef>,
}

impl Default for ClusterManagerConfig {
    fn default() -> Self {
        Self {
            feature_gates: names::DEFAULT_HUB_FEATURE_GATES.to_owned(),
            purge_operator: true,
            resources: ResourceSpec::default(),
            source: OcmSource::default(),
            use_bootstrap_token: None,
            values: None,
            values_from: None,
        }
    }
}

fn singleton_name() -> String {
    names::DEFAULT_SINGLETON_NAME.to_owned()
}

/// A hub that runs as one pod with its own API server (OCM's multicluster-controlplane).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Singleton {
    /// Name of the control plane, also its Helm release name.
    #[serde(default = "singleton_name")]
    pub name: String,
    /// Values of the multicluster-controlplane chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<SingletonHelm>,
}

impl Default for Singleton {
    fn default() -> Self {
        Self { name: singleton_name(), helm: None }
    }
}

/// Chart values of a singleton control plane, in the forms that Helm's command line takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SingletonHelm {
    /// Values as a YAML document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<SensitiveString>,
    /// Single values, each as path=value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SensitiveString>,
    /// Single values, each as path=JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_json: Vec<SensitiveString>,
    /// Single values, each as path=text, where the text is taken as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_literal: Vec<SensitiveString>,
    /// Single values, each as path=value, where the value is always text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_string: Vec<SensitiveString>,
}

/// How spokes prove to the hub who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::cel::no_grpc_with_awsirsa())]
pub struct RegistrationAuth {
    /// How agents register: csr by certificate signing requests, awsirsa by AWS identities, grpc
    /// over gRPC.
    #[serde(default)]
    pub driver: RegistrationDriver,
    /// ARN of the EKS cluster that is the hub. Used by driver awsirsa.
    #[serde(default, rename = "hubClusterARN", skip_serializing_if = "Option::is_none")]
    pub hub_cluster_arn: Option<String>,
    /// Regular expressions; a spoke whose EKS ARN matches one is accepted without being asked
    /// about. Used by driver awsirsa.
    #[serde(default, rename = "autoApprovedARNPatterns", skip_serializing_if = "Vec::is_empty")]
    pub auto_approved_arn_patterns: Vec<String>,
    /// Settings of driver grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcConfig>,
}

/// How agents register with the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationDriver {
    /// Certificate signing requests.
    #[default]
    Csr,
    /// AWS identities (IAM roles for service accounts).
    Awsirsa,
    /// gRPC.
    Grpc,
}

/// Settings of registration over gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcConfig {
    /// How the hub's gRPC server is reached: under a host name, or through a load balancer.
    #[serde(default)]
    pub endpoint_type: GrpcEndpointType,
    /// Address of the gRPC server that spokes are given. If left out, it is found out on the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Users whose registrations over gRPC are approved without being asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_approved_identities: Vec<String>,
}

/// How the hub's gRPC server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GrpcEndpointType {
    /// Under a host name.
    #[default]
    Hostname,
    /// Through a Service of type LoadBalancer.
    LoadBalancer,
}
