//! Reading the Secrets that say what a spoke's agent can do on a hub: two on the spoke's cluster, which
//! is not trusted, and its bootstrap tokens on the hub. What cannot be read counts as absent.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;
use serde::Deserialize;
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

use super::facts::{BootstrapSeen, BootstrapToken, CredentialSeen};
use crate::manifests::{
    BOOTSTRAP_GROUP, TOKEN_ID_LENGTH, TOKEN_SECRET_LENGTH, TOKEN_TYPE, bootstrap_token_key,
};

/// More than this is no kubeconfig that we or an agent wrote.
const MAX_BYTES: usize = 256 * 1024;

/// Prefix of the common name of an agent's certificate (OCM's registration contract).
pub(crate) const SUBJECT_PREFIX: &str = "system:open-cluster-management:";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedCluster {
    cluster: ClusterEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    server: Option<String>,
    certificate_authority_data: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    user: UserEntry,
}

#[derive(Deserialize)]
struct UserEntry {
    token: Option<String>,
}

/// The claims of a ServiceAccount token that we look at. They are not verified: the worst that a
/// forged one can do is to have us mint a token too many or too few for its own cluster.
#[derive(Deserialize)]
struct Claims {
    exp: Option<i64>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<KubernetesClaims>,
}

#[derive(Deserialize)]
struct KubernetesClaims {
    serviceaccount: Option<AccountClaims>,
}

#[derive(Deserialize)]
struct AccountClaims {
    uid: Option<String>,
}

/// Reads the bootstrap Secret. A Secret without a readable kubeconfig is one without an end.
pub fn bootstrap(secret: &Secret) -> BootstrapSeen {
    let kubeconfig = kubeconfig(secret);
    let cluster = kubeconfig.as_ref().and_then(|config| config.clusters.first()).map(|c| &c.cluster);
    let user = kubeconfig.as_ref().and_then(|config| config.users.first());
    let token = user.and_then(|user| user.user.token.as_deref());
    let claims = token.and_then(claims);
    BootstrapSeen {
        server: cluster.and_then(|cluster| cluster.server.clone()),
        ca_pem: cluster.and_then(|cluster| cluster.certificate_authority_data.as_deref()).and_then(pem),
        expires_at: claims
            .as_ref()
            .and_then(|claims| claims.exp)
            .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        account_uid: claims.and_then(|claims| claims.kubernetes?.serviceaccount?.uid),
        token_id: token.and_then(token_id).map(str::to_owned),
    }
}

/// The id of a bootstrap token of Kubernetes.
fn token_id(token: &str) -> Option<&str> {
    let (id, secret) = token.split_once('.')?;
    (is_token_part(id, TOKEN_ID_LENGTH) && is_token_part(secret, TOKEN_SECRET_LENGTH)).then_some(id)
}

fn is_token_part(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A Secret of the hub that may be a bootstrap token. What makes it a secret is not read.
#[derive(Deserialize)]
pub struct TokenSecret {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    data: TokenData,
}

#[derive(Default, Deserialize)]
struct TokenData {
    #[serde(rename = "token-id")]
    id: Option<ByteString>,
    expiration: Option<ByteString>,
    #[serde(rename = "usage-bootstrap-authentication")]
    authentication: Option<ByteString>,
    #[serde(rename = "auth-extra-groups")]
    groups: Option<ByteString>,
}

impl TokenSecret {
    /// The bootstrap token that it is; `None` when it is none, or is named for another id, because the
    /// API server does not take such a one either.
    pub fn token(&self) -> Option<BootstrapToken> {
        let text = |bytes: &Option<ByteString>| -> Option<String> {
            String::from_utf8(bytes.as_ref()?.0.clone()).ok()
        };
        let id = text(&self.data.id).filter(|id| is_token_part(id, TOKEN_ID_LENGTH))?;
        if self.kind != TOKEN_TYPE || self.metadata.name.as_ref() != Some(&bootstrap_token_key(&id).name) {
            return None;
        }
        let as_made = text(&self.data.authentication).as_deref() == Some("true")
            && text(&self.data.groups).as_deref() == Some(BOOTSTRAP_GROUP)
            && self.metadata.deletion_timestamp.is_none();
        let end = text(&self.data.expiration).and_then(|text| text.parse().ok());
        Some(BootstrapToken { id, uid: self.metadata.uid.clone()?, usable_until: end.filter(|_| as_made) })
    }
}

/// Reads the Secret in which the agent keeps its hub credential; `None` when it holds no certificate.
pub fn credential(secret: &Secret) -> Option<CredentialSeen> {
    let bytes = &secret.data.as_ref()?.get("tls.crt")?.0;
    let (_, pem) = parse_x509_pem(bytes.get(..MAX_BYTES.min(bytes.len()))?).ok()?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
    let common_name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    let mut parts = common_name.strip_prefix(SUBJECT_PREFIX).into_iter().flat_map(|rest| rest.split(':'));
    let server = kubeconfig(secret)
        .and_then(|config| config.clusters.into_iter().next())
        .and_then(|cluster| cluster.cluster.server);
    Some(CredentialSeen {
        cluster_name: parts.next().map(str::to_owned),
        agent_name: parts.next().map(str::to_owned),
        not_after: Timestamp::from_second(certificate.validity().not_after.timestamp()).ok(),
        server,
    })
}

fn kubeconfig(secret: &Secret) -> Option<Kubeconfig> {
    let bytes = &secret.data.as_ref()?.get("kubeconfig")?.0;
    if bytes.len() > MAX_BYTES {
        return None;
    }
    serde_saphyr::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn pem(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(entries: &[(&str, &str)]) -> Secret {
        let data =
            entries.iter().map(|(key, text)| ((*key).to_owned(), ByteString(text.as_bytes().to_vec())));
        Secret { data: Some(data.collect()), ..Secret::default() }
    }

    #[test]
    fn a_bootstrap_secret_tells_where_how_long_and_whose() {
        let payload = URL_SAFE_NO_PAD
            .encode(r#"{"exp":1800000000,"kubernetes.io":{"serviceaccount":{"name":"a","uid":"u-1"}}}"#);
        let text = format!(
            "clusters:\n- name: hub\n  cluster: {{server: 'https://h:6443', certificate-authority-data: {}}}\nusers:\n- name: bootstrap\n  user: {{token: head.{payload}.tail}}\n",
            STANDARD.encode("PEM")
        );
        let seen = bootstrap(&secret(&[("kubeconfig", &text)]));
        assert_eq!(seen.server.as_deref(), Some("https://h:6443"));
        assert_eq!(seen.ca_pem.as_deref(), Some("PEM"));
        assert_eq!(seen.expires_at, Timestamp::from_second(1_800_000_000).ok());
        assert_eq!(seen.account_uid.as_deref(), Some("u-1"));
    }

    #[test]
    fn garbage_is_absent_and_no_panic() {
        for text in ["", "::", "clusters: 7", "users: [{user: {token: a.b}}]", "\u{0}"] {
            let seen = bootstrap(&secret(&[("kubeconfig", text), ("tls.crt", text)]));
            assert_eq!(seen.expires_at, None);
            assert_eq!(credential(&secret(&[("tls.crt", text)])), None);
        }
        assert_eq!(credential(&Secret::default()), None);
    }
}
