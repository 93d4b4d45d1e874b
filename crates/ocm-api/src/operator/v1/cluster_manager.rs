//! ClusterManager: OCM on a hub.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::server::ServerConfiguration;
use super::shared::{
    FeatureGate, GenerationStatus, NodePlacement, RegistrationAuthType, RelatedResourceMeta,
    ResourceRequirement,
};
use crate::schema::{self, EKS_ARN_PATTERN, HOST_PATTERN};

/// What OCM's operator should run for a hub.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "operator.open-cluster-management.io",
    version = "v1",
    kind = "ClusterManager",
    plural = "clustermanagers",
    singular = "clustermanager",
    status = "ClusterManagerStatus",
    derive = "PartialEq",
    doc = "The controllers and webhooks that make a cluster an Open Cluster Management hub. In mode Default they run on the hub itself, in namespace open-cluster-management-hub; in mode Hosted on another cluster, in a namespace named like this object."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterManagerSpec {
    /// Image of the registration controller and its webhook. The default has no tag; name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "quay.io/open-cluster-management/registration"))]
    pub registration_image_pull_spec: Option<String>,

    /// Image of the work controller and its webhook. The default has no tag; name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "quay.io/open-cluster-management/work"))]
    pub work_image_pull_spec: Option<String>,

    /// Image of the placement controller. The default has no tag; name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "quay.io/open-cluster-management/placement"))]
    pub placement_image_pull_spec: Option<String>,

    /// Image of the add-on manager and its webhook. The default has no tag; name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "quay.io/open-cluster-management/addon-manager"))]
    pub add_on_manager_image_pull_spec: Option<String>,

    /// Where the hub's pods may be scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodePlacement")]
    pub node_placement: Option<NodePlacement>,

    /// On which cluster the hub's pods run, and how its webhooks are reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ClusterManagerDeployOption", extend("default" = { "mode": "Default" }))]
    pub deploy_option: Option<ClusterManagerDeployOption>,

    /// Settings of the registration controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RegistrationHubConfiguration")]
    pub registration_configuration: Option<RegistrationHubConfiguration>,

    /// Settings of the work controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WorkConfiguration", extend("default" = { "workDriver": "kube" }))]
    pub work_configuration: Option<WorkConfiguration>,

    /// Settings of the add-on manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddOnManagerConfiguration")]
    pub add_on_manager_configuration: Option<AddOnManagerConfiguration>,

    /// Settings of the placement controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PlacementConfiguration")]
    pub placement_configuration: Option<PlacementConfiguration>,

    /// Settings of the gRPC server; it runs when a registration driver is `grpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ServerConfiguration")]
    pub server_configuration: Option<ServerConfiguration>,

    /// CPU and memory of every container of the hub's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ResourceRequirement")]
    pub resource_requirement: Option<ResourceRequirement>,
}

/// On which cluster the hub's pods run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterManagerDeployOption {
    /// `Default`: the hub's pods run on the hub. `Hosted`: only CRDs and configuration are put on the
    /// hub; the pods run on the cluster that holds this object and reach the hub by the kubeconfig in
    /// Secret `external-hub-kubeconfig`. Must not be changed later.
    #[schemars(extend("default" = "Default"))]
    pub mode: ClusterManagerMode,

    /// The webhook servers in mode `Default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultClusterManagerConfiguration")]
    pub default: Option<DefaultClusterManagerConfiguration>,

    /// The webhook servers in mode `Hosted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HostedClusterManagerConfiguration")]
    pub hosted: Option<HostedClusterManagerConfiguration>,
}

/// Where a hub's pods run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterManagerMode {
    /// On the hub itself.
    #[default]
    Default,
    /// On another cluster.
    Hosted,
}

/// The webhook servers of a hub whose pods run on the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultClusterManagerConfiguration {
    /// Webhook server of registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultWebhookConfiguration")]
    pub registration_webhook_configuration: Option<DefaultWebhookConfiguration>,

    /// Webhook server of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultWebhookConfiguration")]
    pub work_webhook_configuration: Option<DefaultWebhookConfiguration>,

    /// Webhook server of add-ons. The conversion webhooks in OCM's CRDs always call port 9443, so
    /// leave this server on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DefaultWebhookConfiguration")]
    pub addon_webhook_configuration: Option<DefaultWebhookConfiguration>,
}

/// The webhook servers of a hub whose pods run elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostedClusterManagerConfiguration {
    /// Webhook server of registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HostedWebhookConfiguration")]
    pub registration_webhook_configuration: Option<HostedWebhookConfiguration>,

    /// Webhook server of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HostedWebhookConfiguration")]
    pub work_webhook_configuration: Option<HostedWebhookConfiguration>,
}

