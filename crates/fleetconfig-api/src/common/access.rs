//! How a cluster is reached, and references to objects that say so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names;

fn kubeconfig_key() -> String {
    names::DEFAULT_KUBECONFIG_KEY.to_owned()
}

/// How to reach a cluster: exactly one of secretReference and inCluster is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kubeconfig {
    /// The Secret that holds a kubeconfig of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_reference: Option<SecretReference>,
    /// If true, the cluster is the one that the controller itself talks to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_cluster: Option<bool>,
    /// The context of the kubeconfig to use. If empty, its current context is used. Ignored if
    /// inCluster is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// The one way in that a [`Kubeconfig`] chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessPath<'a> {
    /// The cluster that the controller itself talks to.
    InCluster,
    /// A kubeconfig in a Secret.
    Secret(&'a SecretReference),
}

/// A [`Kubeconfig`] that chooses no way in, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubeconfigError {
    /// Neither `secretReference` nor `inCluster: true`.
    Neither,
    /// Both `secretReference` and `inCluster: true`.
    Both,
}

impl std::fmt::Display for KubeconfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Neither => "neither secretReference nor inCluster is set; set exactly one",
            Self::Both => "both secretReference and inCluster are set; set exactly one",
        })
    }
}

impl std::error::Error for KubeconfigError {}

impl Kubeconfig {
    /// The way in that this kubeconfig chooses.
    ///
    /// # Errors
    ///
    /// If it chooses none or both. The schema refuses that where a kubeconfig
    /// is needed, but not where it is optional.
    pub fn access_path(&self) -> Result<AccessPath<'_>, KubeconfigError> {
        match (&self.secret_reference, self.in_cluster.unwrap_or(false)) {
            (Some(secret), false) => Ok(AccessPath::Secret(secret)),
            (None, true) => Ok(AccessPath::InCluster),
            (None, false) => Err(KubeconfigError::Neither),
            (Some(_), true) => Err(KubeconfigError::Both),
        }
    }

    /// The context to use, with upstream's empty string read as "not set".
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref().filter(|context| !context.is_empty())
    }
}

/// A Secret that holds a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    pub name: String,
    /// Namespace of the Secret. On a Hub or Spoke it may be left out, which means the namespace of
    /// the object; another namespace is honoured only on objects that a FleetConfig made and that
    /// names the same Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Key of the Secret's data that holds the kubeconfig.
    #[serde(default = "kubeconfig_key")]
    pub kubeconfig_key: String,
}

impl Default for SecretReference {
    fn default() -> Self {
        Self { name: String::new(), namespace: None, kubeconfig_key: kubeconfig_key() }
    }
}

/// One key of a ConfigMap in the namespace of the object that refers to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Key of the ConfigMap's data.
    #[schemars(length(min = 1))]
    pub key: String,
}
