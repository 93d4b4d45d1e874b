//! Proof that an address presents a certificate that a CA vouches for, before others are told to
//! rely on both.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleetconfig_api::reason::Reason;
use http::Uri;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::Failure;
use crate::proxy::ProxyRules;
use crate::transport;

/// Why an address and a CA do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not `https://host[:port]`.
    #[error("{endpoint} is not an https URL with a host")]
    Malformed {
        /// What was given.
        endpoint: String,
    },
    /// The CA is no PEM bundle of certificates.
    #[error("the CA for {endpoint} holds no usable certificate in PEM")]
    CaInvalid {
        /// The address.
        endpoint: String,
    },
    /// No connection.
    #[error("{endpoint} cannot be reached: {detail}")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What the network said.
        detail: String,
    },
    /// Not done in time.
    #[error("{endpoint} did not complete a TLS handshake within {after:?}")]
    Timeout {
        /// The address.
        endpoint: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// The certificate is not what the CA vouches for.
    #[error("the CA does not vouch for {endpoint}: {detail}{}", .issuer.as_ref().map(|issuer| format!("; the certificate was issued by {issuer}")).unwrap_or_default())]
    Untrusted {
        /// The address.
        endpoint: String,
        /// What is wrong.
        detail: String,
        /// Who issued the certificate that was presented.
        issuer: Option<String>,
    },
    /// The process has no TLS crypto provider.
    #[error("no TLS crypto provider is installed in this process; the binary has to install one at start-up")]
    NoProvider,
}

impl EndpointError {
    /// Whether the same probe may succeed later although nobody changes anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. })
    }

    /// The word of the catalogue for this error.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Malformed { .. }
            | Self::CaInvalid { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Untrusted { .. } => Reason::HubEndpointInvalid,
            Self::NoProvider => Reason::InternalError,
        }
    }
}

/// Verifies by a TLS handshake that `endpoint` (`https://host[:port]`) presents a certificate for
/// that host which the CA bundle verifies. Sends no request, but to a proxy on the way. The whole probe has
/// one deadline.
///
/// # Errors
/// What does not fit, with the issuer of the certificate that was seen.
pub async fn tls_probe(
    endpoint: &str,
    ca_pem: &str,
    proxy: &ProxyRules,
    deadline: Duration,
) -> Result<(), EndpointError> {
    let shown = endpoint.to_owned();
    match tokio::time::timeout(deadline, handshake(endpoint, ca_pem, proxy)).await {
        Ok(verdict) => verdict,
        Err(_) => Err(EndpointError::Timeout { endpoint: shown, after: deadline }),
    }
}

async fn handshake(endpoint: &str, ca_pem: &str, proxy: &ProxyRules) -> Result<(), EndpointError> {
    let malformed = || EndpointError::Malformed { endpoint: without_user(endpoint) };
    let uri: Uri = endpoint.parse().map_err(|_| malformed())?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or_else(malformed)?;
    if uri.scheme_str() != Some("https") {
        return Err(malformed());
    }
    // An IPv6 literal has brackets in a URL and none elsewhere.
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone()).map_err(|_| malformed())?;

    let provider = CryptoProvider::get_default().cloned().ok_or(EndpointError::NoProvider)?;
    let ca_invalid = || EndpointError::CaInvalid { endpoint: endpoint.to_owned() };
    let roots = roots(ca_pem).ok_or_else(ca_invalid)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let witness = Arc::new(Witness { inner: verifier.map_err(|_| ca_invalid())?, issuer: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| EndpointError::NoProvider)?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();

    let unreachable = |detail: String| EndpointError::Unreachable { endpoint: endpoint.to_owned(), detail };
    let tcp = proxy.connect(&uri, &host, port).await.map_err(|error| unreachable(network(error)))?;
    match TlsConnector::from(Arc::new(config)).connect(name, tcp).await {
        Ok(_) => Ok(()),
        Err(error) => match transport::failure(Box::new(error)) {
            Failure::Tls { detail, .. } => Err(EndpointError::Untrusted {
                endpoint: endpoint.to_owned(),
                detail,
                issuer: witness.issuer.lock().unwrap_or_else(PoisonError::into_inner).take(),
            }),
            // Asking for a client certificate comes after the server's was verified.
            Failure::Unauthorized { .. } => Ok(()),
            Failure::Unreachable { detail, .. } => Err(unreachable(detail)),
            other => Err(unreachable(other.to_string())),
        },
    }
}

fn roots(ca_pem: &str) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

fn network(error: io::Error) -> String {
    match transport::failure(Box::new(error)) {
        Failure::Unreachable { detail, .. } => detail,
        other => other.to_string(),
    }
}

/// A URL for a message, without what may be a password in it.
fn without_user(endpoint: &str) -> String {
    match endpoint.rsplit_once('@') {
        Some((_, rest)) => rest.to_owned(),
        None => endpoint.to_owned(),
    }
}

/// Leaves every decision to the verifier within, and notes who issued what it was shown.
#[derive(Debug)]
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    issuer: Mutex<Option<String>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if verdict.is_err() {
            // The last certificate that a server presents names the CA that it expects us to know.
            let topmost = intermediates.last().unwrap_or(end_entity);
            let issuer = X509Certificate::from_der(topmost).ok();
            let issuer = issuer.map(|(_, certificate)| certificate.issuer().to_string());
            *self.issuer.lock().unwrap_or_else(PoisonError::into_inner) =
                issuer.map(|issuer| crate::redact::foreign_text(&issuer));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
