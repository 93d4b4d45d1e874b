//! Admission on every replica: the webhook server, its certificates, and what wakes them.

mod rules;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;
use webhook_server::certificates::decide::Standing;
use webhook_server::certificates::directory::DirectoryKeeper;
use webhook_server::certificates::keeper::{self, Keeper, Status};
use webhook_server::certificates::served::ServedCertificate;
use webhook_server::endpoint::{Observer, Outcome, RequestLimits, router};
use webhook_server::server::{ConnectionLimits, TlsError, serve, tls_config};

use crate::cache::{Cache, Watched};
use crate::clock;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::served::{Gate, keep};
use crate::streams::{Events, WatchStream, views, watch_config};
use crate::tasks::Tasks;

/// How admission is served.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where.
    pub address: SocketAddr,
    /// With which certificate.
    pub certificates: Certificates,
}

/// Where the serving certificate comes from.
#[derive(Debug, Clone)]
pub enum Certificates {
    /// From the authority that replicas share.
    SelfManaged(keeper::Settings),
    /// From a directory that somebody else keeps.
    Directory(PathBuf),
}

/// Why admission cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address cannot be listened on.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The webhook as it runs; its watches end when this is dropped.
pub(crate) struct Webhook {
    drained: watch::Receiver<bool>,
    _connected: watch::Sender<Client>,
}

impl Webhook {
    /// Resolves when, after the end, the last request has been answered.
    pub(crate) async fn drained(mut self) {
        // An error says that the server is gone, which is as good.
        let _ = self.drained.wait_for(|drained| *drained).await;
    }
}

const CERTIFICATE_TRUSTED: &str = "the webhook's certificate is served and trusted";

/// The keeper looks every ten minutes, and its requests have deadlines.
const KEEPER_LIMIT: Duration = Duration::from_secs(15 * 60);
/// A directory is read every ten seconds.
const DIRECTORY_LIMIT: Duration = Duration::from_secs(2 * 60);

/// Starts serving, until `stop`.
pub(crate) async fn start(
    client: Client,
    settings: WebhookSettings,
    tasks: &Tasks,
    health: &Health,
    metrics: &Metrics,
    stop: CancellationToken,
) -> Result<Webhook, WebhookError> {
    let WebhookSettings { address, certificates } = settings;
    let failed = |source| WebhookError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let served = Arc::new(ServedCertificate::default());
    let tls = tls_config(Arc::clone(&served) as _)?;
    health.require(CERTIFICATE_TRUSTED);

    let (connected, connection) = watch::channel(client.clone());
    let status = match certificates {
        Certificates::SelfManaged(settings) => {
            let wake = Arc::new(Notify::new());
            let watches = Watches { connection, wake: &wake, tasks, health, metrics };
            watches.start(&settings);
            let keeper = Keeper::new(client, settings, served);
            let status = keeper.status();
            let heartbeat = health.heartbeat("webhook certificates", KEEPER_LIMIT);
            let beat = move || heartbeat.beat();
            tasks.spawn("webhook certificates", keeper.run(wake, clock::now, beat, stop.clone()));
            status
        }
        Certificates::Directory(directory) => {
            let keeper = DirectoryKeeper::new(directory, served);
            let status = keeper.status();
            let heartbeat = health.heartbeat("webhook certificates", DIRECTORY_LIMIT);
            let beat = move || heartbeat.beat();
            tasks.spawn("webhook certificates", keeper.run(beat, stop.clone()));
            status
        }
    };
    tasks.spawn("webhook readiness", report(status, health.clone(), metrics.clone()));

    info!(address = %listener.local_addr().map_err(failed)?, "serving the admission webhook");
    let router = router(rules::Warnings, RequestLimits::default(), Arc::new(Counted(metrics.clone())));
    let (ended, drained) = watch::channel(false);
    tasks.spawn("webhook", async move {
        serve(listener, tls, router, ConnectionLimits::default(), stop).await;
        ended.send_replace(true);
    });
    Ok(Webhook { drained, _connected: connected })
}

/// Carries how certificates stand to readiness and metrics.
///
/// Once ready, a replica stays so: what can go wrong later (a bundle that somebody empties) is wrong
/// for all replicas alike, and taking all of them out of the Service mends nothing.
async fn report(mut status: watch::Receiver<Status>, health: Health, metrics: Metrics) {
    loop {
        {
            let status = status.borrow_and_update();
            metrics.webhook_certificates(status.leaf_until, status.authority_until);
            if status.standing == Standing::Ready {
                health.set(CERTIFICATE_TRUSTED, true);
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// The two objects that the keeper depends on. Only their metadata is watched, which is enough to
/// know that it has to look: a private key belongs into no cache.
struct Watches<'a> {
    connection: watch::Receiver<Client>,
    wake: &'a Arc<Notify>,
    tasks: &'a Tasks,
    health: &'a Health,
    metrics: &'a Metrics,
}

impl Watches<'_> {
    fn start(&self, settings: &keeper::Settings) {
        let only = |name: &str| watch_config().fields(&format!("metadata.name={name}"));
        let (namespace, config) = (settings.service.namespace.clone(), only(&settings.secret));
        self.watch("Secret of the webhook", move |client| {
            let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(client, &namespace);
            views(api, config.clone())
        });
        let config = only(&settings.configuration);
        self.watch("ValidatingWebhookConfiguration", move |client| {
            let api: Api<PartialObjectMeta<ValidatingWebhookConfiguration>> = Api::all(client);
            views(api, config.clone())
        });
    }

    fn watch<K: Watched>(
        &self,
        label: &'static str,
        connect: impl Fn(Client) -> Events<K> + Send + Sync + 'static,
    ) {
        let (_, writer) = Cache::new();
        let wake = Arc::clone(self.wake);
        let stream =
            WatchStream::new(label, writer, |_| {}, move |_| wake.notify_one(), self.health, self.metrics);
        let stream = keep(stream, Gate::Open, self.connection.clone(), connect);
        self.tasks.spawn(format!("watch of {label}"), stream);
    }
}

/// Requests become metrics.
struct Counted(Metrics);

impl Observer for Counted {
    fn ended(&self, path: &'static str, outcome: Outcome, took: Duration) {
        self.0.webhook_asked(path, outcome.as_str(), took);
    }
}

#[cfg(test)]
mod tests;