/// A webhook server on the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultWebhookConfiguration {
    /// Ports on which the server listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BindConfiguration")]
    pub bind_configuration: Option<BindConfiguration>,
}

/// A webhook server outside the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostedWebhookConfiguration {
    /// Host name or IPv4 address at which the hub's API server reaches the webhook server.
    #[schemars(regex(pattern = HOST_PATTERN))]
    pub address: String,

    /// Port at which the hub's API server reaches the webhook server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 65535), extend("default" = 443))]
    pub port: Option<i32>,

    /// Ports on which the server listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BindConfiguration")]
    pub bind_configuration: Option<BindConfiguration>,
}

/// Ports on which a webhook server listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindConfiguration {
    /// Port of the webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 65535), extend("default" = 9443))]
    pub port: Option<i32>,

    /// Port of the health checks; zero or less turns them off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 65535), extend("default" = 8000))]
    pub health_probe_port: Option<i32>,

    /// Port of the metrics; zero or less turns them off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 65535), extend("default" = 8080))]
    pub metrics_port: Option<i32>,

    /// Whether the server's pod uses the network of its node, for clusters whose API server cannot
    /// reach the pod network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
}

/// Settings of the registration controller on the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationHubConfiguration {
    /// Users whose certificate requests OCM approves without asking, with feature gate
    /// ManagedClusterAutoApproval. With the gate on, OCM accepts every new ManagedCluster, whoever
    /// made it: the list restricts certificates only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve_users: Option<Vec<String>>,

    /// Feature gates of the registration controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,

    /// The ways in which agents may register, one entry per `authType`. A list without `csr` turns the
    /// approval of certificate requests off; no list means `csr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["authType"]))]
    pub registration_drivers: Option<Vec<RegistrationDriverHub>>,

    /// Settings of the importer, which needs feature gate ClusterImporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ImporterConfiguration")]
    pub importer_configuration: Option<ImporterConfiguration>,
}

/// One way in which agents may register.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationDriverHub {
    /// How agents prove who they are.
    #[schemars(extend("default" = "csr"))]
    pub auth_type: RegistrationAuthType,

    /// Settings for `authType: csr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CsrConfig")]
    pub csr: Option<CsrConfig>,

    /// Settings for `authType: awsirsa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AwsIrsaConfig")]
    pub awsirsa: Option<AwsIrsaConfig>,

    /// Settings for `authType: grpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GrpcRegistrationConfig")]
    pub grpc: Option<GrpcRegistrationConfig>,
}

/// Registration by certificate request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrConfig {
    /// Users whose certificate requests OCM approves without asking, with feature gate
    /// ManagedClusterAutoApproval. Takes the place of `autoApproveUsers` when not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,
}

/// Registration by an AWS IAM role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIrsaConfig {
    /// ARN of the hub's EKS cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = EKS_ARN_PATTERN))]
    pub hub_cluster_arn: Option<String>,

    /// Patterns of ARNs of EKS clusters that OCM accepts without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,

    /// Tags, as `key=value`, for the IAM resources that OCM makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Registration over the gRPC server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRegistrationConfig {
    /// Users whose requests OCM approves without asking, with feature gate ManagedClusterAutoApproval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approved_identities: Option<Vec<String>>,
}

/// Settings of OCM's own cluster importer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImporterConfiguration {
    /// How the importer finds the settings of a new agent: `render-auto`, `render-from-config-secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renderers: Option<Vec<String>>,
}

/// Settings of the work controller on the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkConfiguration {
    /// Feature gates of the work controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,

    /// How work reaches the agents. Other than `kube`, agents must be set to the same, and the hub
    /// namespace must hold Secret `work-driver-config` with key `config.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "WorkDriver", extend("default" = "kube"))]
    pub work_driver: Option<WorkDriver>,
}

/// How work reaches the agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkDriver {
    /// Agents watch ManifestWorks on the hub.
    #[default]
    Kube,
    /// CloudEvents over MQTT.
    Mqtt,
    /// CloudEvents over gRPC.
    Grpc,
}

/// Settings of the add-on manager on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnManagerConfiguration {
    /// Feature gates of the add-on manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
}

/// Settings of the placement controller on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementConfiguration {
    /// Feature gates of the placement controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,
}

/// What OCM's operator says about a hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterManagerStatus {
    /// `metadata.generation` that the operator acted on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// State of the hub. `Applied` alone is not enough to call it ready: the webhooks are installed
    /// only after `Progressing` became False.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,

    /// The hub's Deployments with the generation that the operator applied last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<GenerationStatus>,

    /// Everything that the operator keeps for this hub.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related_resources: Vec<RelatedResourceMeta>,
}
