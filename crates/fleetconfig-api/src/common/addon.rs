//! Add-ons: what a hub offers, and how they are set up on a spoke.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names;

fn addon_version() -> String {
    names::DEFAULT_ADDON_VERSION.to_owned()
}

fn agent_install_namespace() -> String {
    names::NAMESPACE_OCM_AGENT_ADDON.to_owned()
}

/// A custom add-on that the hub offers to its spokes. Its manifests come from the ConfigMap named
/// fleet-addon-NAME-VERSION in the object's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnConfig {
    /// Name of the add-on.
    pub name: String,
    /// Version of the add-on.
    #[serde(default = "addon_version")]
    pub version: String,
    /// ClusterRole on the hub that the add-on's agent is bound to in its cluster's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_role_binding: Option<String>,
    /// Whether the add-on's agent gets a client certificate of the hub.
    #[serde(default)]
    pub hub_registration: bool,
    /// Whether an add-on of the same name that someone else made may be overwritten.
    #[serde(default)]
    pub overwrite: bool,
}

impl Default for AddOnConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: addon_version(),
            cluster_role_binding: None,
            hub_registration: false,
            overwrite: false,
        }
    }
}

/// An add-on that is installed on the hub from what the controller ships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubAddOn {
    /// Name of the add-on: argocd or governance-policy-framework.
    pub name: HubAddOnName,
    /// Namespace on the hub to install it in. If left out, the add-on's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_namespace: Option<String>,
    /// Whether that namespace is created if it does not exist.
    #[serde(default)]
    pub create_namespace: bool,
}

/// The add-ons for the hub that the controller ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HubAddOnName {
    /// Argo CD in pull mode.
    Argocd,
    /// The governance policy framework.
    GovernancePolicyFramework,
}

impl HubAddOnName {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argocd => "argocd",
            Self::GovernancePolicyFramework => "governance-policy-framework",
        }
    }
}

/// An add-on that has been installed on the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstalledHubAddOn {
    /// Name of the add-on.
    pub name: String,
    /// OCM release that the add-on was installed from.
    pub bundle_version: String,
    /// Namespace on the hub that the add-on was installed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// An add-on that is enabled on one spoke.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeAddOn {
    /// Name of the add-on: one that the hub offers.
    pub config_name: String,
    /// Annotations of the ManagedClusterAddOn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Namespace on the spoke that the agent is installed in. Ignored if deploymentConfig is set,
    /// which has its own agentInstallNamespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_namespace: Option<String>,
    /// How the agent is deployed on this spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<AddOnDeploymentConfig>,
}

/// How an add-on's agent is deployed on one spoke. It becomes an AddOnDeploymentConfig on the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnDeploymentConfig {
    /// Namespace on the spoke that the agent is installed in.
    #[serde(default = "agent_install_namespace")]
    #[schemars(length(max = 63), regex(pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"))]
    pub agent_install_namespace: String,
    /// Variables that the add-on's manifests may use, each name once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub customized_variables: Vec<CustomizedVariable>,
    /// Nodes of the spoke that the agent may run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_placement: Option<AddOnNodePlacement>,
    /// Proxy that the agent goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_config: Option<AddOnProxyConfig>,
    /// Mirrors that replace the registries of the agent's images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<ImageMirror>,
    /// Resources of the agent's containers, each container once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["containerID".into()]))]
    pub resource_requirements: Vec<ContainerResources>,
}

impl Default for AddOnDeploymentConfig {
    fn default() -> Self {
        Self {
            agent_install_namespace: agent_install_namespace(),
            customized_variables: Vec::new(),
            node_placement: None,
            proxy_config: None,
            registries: Vec::new(),
            resource_requirements: Vec::new(),
        }
    }
}

/// A variable for the manifests of an add-on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizedVariable {
    /// Name of the variable.
    #[schemars(length(max = 255), regex(pattern = r"^[a-zA-Z_][_a-zA-Z0-9]*$"))]
    pub name: String,
    /// Value of the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
}

/// Nodes that an agent may run on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnNodePlacement {
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints of nodes that the agent tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
}

/// Proxy that an agent goes through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddOnProxyConfig {
    /// Certificate authorities of the proxy: PEM, base64-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// URL of the proxy for http requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_proxy: Option<String>,
    /// URL of the proxy for https requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_proxy: Option<String>,
    /// Hosts that are reached without the proxy, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
}

/// A registry and the mirror that replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageMirror {
    /// The registry, with path, that is used instead.
    pub mirror: String,
    /// The registry, with path, that is replaced. If left out, every image's registry is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Resources of one container of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerResources {
    /// The container as RESOURCE:NAME:CONTAINER, such as deployments:my-agent:agent, where RESOURCE
    /// is the plural of a workload kind. Any part may be a star, which stands for all.
    #[serde(rename = "containerID")]
    #[schemars(regex(
        pattern = r"^(deployments|daemonsets|statefulsets|replicasets|jobs|cronjobs|pods|\*):.+:.+$"
    ))]
    pub container_id: String,
    /// Requests and limits of the container.
    pub resources: ResourceRequirements,
}
