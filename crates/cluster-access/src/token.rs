//! Short-lived tokens: of service accounts, and bootstrap tokens of Kubernetes.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use rustls::crypto::aws_lc_rs;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::cluster::Cluster;
use crate::error::AccessError;
use crate::objects::{Doing, built, bytes, named, path};
use fleet_plan::manifests::{TOKEN_ID_LENGTH, TOKEN_SECRET_LENGTH};
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

/// The system gave no randomness, so no secret could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness to make a secret of")]
pub struct NoRandomness;

/// A bootstrap token that nobody knows yet. No `Debug`: it holds the secret.
pub(crate) struct FreshToken {
    /// Its id, which is no secret.
    pub(crate) id: String,
    /// Its secret.
    pub(crate) secret: SecretString,
}

impl FreshToken {
    /// Makes one up, of the randomness that keys are made of.
    pub(crate) fn make() -> Result<Self, NoRandomness> {
        let mut id = String::new();
        fill(&mut id, TOKEN_ID_LENGTH)?;
        // Of full size from the start, so that no copy of a part of it is left behind.
        let mut secret = String::with_capacity(TOKEN_SECRET_LENGTH);
        fill(&mut secret, TOKEN_SECRET_LENGTH)?;
        Ok(Self { id, secret: secret.into() })
    }

    /// What its holder shows to the API server.
    pub(crate) fn bearer(&self) -> SecretString {
        format!("{}.{}", self.id, self.secret.expose_secret()).into()
    }
}

/// Appends characters of `[a-z0-9]`, each equally likely.
fn fill(text: &mut String, length: usize) -> Result<(), NoRandomness> {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let random = aws_lc_rs::default_provider().secure_random;
    let mut bytes = [0; 32];
    while text.len() < length {
        random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        // The largest bytes are passed over: with them the first letters would come more often.
        let fair = bytes.iter().filter(|byte| **byte < 252);
        let letters = fair.filter_map(|byte| ALPHABET.get(usize::from(byte % 36)));
        text.extend(letters.take(length - text.len()).map(|letter| char::from(*letter)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_tokens_have_the_form_that_the_api_server_takes_and_do_not_repeat() {
        let letters = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let mut seen = std::collections::HashSet::new();
        let mut used = std::collections::HashSet::new();
        for _ in 0..200 {
            let token = FreshToken::make().expect("randomness");
            let secret = token.secret.expose_secret();
            assert!(letters(&token.id) && letters(secret), "{}", token.id);
            assert_eq!((token.id.len(), secret.len()), (6, 16));
            assert_eq!(token.bearer().expose_secret(), format!("{}.{secret}", token.id));
            assert!(seen.insert(secret.to_owned()), "a secret came twice");
            used.extend(secret.bytes());
        }
        assert_eq!(used.len(), 36, "every letter and digit is used");
    }
}
