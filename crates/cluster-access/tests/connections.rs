//! What is said about an API server that cannot be reached, trusted or persuaded, with real sockets
//! and real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cluster_access::{
    AccessError, AccessOptions, CheckedKubeconfig, Cluster, EndpointError, Failure, ProxyRules, tls_probe,
};
use fleetconfig_api::reason::Reason;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const TOKEN: &str = "s3cr3t-token";

fn provider() {
    // Whoever is first in this process wins; all are the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A certificate authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn server(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let (certificate, key) = self.leaf(host, change);
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
    }

    fn leaf(
        &self,
        host: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap())
    }
}

/// How a server behaves after the TLS handshake.
#[derive(Clone, Copy)]
enum Manner {
    Answers(&'static str),
    Silent,
}

const KUBE_SYSTEM: Manner = Manner::Answers("200 OK\r\n\r\n{\"metadata\":{\"uid\":\"u-1\"}}");
const UNAUTHORIZED: Manner = Manner::Answers(
    "401 Unauthorized\r\n\r\n{\"kind\":\"Status\",\"code\":401,\"reason\":\"Unauthorized\",\"message\":\"got Bearer s3cr3t-token\"}",
);

/// Serves TLS until the test ends.
async fn serve(config: ServerConfig, manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(socket).await else { return };
                let mut request = [0; 4096];
                let _ = tls.read(&mut request).await;
                match manner {
                    Manner::Answers(text) => {
                        let _ = tls.write_all(format!("HTTP/1.1 {text}").as_bytes()).await;
                        let _ = tls.shutdown().await;
                    }
                    Manner::Silent => std::future::pending().await,
                }
            });
        }
    });
    address
}

fn open(server: &str, ca_pem: &str) -> Cluster {
    open_through(ProxyRules::default(), server, ca_pem)
}

fn open_through(proxy: ProxyRules, server: &str, ca_pem: &str) -> Cluster {
    let kubeconfig = json!({
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(ca_pem)}}],
        "users": [{"name": "x", "user": {"token": TOKEN}}],
    });
    let kubeconfig = CheckedKubeconfig::parse(kubeconfig.to_string().as_bytes(), None).unwrap();
    let options = AccessOptions {
        request_timeout: Duration::from_secs(3),
        connect_timeout: Duration::from_secs(1),
        proxy,
        ..AccessOptions::default()
    };
    Cluster::open(&kubeconfig, &options).unwrap()
}

async fn error(server: &str, ca_pem: &str) -> AccessError {
    let error = open(server, ca_pem).uid().await.unwrap_err();
    let mut told = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        told += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    assert!(!told.contains(TOKEN), "{told}");
    error
}

fn at(address: SocketAddr) -> String {
    format!("https://{address}")
}

#[tokio::test]
async fn a_trusted_server_is_asked() {
    provider();
    let authority = Authority::new("right");
    let address = serve(authority.server("127.0.0.1", |_| {}), KUBE_SYSTEM).await;
    assert_eq!(open(&at(address), &authority.pem()).uid().await.unwrap().as_str(), "u-1");
    tls_probe(&at(address), &authority.pem(), &ProxyRules::default(), Duration::from_secs(3)).await.unwrap();
    let bundle = Authority::new("old").pem() + &authority.pem();
    tls_probe(&at(address), &bundle, &ProxyRules::default(), Duration::from_secs(3)).await.unwrap();
}

#[tokio::test]
async fn another_ca_is_a_matter_of_trust_and_not_of_reach() {
    provider();
    let address = serve(Authority::new("right").server("127.0.0.1", |_| {}), KUBE_SYSTEM).await;
    let wrong = Authority::new("wrong").pem();
    let error = error(&at(address), &wrong).await;
    assert!(matches!(error.failure(), Failure::Tls { .. }), "{error:?}");
    assert_eq!(error.reason(), Reason::ClusterCertificateInvalid);
    assert!(!error.is_transient());
    assert!(error.to_string().contains("signed by a CA that is not among the configured ones"), "{error}");

    let refusal =
        tls_probe(&at(address), &wrong, &ProxyRules::default(), Duration::from_secs(3)).await.unwrap_err();
    let EndpointError::Untrusted { issuer, .. } = &refusal else { panic!("{refusal:?}") };
    assert!(issuer.as_ref().unwrap().contains("CN=right"), "{refusal}");
    assert_eq!(refusal.reason(), Reason::HubEndpointInvalid);
}

