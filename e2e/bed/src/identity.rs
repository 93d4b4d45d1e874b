//! Who a client is to a cluster, as kubeconfig and as kube client.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, header::USER_AGENT};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::certificates::SignedPair;

/// Credentials for one cluster. No `Debug`: it holds a private key or a token.
#[derive(Clone)]
pub struct Identity {
    pub(crate) cluster: String,
    pub(crate) server: String,
    pub(crate) ca: String,
    pub(crate) user: String,
    pub(crate) credential: Credential,
}

#[derive(Clone)]
pub(crate) enum Credential {
    Certificate(SignedPair),
    Token(String),
}

impl Identity {
    /// The user as the audit log names it.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The same credentials for another way to the cluster.
    #[must_use]
    pub fn at_server(mut self, server: impl Into<String>) -> Self {
        self.server = server.into();
        self
    }

    /// The same credentials, but trusting another certificate authority.
    #[must_use]
    pub fn trusting(mut self, ca_pem: impl Into<String>) -> Self {
        self.ca = ca_pem.into();
        self
    }

    /// A kubeconfig with everything embedded. It is JSON, and so YAML.
    pub fn kubeconfig(&self) -> String {
        format!("{:#}", self.kubeconfig_value())
    }

    fn kubeconfig_value(&self) -> Value {
        let user = match &self.credential {
            Credential::Certificate(pair) => json!({
                "client-certificate-data": STANDARD.encode(&pair.certificate),
                "client-key-data": STANDARD.encode(&pair.key),
            }),
            Credential::Token(token) => json!({ "token": token }),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.cluster,
            "clusters": [{
                "name": self.cluster,
                "cluster": {
                    "server": self.server,
                    "certificate-authority-data": STANDARD.encode(&self.ca),
                },
            }],
            "users": [{ "name": self.user, "user": user }],
            "contexts": [{
                "name": self.cluster,
                "context": { "cluster": self.cluster, "user": self.user },
            }],
        })
    }

    /// A client that names itself `user_agent` in every request.
    ///
    /// # Errors
    /// When the user agent is not a header value, or the client cannot be made.
    pub async fn client(&self, user_agent: &str) -> Result<Client> {
        let kubeconfig: Kubeconfig = serde_json::from_value(self.kubeconfig_value())?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .with_context(|| format!("the kubeconfig of {} for {}", self.user, self.cluster))?;
        let agent =
            HeaderValue::from_str(user_agent).with_context(|| format!("user agent {user_agent:?}"))?;
        config.headers.push((USER_AGENT, agent));
        Client::try_from(config).with_context(|| format!("a client for {} as {}", self.cluster, self.user))
    }
}
