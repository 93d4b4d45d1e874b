//! A webhook that serves, a client that trusts what a caBundle says, and a cluster in memory.

use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ApiResource;
use memory_apiserver::MemoryApiServer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;
use webhook_server::certificates::ServiceName;
use webhook_server::certificates::decide::Times;
use webhook_server::certificates::keeper::{Keeper, Settings};
use webhook_server::certificates::served::ServedCertificate;
use webhook_server::endpoint::{Observer, Outcome, RequestLimits, router};
use webhook_server::rules::{Change, Rules, Verdict};
use webhook_server::server::{ConnectionLimits, serve, tls_config};

pub(crate) const CONFIGURATION: &str = "fleetconfig";
pub(crate) const SECRET: &str = "webhook-ca";
pub(crate) const SERVER_NAME: &str = "webhook.fleet.svc";

/// The TLS provider that a binary would install.
pub(crate) fn provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap());
}

pub(crate) fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        service: ServiceName { namespace: "fleet".into(), name: "webhook".into() },
        secret: SECRET.into(),
        configuration: CONFIGURATION.into(),
        times: Times::default(),
    }
}

/// A cluster with the namespace and, for three webhooks of ours and one of somebody else, the
/// configuration.
pub(crate) fn cluster() -> MemoryApiServer {
    let server = MemoryApiServer::new();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}});
    server.direct().create(namespace).unwrap();
    install(&server);
    server
}

pub(crate) fn configuration() -> Value {
    let webhook = |name: &str, service: &str| {
        json!({
            "name": name, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "fleet", "name": service, "path": "/x"}},
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [
            webhook("hub.example.io", "webhook"), webhook("foreign.example.io", "another"),
            webhook("spoke.example.io", "webhook"), webhook("fleet.example.io", "webhook"),
        ],
    })
}

pub(crate) fn install(server: &MemoryApiServer) {
    server.direct().create(configuration()).unwrap();
}

pub(crate) fn secret_kind() -> ApiResource {
    ApiResource::erase::<Secret>(&())
}

pub(crate) fn configuration_kind() -> ApiResource {
    ApiResource::erase::<ValidatingWebhookConfiguration>(&())
}

/// The caBundle of each webhook.
pub(crate) fn bundles(server: &MemoryApiServer) -> Vec<Option<String>> {
    use base64::Engine;
    let stored = server.direct().get(&configuration_kind(), "", CONFIGURATION).unwrap();
    let webhooks = stored["webhooks"].as_array().unwrap().clone();
    let bundle = |webhook: &Value| {
        let text = webhook["clientConfig"]["caBundle"].as_str()?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        Some(String::from_utf8(bytes).unwrap())
    };
    webhooks.iter().map(bundle).collect()
}

/// The one bundle that all our webhooks carry.
pub(crate) fn bundle(server: &MemoryApiServer) -> String {
    let bundles = bundles(server);
    assert_eq!(bundles[1], None, "the webhook of somebody else is left alone");
    assert!(bundles[0] == bundles[2] && bundles[2] == bundles[3], "{bundles:?}");
    bundles[0].clone().unwrap_or_default()
}

pub(crate) fn authorities(bundle: &str) -> usize {
    bundle.matches("BEGIN CERTIFICATE").count()
}

/// The requests so far that changed something.
pub(crate) fn writes(server: &MemoryApiServer) -> usize {
    server.requests().iter().filter(|request| request.changed).count()
}

/// A replica: a keeper, and the server that serves what it signs.
pub(crate) struct Replica {
    pub(crate) keeper: Keeper,
    pub(crate) address: std::net::SocketAddr,
    _stop: tokio_util::sync::DropGuard,
}

impl Replica {
    pub(crate) async fn start(server: &MemoryApiServer) -> Self {
        Self::start_with(server, Times::default()).await
    }