#[tokio::test]
async fn another_host_name_and_a_lapsed_certificate_are_told() {
    provider();
    let authority = Authority::new("right");
    let other_name = serve(authority.server("other.example", |_| {}), KUBE_SYSTEM).await;
    let seen = error(&at(other_name), &authority.pem()).await;
    assert!(matches!(seen.failure(), Failure::Tls { .. }), "{seen:?}");
    assert!(seen.to_string().contains("other.example"), "{seen}");
    assert!(
        tls_probe(&at(other_name), &authority.pem(), &ProxyRules::default(), Duration::from_secs(3))
            .await
            .is_err()
    );

    let lapsed = authority.server("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let lapsed = serve(lapsed, KUBE_SYSTEM).await;
    let seen = error(&at(lapsed), &authority.pem()).await;
    assert!(matches!(seen.failure(), Failure::Tls { .. }), "{seen:?}");
    assert!(seen.to_string().contains("expired"), "{seen}");
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    provider();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let ca = Authority::new("any").pem();
    let seen = error(&at(address), &ca).await;
    assert!(matches!(seen.failure(), Failure::Unreachable { .. }), "{seen:?}");
    assert_eq!(seen.reason(), Reason::ClusterUnreachable);
    assert!(seen.is_transient());
    assert!(seen.to_string().ends_with("the API server cannot be reached: connection refused"), "{seen}");
    let probe =
        tls_probe(&at(address), &ca, &ProxyRules::default(), Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(probe, EndpointError::Unreachable { .. }), "{probe:?}");
    assert!(probe.is_transient());
}

#[tokio::test]
async fn a_black_hole_ends_at_the_connect_deadline() {
    provider();
    // The kernel completes the TCP handshake; nobody ever answers the TLS one.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ca = Authority::new("any").pem();
    let seen = error(&at(address), &ca).await;
    assert!(matches!(seen.failure(), Failure::Unreachable { .. }), "{seen:?}");
    assert!(seen.to_string().contains("no connection in time"), "{seen}");
    let probe =
        tls_probe(&at(address), &ca, &ProxyRules::default(), Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(probe, EndpointError::Timeout { .. }), "{probe:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_request_deadline() {
    provider();
    let authority = Authority::new("right");
    let address = serve(authority.server("127.0.0.1", |_| {}), Manner::Silent).await;
    let seen = error(&at(address), &authority.pem()).await;
    assert!(matches!(seen.failure(), Failure::Timeout { .. }), "{seen:?}");
    assert_eq!(seen.reason(), Reason::RequestTimeout);
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_told_as_such() {
    provider();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let ca = Authority::new("any").pem();
    let seen = error(&at(address), &ca).await;
    assert!(seen.to_string().contains("does not speak TLS"), "{seen:?}");
    let probe =
        tls_probe(&at(address), &ca, &ProxyRules::default(), Duration::from_secs(3)).await.unwrap_err();
    assert!(probe.to_string().contains("does not speak TLS"), "{probe:?}");
}

#[tokio::test]
async fn a_rejected_token_is_a_matter_of_credentials() {
    provider();
    let authority = Authority::new("right");
    let address = serve(authority.server("127.0.0.1", |_| {}), UNAUTHORIZED).await;
    let seen = error(&at(address), &authority.pem()).await;
    assert!(matches!(seen.failure(), Failure::Unauthorized { .. }), "{seen:?}");
    assert_eq!(seen.reason(), Reason::CredentialsRejected);
    assert!(!seen.is_transient());
}

#[tokio::test]
async fn a_missing_client_certificate_is_a_matter_of_credentials() {
    provider();
    let authority = Authority::new("right");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let (certificate, key) = authority.leaf("127.0.0.1", |_| {});
    let config = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let address = serve(config, KUBE_SYSTEM).await;
    let seen = error(&at(address), &authority.pem()).await;
    assert!(matches!(seen.failure(), Failure::Unauthorized { .. }), "{seen:?}");
    // Its own certificate is right, which is all that a probe asks.
    tls_probe(&at(address), &authority.pem(), &ProxyRules::default(), Duration::from_secs(3)).await.unwrap();
}

#[tokio::test]
async fn a_probe_names_what_is_wrong_with_its_input() {
    provider();
    let ca = Authority::new("any").pem();
    let probe = |endpoint: &'static str, ca: String| async move {
        tls_probe(endpoint, &ca, &ProxyRules::default(), Duration::from_secs(3)).await.unwrap_err()
    };
    for endpoint in ["http://a", "a:6443", "https://", "https://user:s3cr3t-token@a", ""] {
        let seen = probe(endpoint, ca.clone()).await;
        assert!(matches!(seen, EndpointError::Malformed { .. }), "{endpoint}: {seen:?}");
        assert!(!format!("{seen} {seen:?}").contains(TOKEN));
    }
    for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let seen = probe("https://127.0.0.1:1", bad.to_owned()).await;
        assert!(matches!(seen, EndpointError::CaInvalid { .. }), "{seen:?}");
    }
}

/// An HTTP proxy that leads every tunnel to one server, and tells what it was asked.
async fn proxy_to(server: SocketAddr) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let welcome = head.contains("Basic bWU6cEBzcw==") || head.contains("basic bWU6cEBzcw==");
            let _ = tell.send(head.lines().next().unwrap().to_owned());
            if !welcome {
                let _ = socket.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
                continue;
            }
            socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let mut tunnel = tokio::net::TcpStream::connect(server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut socket, &mut tunnel).await });
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_proxy_of_the_process_leads_to_clusters_and_to_their_addresses() {
    provider();
    let authority = Authority::new("right");
    let server = serve(authority.server("spoke.example", |_| {}), KUBE_SYSTEM).await;
    let (proxy, mut asked) = proxy_to(server).await;
    let rules = ProxyRules::of(&format!("http://me:p%40ss@{proxy}"), "");
    let cluster = open_through(rules.clone(), "https://spoke.example:6443", &authority.pem());
    assert_eq!(cluster.uid().await.unwrap().as_str(), "u-1");
    let deadline = Duration::from_secs(3);
    tls_probe("https://spoke.example:6443", &authority.pem(), &rules, deadline).await.unwrap();
    for _ in 0..2 {
        assert_eq!(asked.recv().await.unwrap(), "CONNECT spoke.example:6443 HTTP/1.1");
    }
    let unknown = ProxyRules::of(&format!("http://{proxy}"), "");
    let refusal =
        tls_probe("https://spoke.example:6443", &authority.pem(), &unknown, deadline).await.unwrap_err();
    assert!(refusal.to_string().contains("407 Proxy Authentication Required"), "{refusal}");
}
