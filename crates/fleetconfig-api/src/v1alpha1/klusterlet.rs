//! The klusterlet section of a spoke entry.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::common::{
    ConfigMapRef, KlusterletCarrier, KlusterletMode, Kubeconfig, OcmSource, ResourceSpec, defaults,
};
use crate::values::{AddOnAuthType, KlusterletValues};

/// The klusterlet: OCM's agents on the spoke and their operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = crate::cel::hosted_needs_secret())]
pub struct Klusterlet {
    /// Annotations for the ManagedCluster. The prefix agent.open-cluster-management.io/ is put
    /// before a key that does not have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Feature gates of the agents as a comma-separated list of Name=true and Name=false. Gates
    /// that are not named keep OCM's default.
    #[serde(default = "defaults::spoke_feature_gates")]
    pub feature_gates: String,
    /// Where the agents run: Default on the spoke, Hosted on the cluster of kubeconfig while they
    /// manage the cluster of managedClusterKubeconfig.
    #[serde(default)]
    pub mode: KlusterletMode,
    /// How changes of the klusterlet reach a spoke that has joined. ManifestWork: by OCM's own agent, so
    /// that the kubeconfig may be deleted when PivotComplete is True. Kubeconfig: by the kubeconfig. If left
    /// out, ManifestWork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "KlusterletCarrier")]
    pub carrier: Option<KlusterletCarrier>,
    /// Whether registration and work run as one agent instead of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singleton: Option<bool>,
    /// Whether agents are given the hub's address inside of its own cluster or network. Needed for
    /// a hub that manages itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_internal_endpoint_lookup: Option<bool>,
    /// Whether Hosted agents are given the managed cluster's internal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_internal_endpoint_lookup_managed: Option<bool>,
    /// How Hosted agents reach the cluster that they manage. Needed under mode Hosted, where it
    /// must refer to a Secret; ignored otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(transform = super::fleet_config::secret_namespace_required)]
    pub managed_cluster_kubeconfig: Option<Kubeconfig>,
    /// Resources of the agents' containers.
    #[serde(default)]
    pub resources: ResourceSpec,
    /// OCM release and registry of the spoke.
    #[serde(default)]
    pub source: OcmSource,
    /// Whether detaching the spoke also removes OCM's operator and its CRD.
    #[serde(default = "defaults::yes")]
    pub purge_operator: bool,
    /// How add-on agents get their credentials for the hub: csr or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddOnAuthType")]
    pub addon_kube_client_registration_auth: Option<AddOnAuthType>,
    /// How long add-on agents' tokens live, in seconds. Used by token; 0 means OCM's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub addon_token_expiration_seconds: Option<i64>,
    /// Values of OCM's klusterlet chart. They win over those of valuesFrom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<KlusterletValues>,
    /// ConfigMap key that holds values of OCM's klusterlet chart as YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_from: Option<ConfigMapRef>,
}

impl Default for Klusterlet {
    fn default() -> Self {
        Self {
            annotations: BTreeMap::new(),
            feature_gates: defaults::spoke_feature_gates(),
            mode: KlusterletMode::default(),
            carrier: None,
            singleton: None,
            force_internal_endpoint_lookup: None,
            force_internal_endpoint_lookup_managed: None,
            managed_cluster_kubeconfig: None,
            resources: ResourceSpec::default(),
            source: OcmSource::default(),
            purge_operator: true,
            addon_kube_client_registration_auth: None,
            addon_token_expiration_seconds: None,
            values: None,
            values_from: None,
        }
    }
}
