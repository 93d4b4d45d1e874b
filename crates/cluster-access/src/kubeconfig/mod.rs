//! Kubeconfigs that users hand in, taken for what they are: untrusted input.
//!
//! A kubeconfig can name programs to run, files to read, proxies to go through and identities to
//! assume. Here it is a document from which a fixed list of fields is taken; fields that would make
//! us do something else are refused by name, with the remedy; all others are ignored, as kubectl
//! ignores them.

mod document;
mod error;
mod refusal;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet_plan::expiry;
use http::Uri;
use http::header::{HeaderValue, USER_AGENT};
use jiff::Timestamp;
use kube::config::AuthInfo;
use kube::{Client, Config};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use secrecy::{ExposeSecret, SecretString};

use crate::cluster::AccessOptions;
use crate::error::Failure;
use document::{Fields, context_names, entry, shown, text};
pub use error::KubeconfigError;

/// What the operator lets a kubeconfig ask for beyond the fields that are always taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubeconfigPolicy {
    /// Take `proxy-url`. Off by default: the proxy sees every connection, and the operator's
    /// network reaches places that the author of the kubeconfig may not.
    pub allow_proxy: bool,
}

/// A kubeconfig reduced to the fields that are safe to use, for one cluster and one user.
///
/// It holds a credential: `Debug` shows the server only.
#[derive(Clone)]
pub struct CheckedKubeconfig {
    server: Uri,
    server_text: String,
    ca_pem: Option<String>,
    ca_der: Option<Vec<Vec<u8>>>,
    tls_server_name: Option<String>,
    proxy: Option<Uri>,
    namespace: Option<String>,
    credentials: Credentials,
}

/// A bearer token, a client certificate, or both, as kubectl sends both.
#[derive(Clone, Default)]
struct Credentials {
    token: Option<SecretString>,
    /// Certificate chain and key, base64 of PEM as in the document.
    certificate: Option<(String, SecretString)>,
    /// When the first of them ends, as far as they tell.
    end: Option<Timestamp>,
}

impl fmt::Debug for CheckedKubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedKubeconfig").field("server", &self.server_text).finish_non_exhaustive()
    }
}

impl CheckedKubeconfig {
    /// Checks a kubeconfig and takes one context of it: the named one, else the current one. An
    /// empty name means none.
    ///
    /// # Errors
    /// When the document is malformed, incomplete, or asks for something that is refused.
    pub fn parse(bytes: &[u8], context: Option<&str>) -> Result<Self, KubeconfigError> {
        Self::parse_with(bytes, context, KubeconfigPolicy::default())
    }

    /// As [`CheckedKubeconfig::parse`], with a policy other than the default.
    ///
    /// # Errors
    /// When the document is malformed, incomplete, or asks for something that is refused.
    pub fn parse_with(
        bytes: &[u8],
        context: Option<&str>,
        policy: KubeconfigPolicy,
    ) -> Result<Self, KubeconfigError> {
        let document = document::parse(bytes)?;
        let context = chosen_context(&document, context)?;
        let cluster = referenced(&document, context, "clusters", "cluster")?;
        let user = referenced(&document, context, "users", "user")?;
        refusal::check_cluster(cluster, policy)?;
        refusal::check_user(user)?;

        let (server, server_text) = server(cluster)?;
        let ca = certificates(cluster, "certificate-authority-data")?;
        let (ca_pem, ca_der) = ca.unzip();
        Ok(Self {
            server,
            server_text,
            ca_pem,
            ca_der,
            tls_server_name: tls_server_name(cluster)?,
            proxy: if policy.allow_proxy { proxy(cluster)? } else { None },
            namespace: text(context, "namespace")?.map(str::to_owned),
            credentials: credentials(user)?,
        })
    }

    /// URL of the API server, as the document has it.
    pub fn server(&self) -> &str {
        &self.server_text
    }

    /// CA bundle of the API server; `None` when the system's roots are to be used.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Name that the server's certificate must be for, when it is not the host of the URL.
    pub fn tls_server_name(&self) -> Option<&str> {
        self.tls_server_name.as_deref()
    }

    /// When the first of the credentials ends; `None` when none of them tells.
    pub fn credentials_end(&self) -> Option<Timestamp> {
        self.credentials.end
    }

    /// Namespace of the context.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// A client of this cluster. It does not retry: queues do that, and know when to stop.
    pub(crate) fn client(&self, options: &AccessOptions) -> Result<Client, Failure> {
        Client::try_from(self.config(options)?).map_err(Failure::of)
    }

    fn config(&self, options: &AccessOptions) -> Result<Config, Failure> {
        let agent = HeaderValue::from_str(&options.user_agent).map_err(|_| Failure::Unusable {
            detail: "the user agent cannot be a header".to_owned(),
            source: None,
        })?;
        let mut config = Config::new(self.server.clone());
        config.root_cert = self.ca_der.clone();
        config.tls_server_name = self.tls_server_name.clone();
        config.proxy_url = self.proxy.clone().or_else(|| options.proxy.proxy_for(&self.server));
        config.connect_timeout = Some(options.connect_timeout);
        config.default_retry = false;
        config.headers.push((USER_AGENT, agent));
        if let Some(namespace) = &self.namespace {
            config.default_namespace.clone_from(namespace);
        }
        let (certificate, key) = self.credentials.certificate.clone().unzip();
        config.auth_info = AuthInfo {
            token: self.credentials.token.clone(),
            client_certificate_data: certificate,
            client_key_data: key,
            ..AuthInfo::default()
        };
        Ok(config)
    }
}

