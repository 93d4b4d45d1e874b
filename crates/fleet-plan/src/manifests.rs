//! The objects that make a cluster a hub or a managed cluster: OCM's operators with their rights,
//! and the objects that tell them what to run.
//!
//! Everything here is rendered for one release ([`Bundle`](crate::release::Bundle)) from checked
//! values; the same input gives the same objects in the same order. What an object leaves out, the
//! API server or OCM decides, and we do not own it.

mod bootstrap;
mod bootstrap_token;
mod carrier;
mod hub;
mod hub_rights;
mod images;
pub mod inventory;
mod operator;
mod rbac;
mod resources;
mod spoke;
mod spoke_rights;

pub use bootstrap::{BOOTSTRAP_NAMESPACE, BOOTSTRAP_ROLE, BootstrapKubeconfig, bootstrap_kubeconfig};
pub use bootstrap_token::{
    BOOTSTRAP_GROUP, BootstrapTokenInput, TOKEN_ID_LENGTH, TOKEN_NAMESPACE, TOKEN_SECRET_LENGTH, TOKEN_TYPE,
    bootstrap_token, bootstrap_token_key,
};
pub use carrier::{
    CARRIER_CRD_WORK, CARRIER_MANAGER, CARRIER_WORK, carried_content, carrier, carrier_keys, content_of,
};
pub use hub::{HubManifestInput, hub};
pub use images::has_pull_secret;
pub use spoke::{
    CARRIER_ROLE, HubOnSameCluster, SpokeManifestInput, SpokeManifests, cluster_annotations, spoke,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::feature_gates::GateError;
use crate::object::ManifestError;

/// Why no manifests could be rendered. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A feature gate can not be honoured.
    #[error(transparent)]
    Gates(#[from] GateError),
    /// A valid choice that is not built yet.
    #[error("{field}: {choice} is not supported yet")]
    NotYetSupported {
        /// The field that chooses it.
        field: &'static str,
        /// What it chooses.
        choice: String,
    },
    /// A field whose value can not work.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What was seen, what was expected, what to change. Never a credential.
        problem: String,
    },
    /// A body could not be built.
    #[error("rendering an object")]
    Object(#[from] ManifestError),
}

impl RenderError {
    fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }
}

/// A section of the chart values as the part of OCM's kind that it becomes; the two have the same
/// form.
fn as_ocm<T: DeserializeOwned>(
    field: &'static str,
    section: &impl serde::Serialize,
) -> Result<T, RenderError> {
    serde_json::to_value(section).and_then(serde_json::from_value).map_err(|error| {
        // Numbers are 64 bits wide in the values and 32 in OCM's kinds; all else has been checked.
        let expected = error.to_string();
        let expected = expected.split_once(", expected ").map_or("another form", |(_, expected)| expected);
        RenderError::invalid(field, format!("a value is out of range, expected {expected}"))
    })
}

/// A text that says something.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// A typed part of the values as JSON, null when absent.
fn body(field: &'static str, part: &impl serde::Serialize) -> Result<Value, RenderError> {
    serde_json::to_value(part).map_err(|_| RenderError::invalid(field, "can not be written as JSON"))
}

#[cfg(test)]
mod tests;
