//! The spokes of a FleetConfig.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Klusterlet;
use super::fleet_config::secret_namespace_required;
use crate::common::{DeletionPolicy, Kubeconfig, ManagedClusterMetadata, SpokeAddOn, defaults};

/// One spoke of a FleetConfig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpokeEntry {
    /// Name of the Spoke object that is made, and of the ManagedCluster on the hub.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How the spoke cluster is reached. It is needed only until the cluster has joined.
    #[schemars(transform = secret_namespace_required)]
    #[x_kube(validation = crate::cel::one_way_in())]
    pub kubeconfig: Kubeconfig,
    /// Labels, annotations, taints and set of the ManagedCluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_cluster: Option<ManagedClusterMetadata>,
    /// Whether OCM's namespaces on the spoke are created if they do not exist.
    #[serde(default = "defaults::yes")]
    pub create_namespace: bool,
    /// Whether labels of the Klusterlet are copied to everything that OCM makes from it on the
    /// spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_labels: Option<bool>,
    /// URL of the forward proxy through which agents reach the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// Certificate authorities, in PEM, that agents check the proxy with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_ca: Option<String>,
    /// ARN of the EKS cluster that is the spoke. Used if the driver is awsirsa.
    #[serde(default, rename = "clusterARN", skip_serializing_if = "Option::is_none")]
    pub cluster_arn: Option<String>,
    /// OCM's agents on the spoke.
    #[serde(default)]
    pub klusterlet: Klusterlet,
    /// Add-ons that are enabled on the spoke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_ons: Vec<SpokeAddOn>,
    /// What is removed when the spoke is detached. Whether the operator is removed is said by
    /// klusterlet.purgeOperator.
    #[serde(default)]
    pub cleanup_config: SpokeCleanupConfig,
    /// If true, nothing is changed for this spoke until it is false again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What removing this entry, or the FleetConfig, does: Delete detaches the cluster, Orphan
    /// leaves it joined.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl Default for SpokeEntry {
    fn default() -> Self {
        Self {
            name: String::new(),
            kubeconfig: Kubeconfig::default(),
            managed_cluster: None,
            create_namespace: true,
            sync_labels: None,
            proxy_url: None,
            proxy_ca: None,
            cluster_arn: None,
            klusterlet: Klusterlet::default(),
            add_ons: Vec::new(),
            cleanup_config: SpokeCleanupConfig::default(),
            paused: None,
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

/// What is removed when a spoke of a FleetConfig is detached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SpokeCleanupConfig {
    /// Whether the namespace of the agents is removed even if others use it too.
    pub purge_agent_namespace: bool,
    /// Whether the Secret with the spoke's kubeconfig is deleted.
    pub purge_kubeconfig_secret: bool,
    /// Whether works that others made for this cluster are deleted without waiting for their
    /// owners.
    pub force_cluster_drain: bool,
}