fn chosen_context<'a>(document: &'a Fields, wanted: Option<&str>) -> Result<&'a Fields, KubeconfigError> {
    let name = match wanted.filter(|name| !name.is_empty()) {
        Some(name) => name,
        None => text(document, "current-context")?
            .ok_or_else(|| KubeconfigError::NoContext { available: context_names(document) })?,
    };
    entry(document, "contexts", "context", name)?.ok_or_else(|| KubeconfigError::UnknownContext {
        name: shown(name),
        available: context_names(document),
    })
}

fn referenced<'a>(
    document: &'a Fields,
    context: &'a Fields,
    list: &'static str,
    what: &'static str,
) -> Result<&'a Fields, KubeconfigError> {
    let name = text(context, what)?.ok_or(KubeconfigError::Missing {
        field: what,
        remedy: "the context must name a cluster and a user",
    })?;
    entry(document, list, what, name)?.ok_or_else(|| KubeconfigError::Dangling { what, name: shown(name) })
}

fn server(cluster: &Fields) -> Result<(Uri, String), KubeconfigError> {
    const FIELD: &str = "server";
    let unusable = |problem| KubeconfigError::Unusable { field: FIELD, problem };
    let text = text(cluster, FIELD)?.ok_or(KubeconfigError::Missing {
        field: FIELD,
        remedy: "the cluster must say where its API server is",
    })?;
    let uri: Uri = text.parse().map_err(|_| unusable("is not a URL"))?;
    if uri.scheme_str() != Some("https") {
        return Err(unusable("is not an https URL"));
    }
    let authority = uri.authority().ok_or_else(|| unusable("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(unusable("holds a user name or password"));
    }
    if authority.host().is_empty() {
        return Err(unusable("has no host"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(unusable("has a query or a fragment"));
    }
    Ok((uri.clone(), text.to_owned()))
}

fn tls_server_name(cluster: &Fields) -> Result<Option<String>, KubeconfigError> {
    const FIELD: &str = "tls-server-name";
    let Some(name) = text(cluster, FIELD)? else { return Ok(None) };
    match ServerName::try_from(name) {
        Ok(_) => Ok(Some(name.to_owned())),
        Err(_) => Err(KubeconfigError::Unusable { field: FIELD, problem: "is not a host name" }),
    }
}

fn proxy(cluster: &Fields) -> Result<Option<Uri>, KubeconfigError> {
    const FIELD: &str = "proxy-url";
    let unusable = |problem| KubeconfigError::Unusable { field: FIELD, problem };
    let Some(text) = text(cluster, FIELD)? else { return Ok(None) };
    let uri: Uri = text.parse().map_err(|_| unusable("is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(unusable("is not an http or https URL"));
    }
    Ok(Some(uri))
}

fn credentials(user: &Fields) -> Result<Credentials, KubeconfigError> {
    const CERTIFICATE: &str = "client-certificate-data";
    const KEY: &str = "client-key-data";
    let token = match text(user, "token")?.map(str::trim) {
        None => None,
        // What else could not be a header value; the client would panic on it.
        Some(token) if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Err(KubeconfigError::Unusable {
                field: "token",
                problem: "holds characters that no token has (is it still base64 of a Secret, or broken over lines?)",
            });
        }
        Some(token) => Some(SecretString::from(token)),
    };
    let chain = certificates(user, CERTIFICATE)?;
    let ends = [
        token.as_ref().and_then(|token| expiry::token_end(token.expose_secret())),
        chain.as_ref().and_then(|(pem, _)| expiry::certificate_end(pem.as_bytes())),
    ];
    let key = decoded_text(user, KEY)?.map(SecretString::from);
    let certificate = match (chain, key) {
        (None, None) => None,
        (Some((chain, _)), Some(key)) => {
            let count = PrivateKeyDer::pem_slice_iter(key.expose_secret().as_bytes())
                .take_while(Result::is_ok)
                .count();
            if count != 1 {
                return Err(KubeconfigError::Unusable {
                    field: KEY,
                    problem: "does not hold one private key in PEM (PKCS#8, PKCS#1 or SEC1)",
                });
            }
            Some((STANDARD.encode(chain), SecretString::from(STANDARD.encode(key.expose_secret()))))
        }
        (Some(_), None) => {
            return Err(KubeconfigError::Missing {
                field: KEY,
                remedy: "a client certificate needs its key",
            });
        }
        (None, Some(_)) => {
            return Err(KubeconfigError::Missing {
                field: CERTIFICATE,
                remedy: "a client key needs its certificate",
            });
        }
    };
    if token.is_none() && certificate.is_none() {
        return Err(KubeconfigError::Missing {
            field: "credentials",
            remedy: "the user needs a token, or client-certificate-data with client-key-data",
        });
    }
    Ok(Credentials { token, certificate, end: ends.into_iter().flatten().min() })
}

/// The text of a base64 field, without the line breaks that some tools put in.
fn decoded_text(fields: &Fields, field: &'static str) -> Result<Option<String>, KubeconfigError> {
    let Some(encoded) = text(fields, field)? else { return Ok(None) };
    let compact: String = encoded.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(compact);
    let bytes = bytes.map_err(|_| KubeconfigError::Unusable { field, problem: "is not base64" })?;
    let text = String::from_utf8(bytes);
    Ok(Some(text.map_err(|_| KubeconfigError::Unusable { field, problem: "is not base64 of PEM" })?))
}

/// Certificates as PEM and as DER.
type Certificates = (String, Vec<Vec<u8>>);

/// The certificates of a base64 field.
fn certificates(fields: &Fields, field: &'static str) -> Result<Option<Certificates>, KubeconfigError> {
    let Some(pem) = decoded_text(fields, field)? else { return Ok(None) };
    let der: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect();
    match der {
        Ok(der) if !der.is_empty() => Ok(Some((pem, der))),
        _ => Err(KubeconfigError::Unusable { field, problem: "holds no certificate in PEM" }),
    }
}

#[cfg(test)]
mod tests;