    pub(crate) async fn start_with(server: &MemoryApiServer, times: Times) -> Self {
        let served = Arc::new(ServedCertificate::default());
        let settings = Settings { times, ..settings() };
        let keeper = Keeper::new(server.client(), settings, Arc::clone(&served));
        let webhook = Webhook::start(served, RequestLimits::default(), ConnectionLimits::default()).await;
        Self { keeper, address: webhook.address, _stop: webhook.stop.drop_guard() }
    }

    /// A handshake of an API server that has read this bundle, at this time.
    pub(crate) async fn handshake(&self, bundle: &str, now: Timestamp) -> Result<(), String> {
        connect(self.address, bundle, now).await.map(drop)
    }
}

/// A server that serves.
pub(crate) struct Webhook {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) observed: Arc<Observed>,
    pub(crate) ended: tokio::task::JoinHandle<()>,
}

impl Webhook {
    pub(crate) async fn start(
        served: Arc<ServedCertificate>,
        requests: RequestLimits,
        connections: ConnectionLimits,
    ) -> Self {
        provider();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, observed) = (CancellationToken::new(), Arc::new(Observed::default()));
        let router = router(Judge, requests, Arc::clone(&observed) as _);
        let tls = tls_config(served).unwrap();
        let ended = tokio::spawn(serve(listener, tls, router, connections, stop.clone()));
        Self { address, stop, observed, ended }
    }
}

#[derive(Default)]
pub(crate) struct Observed(Mutex<Vec<&'static str>>);

impl Observed {
    pub(crate) fn outcomes(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Observed {
    fn ended(&self, _: &'static str, outcome: Outcome, _: Duration) {
        self.0.lock().unwrap().push(outcome.as_str());
    }
}

/// Warns of the name; panics where the name is "panic".
struct Judge;

fn judge(name: Option<&String>) -> Verdict {
    match name.map(String::as_str) {
        Some("panic") => panic!("on purpose"),
        Some("slow") => {
            std::thread::sleep(Duration::from_millis(400));
            Verdict::SILENT
        }
        name => Verdict::Allowed { warnings: vec![format!("seen {}", name.unwrap_or_default())] },
    }
}

impl Rules<Hub> for Judge {
    fn judge(&self, change: &Change<'_, Hub>) -> Verdict {
        judge(change.new.metadata.name.as_ref())
    }
}

impl Rules<Spoke> for Judge {
    fn judge(&self, change: &Change<'_, Spoke>) -> Verdict {
        judge(change.new.metadata.name.as_ref())
    }
}

impl Rules<FleetConfig> for Judge {
    fn judge(&self, change: &Change<'_, FleetConfig>) -> Verdict {
        judge(change.new.metadata.name.as_ref())
    }
}

#[derive(Debug)]
struct At(Timestamp);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.as_second().try_into().unwrap())))
    }
}

/// Connects as an API server does: by name, trusting this bundle and nothing else, at this time.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    bundle: &str,
    now: Timestamp,
) -> Result<TlsStream<TcpStream>, String> {
    provider();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::clone(rustls::crypto::CryptoProvider::get_default().unwrap());
    let config = ClientConfig::builder_with_details(provider, Arc::new(At(now)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| error.to_string())
}

/// A connection on which requests can be sent.
pub(crate) async fn http(
    stream: TlsStream<TcpStream>,
) -> http1::SendRequest<http_body_util::combinators::BoxBody<Bytes, std::io::Error>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends a body as JSON; the answer is status and text.
pub(crate) async fn post(
    stream: TlsStream<TcpStream>,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<(u16, String), String> {
    let mut sender = http(stream).await;
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let request = Request::post(path)
        .header("host", SERVER_NAME)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// The question about a new Hub of this name.
pub(crate) fn question(name: &str) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "operation": "CREATE", "userInfo": {"username": "anna"},
            "kind": {"group": "fleetconfig.open-cluster-management.io", "version": "v1beta1", "kind": "Hub"},
            "object": {
                "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Hub",
                "metadata": {"name": name, "namespace": "fleet"},
                "spec": {"kubeconfig": {"inCluster": true}, "clusterManager": {}},
            },
        },
    })
    .to_string()
}
