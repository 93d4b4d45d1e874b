//! Values of OCM's cluster-manager chart.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, PodSecurityContext, ResourceRequirements, SecurityContext, Toleration,
};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FeatureGate, Images, ResourceRequirement};
use crate::common::RegistrationDriver;

/// Values of OCM's cluster-manager chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterManagerValues {
    /// Affinity of the operator's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// The ClusterManager object itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_manager: Option<ClusterManagerSection>,
    /// Whether the chart makes a service account for bootstrapping. The controller makes its own,
    /// one for each spoke, whatever this says.
    #[serde(rename = "createBootstrapSA", skip_serializing_if = "Option::is_none")]
    pub create_bootstrap_sa: Option<bool>,
    /// Whether the chart makes a bootstrap token. The controller makes its own, one for each
    /// spoke, whatever this says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_bootstrap_token: Option<bool>,
    /// Whether the chart creates the operator's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_namespace: Option<bool>,
    /// Whether labels of the ClusterManager are copied to everything made from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_sync_labels: Option<bool>,
    /// Where images come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Labels of the nodes that the operator's pods may run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Security settings of the operator's pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_security_context: Option<PodSecurityContext>,
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

/// The ClusterManager object that the chart makes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterManagerSection {
    /// Whether the ClusterManager is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<bool>,
    /// Where the hub's components run: Default means in the hub itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Settings of the add-on manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_on_manager_configuration: Option<FeatureGatedConfig>,
    /// Settings of the placement controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement_configuration: Option<FeatureGatedConfig>,
    /// Settings of the registration controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_configuration: Option<HubRegistrationConfig>,
    /// Resources of the containers that the operator makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_requirement: Option<ResourceRequirement>,
    /// Settings of the server that agents talk to with driver grpc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_configuration: Option<ServerConfig>,
    /// Settings of the work controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_configuration: Option<HubWorkConfig>,
}

/// Settings of a component that has nothing but feature gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FeatureGatedConfig {
    /// Feature gates of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
}

/// Settings of the registration controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubRegistrationConfig {
    /// Users whose certificate requests OCM approves by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve_users: Option<Vec<String>>,
    /// Feature gates of the registration controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// Settings of the importer of Cluster API clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importer_configuration: Option<ImporterConfig>,
    /// Ways to register that the hub offers, each once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["authType".into()]))]
    pub registration_drivers: Option<Vec<HubRegistrationDriver>>,
}

/// Settings of the importer of Cluster API clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImporterConfig {
    /// Renderers of what the importer applies to a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renderers: Option<Vec<String>>,
}

/// One way to register with the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubRegistrationDriver {
    /// The way: csr, awsirsa or grpc.
    #[serde(default)]
    pub auth_type: RegistrationDriver,
    /// Settings of awsirsa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awsirsa: Option<AwsIrsaHub>,
    /// Settings of csr.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<CsrHub>,
    /// Settings of grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcHub>,
}

/// Settings of registration by AWS identities on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AwsIrsaHub {
    /// Regular expressions of EKS ARNs whose clusters are accepted by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,
    /// ARN of the EKS cluster that is the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^arn:aws:eks:([a-zA-Z0-9-]+):(\d{12}):cluster/([a-zA-Z0-9-]+)$"))]
    pub hub_cluster_arn: Option<String>,
    /// Tags of the AWS objects that the hub makes, each as key=value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Settings of registration by certificate signing requests on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CsrHub {
    /// Users whose certificate requests OCM approves by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,
}

/// Settings of registration over gRPC on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GrpcHub {
    /// Users whose registrations OCM approves by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,
}

/// Settings of the server that agents talk to with driver grpc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerConfig {
    /// How the server is reached from outside of the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints_exposure: Option<Vec<EndpointExposure>>,
    /// Feature gates of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// Reference of the server's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_spec: Option<String>,
}

/// One way to reach a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointExposure {
    /// The protocol: grpc or https.
    #[serde(default)]
    pub protocol: EndpointProtocol,
    /// What the endpoint is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The endpoint, if the protocol is grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Endpoint>,
    /// The endpoint, if the protocol is https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Endpoint>,
}

/// Protocol of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// HTTPS.
    Https,
}

/// An endpoint under which a server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// How the server is reached: hostname, loadBalancer or route.
    #[serde(default, rename = "type")]
    pub type_: EndpointExposureType,
    /// The host name, if type is hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameEndpoint>,
    /// The load balancer, if type is loadBalancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancerEndpoint>,
    /// The OpenShift route, if type is route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<LoadBalancerEndpoint>,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndpointExposureType {
    /// Under a host name that the user provides.
    #[default]
    Hostname,
    /// Through a Service of type LoadBalancer.
    LoadBalancer,
    /// Through an OpenShift route.
    Route,
}

/// An endpoint under a host name that the user provides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostnameEndpoint {
    /// Certificate authorities of the endpoint: PEM, base64-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Host name of the endpoint.
    pub host: String,
}

/// An endpoint whose host name the hub may find out by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerEndpoint {
    /// Certificate authorities of the endpoint: PEM, base64-encoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// Host name of the endpoint. If left out, it is taken from what the hub is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Settings of the work controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubWorkConfig {
    /// Feature gates of the work controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
    /// How works travel to the spokes: kube, mqtt or grpc.
    #[serde(default)]
    pub work_driver: WorkDriver,
}

/// How works travel to the spokes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkDriver {
    /// Through the hub's API server.
    #[default]
    Kube,
    /// Through an MQTT broker.
    Mqtt,
    /// Over gRPC.
    Grpc,
}
