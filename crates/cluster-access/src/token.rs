//! Short-lived tokens of service accounts.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::cluster::Cluster;
use crate::error::AccessError;
use crate::objects::{Doing, built, bytes, named, path};
use fleet_plan::object::ObjectKey;

/// A token and the end of its life.
#[derive(Clone)]
pub struct MintedToken {
    /// The token. Wiped from memory when dropped.
    pub secret: SecretString,
    /// When it stops being valid, by the API server's clock.
    pub expires_at: Timestamp,
}

impl fmt::Debug for MintedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Mints a token of a service account for this API server (TokenRequest, default audience).
    ///
    /// The API server takes no less than 600 seconds and may shorten what is asked; the answer
    /// tells. Deleting the ServiceAccount revokes the token.
    ///
    /// # Errors
    /// When the account does not exist or the server does not mint.
    pub async fn mint_token(
        &self,
        namespace: &str,
        service_account: &str,
        expiration_seconds: i64,
    ) -> Result<MintedToken, AccessError> {
        #[derive(Deserialize)]
        struct Answer {
            status: Status,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            token: SecretString,
            expiration_timestamp: Timestamp,
        }
        let key = ObjectKey::namespaced::<ServiceAccount>(namespace, service_account);
        let doing = Doing("minting a token of", &key);
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": { "expirationSeconds": expiration_seconds },
        });
        let request = path(&key.resource, Some(namespace)).create_subresource(
            "token",
            named(&doing, &key)?,
            &PostParams::default(),
            bytes(&body),
        );
        let answer: Answer = self.call(&doing, built(&doing, request)?).await?;
        Ok(MintedToken { secret: answer.status.token, expires_at: answer.status.expiration_timestamp })
    }
}
