//! A bootstrap token of Kubernetes: a Secret from which the API server reads who may log in with it.
//!
//! Names, keys and their forms are Kubernetes' own (`bootstrapapi`, "Authenticating with Bootstrap
//! Tokens"). The user of a token is `system:bootstrap:<token-id>`, and it stops being let in when its
//! Secret is deleted or its expiration is over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::object::{Manifest, ManifestError, ObjectKey};

/// The one namespace in which the API server looks for bootstrap tokens.
pub const TOKEN_NAMESPACE: &str = "kube-system";

/// Type of a Secret that is a bootstrap token.
pub const TOKEN_TYPE: &str = "bootstrap.kubernetes.io/token";

/// Group of the bootstrap tokens that are made for spokes; it has the rights of the bootstrap
/// accounts and no other. The API server takes only groups of this prefix, without dots.
pub const BOOTSTRAP_GROUP: &str = "system:bootstrappers:fleetconfig:spokes";

/// Length of a token id, in characters of `[a-z0-9]`.
pub const TOKEN_ID_LENGTH: usize = 6;

/// Length of a token's secret, in characters of `[a-z0-9]`.
pub const TOKEN_SECRET_LENGTH: usize = 16;

/// What the name of a token's Secret begins with; its id follows.
const NAME_PREFIX: &str = "bootstrap-token-";

/// A token for a spoke. No `Debug`: it holds the secret.
pub struct BootstrapTokenInput<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a SecretString,
    /// When it ends; parts of a second are cut off.
    pub expires_at: Timestamp,
    /// What it is for.
    pub description: &'a str,
    /// Labels of the Secret.
    pub labels: &'a [(String, String)],
}

/// The key of the Secret of the token with this id.
pub fn bootstrap_token_key(id: &str) -> ObjectKey {
    ObjectKey::namespaced::<Secret>(TOKEN_NAMESPACE, format!("{NAME_PREFIX}{id}"))
}

/// Secret of a token that lets its holder log in as a member of [`BOOTSTRAP_GROUP`], and nothing else.
///
/// # Errors
/// Never, as far as we know; the manifest's own check is passed on.
pub fn bootstrap_token(input: &BootstrapTokenInput<'_>) -> Result<Manifest, ManifestError> {
    let whole_seconds = Timestamp::from_second(input.expires_at.as_second()).unwrap_or(input.expires_at);
    let expiration = whole_seconds.to_string();
    let entries = [
        ("token-id", input.id),
        ("token-secret", input.secret.expose_secret()),
        ("expiration", expiration.as_str()),
        ("usage-bootstrap-authentication", "true"),
        ("auth-extra-groups", BOOTSTRAP_GROUP),
        ("description", input.description),
    ];
    let data: Map<String, Value> =
        entries.into_iter().map(|(key, text)| (key.to_owned(), STANDARD.encode(text).into())).collect();
    let labels: Map<String, Value> =
        input.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    let key = bootstrap_token_key(input.id);
    Manifest::of_value::<Secret>(json!({
        "metadata": { "name": key.name, "namespace": TOKEN_NAMESPACE, "labels": labels },
        "type": TOKEN_TYPE,
        "data": data,
    }))
}
