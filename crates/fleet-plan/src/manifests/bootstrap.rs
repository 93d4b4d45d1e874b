//! How a spoke's agent first reaches the hub: rights there, and the credential here.
//!
//! Whoever gets hold of a bootstrap token may ask for certificates and look at single ManagedClusters,
//! and no more. What OCM v1.2.1 wants of the credential, and what becomes of it without:
//!
//! | wanted | by | without |
//! | --- | --- | --- |
//! | CSRs: create, get, list, watch | the agent, to get its certificate | no join; granted |
//! | managedclusters: get | the agent, to see whether its cluster is there | granted |
//! | managedclusters: create, `managedclustersets/join` | the agent, to create its cluster; the operator's self-check asks as well | our operator has created it; a refusal is swallowed, and the Klusterlet says `BootstrapSecretUnauthorized` instead of `BootstrapSecretFunctional` in `HubConnectionDegraded` until the agent has its certificate |
//! | managedclusters: list, watch | an informer that nothing waits for | two lines in the agent's log |
//! | managedclusters: update | the agent, to add server URLs | a refusal is swallowed |
//! | configmaps: get in all namespaces | clusteradm, to find the hub's CA | the agent never asks |

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use x509_parser::pem::Pem;

use super::bootstrap_token::BOOTSTRAP_GROUP;
use super::rbac::{Rule, Subject, cluster_role, cluster_role_binding};
use super::{RenderError, operator};
use crate::endpoint::HubEndpoint;
use crate::object::{Manifest, ManifestError};

/// Namespace on the hub with one ServiceAccount for each spoke that is joining.
pub const BOOTSTRAP_NAMESPACE: &str = "open-cluster-management-bootstrap";

/// ClusterRole on the hub with what an agent needs until it has a certificate; bound to all
/// ServiceAccounts of [`BOOTSTRAP_NAMESPACE`] and to the bootstrap tokens of [`BOOTSTRAP_GROUP`]. It is not clusteradm's
/// `open-cluster-management:bootstrap`, which lets its holder create ManagedClusters.
pub const BOOTSTRAP_ROLE: &str = "fleetconfig.open-cluster-management.io:bootstrap";

const BOOTSTRAP_RULES: &[Rule] = &[
    Rule::new(&["certificates.k8s.io"], &["certificatesigningrequests"], &["create", "get", "list", "watch"]),
    Rule::new(&["cluster.open-cluster-management.io"], &["managedclusters"], &["get"]),
];

/// Namespace, role and binding on the hub.
pub(super) fn rights() -> Result<[Manifest; 3], ManifestError> {
    Ok([
        operator::namespace(BOOTSTRAP_NAMESPACE)?,
        cluster_role(BOOTSTRAP_ROLE, BOOTSTRAP_RULES)?,
        cluster_role_binding(
            BOOTSTRAP_ROLE,
            // Always both, so that a hub that changes from one to the other needs no moment between.
            &[
                Subject::AccountsOf { namespace: BOOTSTRAP_NAMESPACE },
                Subject::Group { name: BOOTSTRAP_GROUP },
            ],
        )?,
    ])
}

/// What goes into a spoke's bootstrap Secret. No `Debug`: it holds the token.
pub struct BootstrapKubeconfig<'a> {
    /// Namespace of the agent.
    pub namespace: &'a str,
    /// How the spoke reaches the hub.
    pub endpoint: &'a HubEndpoint,
    /// Token of the spoke's ServiceAccount on the hub.
    pub token: &'a SecretString,
    /// Forward proxy between agent and hub.
    pub proxy_url: Option<&'a str>,
    /// PEM of the CA that signs what the proxy presents; used only together with `proxy_url`.
    pub proxy_ca: Option<&'a str>,
    /// Labels of the Secret.
    pub labels: &'a [(String, String)],
}

/// Secret `bootstrap-hub-kubeconfig`, with the names that clusteradm gives to cluster, context and
/// user: an agent compares cluster name, server, proxy and CA with those it has joined with, and
/// registers anew when one differs. For the same reason the bytes are the same for the same input.
///
/// # Errors
/// When a CA holds no certificate.
pub fn bootstrap_kubeconfig(input: &BootstrapKubeconfig<'_>) -> Result<Manifest, RenderError> {
    let mut cluster = Map::new();
    cluster.insert("server".into(), input.endpoint.server.as_str().into());
    let ca = bundle(input)?;
    cluster.insert("certificate-authority-data".into(), STANDARD.encode(ca).into());
    if let Some(proxy) = input.proxy_url {
        cluster.insert("proxy-url".into(), proxy.into());
    }
    // JSON is YAML, and has one way to be written.
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "hub", "cluster": cluster }],
        "contexts": [{
            "name": "bootstrap",
            "context": { "cluster": "hub", "user": "bootstrap", "namespace": "default" },
        }],
        "current-context": "bootstrap",
        "users": [{ "name": "bootstrap", "user": { "token": input.token.expose_secret() } }],
    });
    let labels: Map<String, Value> =
        input.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    Ok(Manifest::of_value::<Secret>(json!({
        "metadata": {
            "name": ocm_api::names::secrets::BOOTSTRAP_HUB_KUBECONFIG,
            "namespace": input.namespace,
            "labels": labels,
        },
        "type": "Opaque",
        "data": { ocm_api::names::keys::KUBECONFIG: STANDARD.encode(kubeconfig.to_string()) },
    }))?)
}

/// The hub's CA as it is, and behind it the proxy's certificates that it does not hold already.
fn bundle(input: &BootstrapKubeconfig<'_>) -> Result<String, RenderError> {
    let mut bundle = input.endpoint.ca_pem.clone();
    let mut known = certificates("ca", &bundle)?.into_iter().collect::<BTreeSet<_>>();
    let proxy_ca = input.proxy_url.and(input.proxy_ca).filter(|pem| !pem.trim().is_empty());
    let Some(proxy_ca) = proxy_ca else { return Ok(bundle) };
    for certificate in certificates("proxyCa", proxy_ca)? {
        if !known.contains(&certificate) {
            if !bundle.ends_with('\n') {
                bundle.push('\n');
            }
            bundle.push_str(&pem(&certificate));
            known.insert(certificate);
        }
    }
    Ok(bundle)
}

/// The certificates of a PEM text, DER, in their order.
fn certificates(field: &'static str, text: &str) -> Result<Vec<Vec<u8>>, RenderError> {
    let malformed = || RenderError::invalid(field, "PEM certificates were expected");
    let mut found = Vec::new();
    for block in Pem::iter_from_buffer(text.as_bytes()) {
        let block = block.map_err(|_| malformed())?;
        if block.label == "CERTIFICATE" {
            found.push(block.contents);
        }
    }
    if found.is_empty() { Err(malformed()) } else { Ok(found) }
}

/// A certificate as PEM, 64 characters a line.
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
