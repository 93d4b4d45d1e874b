//! Puts the parts together: streams fill caches and wake objects, runners look at what is woken.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cluster_access::Tenure;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::cache::{Cache, Watched};
use crate::events::{Events, Publishers};
use crate::expiry::Expiries;
use crate::fleet_metrics::FleetMetrics;
use crate::health::Health;
use crate::http;
use crate::hub_watch::HubWatches;
use crate::leader_election::{Candidate, Leadership, LeadershipLost, Timing};
use crate::leaving_watch::LeavingWatches;
use crate::metrics::Metrics;
use crate::own_cluster::OwnCluster;
use crate::queue::Queue;
use crate::reconcile::{Reconcile, error_chain};
use crate::runner::{Limits, Runner};
use crate::tasks::Tasks;
use crate::wakes::{Caches, Queues};
use crate::webhook::{self, WebhookError, WebhookSettings};

/// How the operator runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespaces that are served; empty means all.
    pub namespaces: Vec<String>,
    /// Whether Secrets of these namespaces are watched. Nothing is, where all namespaces are served.
    pub watch_secrets: bool,
    /// The limits of each of the three runners.
    pub limits: Limits,
    /// By which Lease replicas elect; `None`: this is the only replica.
    pub election: Option<Election>,
    /// Who this replica is. No two live replicas may share it.
    pub identity: String,
    /// Where health and metrics are served.
    pub http_address: SocketAddr,
    /// The admission webhook, on every replica; `None`: there is none.
    pub webhook: Option<WebhookSettings>,
}

/// The Lease by which replicas elect.
#[derive(Debug, Clone)]
pub struct Election {
    /// Its name.
    pub lease: String,
    /// Its namespace.
    pub namespace: String,
    /// Its times, the same for all replicas.
    pub timing: Timing,
}

/// What reconcilers are given to work with.
#[derive(Clone)]
pub struct Runtime {
    /// A client of the operator's own cluster.
    pub client: Client,
    /// What the three kinds look like now.
    pub caches: Caches,
    /// To wake objects of the three kinds.
    pub queues: Queues,
    /// The hub clusters that are watched.
    pub hub_watches: HubWatches,
    /// The spokes that are watched while they leave.
    pub leaving: LeavingWatches,
    /// To tell of transitions on the operator's own cluster.
    pub events: Events,
    /// To tell of transitions on others.
    pub publishers: Publishers,
    /// To count.
    pub metrics: Metrics,
    /// To note when credentials end.
    pub expiries: Expiries,
    /// Until when clusters may be called.
    pub tenure: Tenure,
}

/// What reconciles the three kinds.
#[derive(Debug)]
pub struct Reconcilers<F, H, S> {
    /// Composes Hubs and Spokes of FleetConfigs and rolls their status up.
    pub fleets: F,
    /// Brings Hubs closer to their spec.
    pub hubs: H,
    /// Brings Spokes closer to their spec.
    pub spokes: S,
}

/// Why the operator has ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address of health and metrics cannot be served.
    #[error("cannot serve health and metrics at {address}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The admission webhook cannot be served.
    #[error("cannot serve the admission webhook")]
    Webhook(#[from] WebhookError),
    /// Another replica may lead now.
    #[error("leadership was lost")]
    Leadership(#[from] LeadershipLost),
    /// A task that has to run as long as the process has panicked.
    #[error("a task of the process failed: {0}")]
    Task(String),
}

const CACHES_FILLED: &str = "caches are filled";
const LEADERSHIP_KNOWN: &str = "leadership is known";

/// How long the webhook goes on answering after the process was asked to end: API servers take a
/// moment to learn that this pod is going.
const LINGER: Duration = Duration::from_secs(5);

/// Runs until `stop`, then lets passes finish, gives the lead back and returns.
///
/// # Errors
/// When it has to end before. Whatever was under way has been dropped then.
pub async fn run<F, H, S>(
    client: Client,
    settings: Settings,
    reconcilers: impl FnOnce(&Runtime) -> Reconcilers<F, H, S>,
    stop: CancellationToken,
) -> Result<(), OperatorError>
where
    F: Reconcile<FleetConfig>,
    H: Reconcile<Hub>,
    S: Reconcile<Spoke>,
{
    let Settings { namespaces, watch_secrets, limits, election, identity, http_address, webhook } = settings;
    let (health, metrics, tasks) = (Health::default(), Metrics::new(), Tasks::default());
    health.require(CACHES_FILLED);
    health.require(LEADERSHIP_KNOWN);
    // What has to work until the last pass has ended.
    let helpers = CancellationToken::new();
    let _helpers_end = helpers.clone().drop_guard();
    serve_http(http_address, &health, &metrics, &tasks, helpers.clone()).await?;
    let webhook = match webhook {
        Some(webhook) => {
            Some(webhook::start(client.clone(), webhook, &tasks, &health, &metrics, helpers.clone()).await?)
        }
        None => None,
    };
    let asked_to_end = {
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            Instant::now()
        })
    };

    let own = OwnCluster::watch(client.clone(), &namespaces, watch_secrets, &tasks, &health, &metrics);
    let (caches, queues) = (own.wakes.caches.clone(), own.wakes.queues.clone());
    metrics.collect(FleetMetrics::of(caches.clone()));
    let on_signal = {
        let wakes = Arc::clone(&own.wakes);
        Arc::new(move |signal: &_, holders: &[ObjectRef<Hub>]| wakes.hub_cluster_changed(signal, holders))
    };
    let publishers = Publishers::new(identity.clone(), metrics.clone(), helpers.clone());
    let expiries = Expiries::default();
    metrics.collect(expiries.clone());
    let tenure = if election.is_some() { Tenure::not_begun() } else { Tenure::unlimited() };
    let reconcilers = reconcilers(&Runtime {
        client: client.clone(),
        caches: caches.clone(),
        queues: queues.clone(),
        leaving: LeavingWatches::new(queues.spokes.clone(), tasks.clone()),
        hub_watches: HubWatches::new(on_signal, tasks.clone(), health.clone(), metrics.clone()),
        events: publishers.to(client.clone()),
        publishers: publishers.clone(),
        metrics: metrics.clone(),
        expiries,
        tenure: tenure.clone(),
    });

    let (office, leadership) = watch::channel(Leadership::Unknown);
    tasks.spawn("leadership", report(leadership.clone(), health.clone(), metrics.clone()));
    let runners = Runners { limits, leadership, health: &health, metrics: &metrics, stop: &stop };
    let work = async {
        tokio::select! {
            () = all_ready(&caches) => {}
            () = stop.cancelled() => return,
        }
        info!("caches are filled");
        health.set(CACHES_FILLED, true);
        tokio::join!(
            runners.run(caches.fleets.clone(), queues.fleets.clone(), reconcilers.fleets),
            runners.run(caches.hubs.clone(), queues.hubs.clone(), reconcilers.hubs),
            runners.run(caches.spokes.clone(), queues.spokes.clone(), reconcilers.spokes),
        );
    };
    let candidate = election.map(|Election { lease, namespace, timing }| Candidate {
        leases: Api::namespaced(client, &namespace),
        name: lease,
        identity,
        timing,
        tenure,
    });
    let ended = tokio::select! {
        ended = while_leading(candidate, office, work) => ended.map_err(OperatorError::from),
        message = tasks.failure() => Err(OperatorError::Task(message)),
    };
    if ended.is_ok()
        && let Some(webhook) = webhook
    {
        // The task cannot panic; and if it does, nobody waits.
        if let Ok(asked) = asked_to_end.await {
            sleep_until(asked + LINGER).await;
        }
        helpers.cancel();
        webhook.drained().await;
    }
    helpers.cancel();
    publishers.ended().await;
    ended
}

/// Does `work` in office (or as a follower, waiting for it), and gives the lead back afterwards.
/// When the lead is lost, the work is dropped.
async fn while_leading(
    candidate: Option<Candidate>,
    office: watch::Sender<Leadership>,
    work: impl Future<Output = ()>,
) -> Result<(), LeadershipLost> {
    let Some(candidate) = candidate else {
        office.send_replace(Leadership::Leader);
        work.await;
        return Ok(());
    };
    let release = CancellationToken::new();
    let mut term = pin!(candidate.run(office, release.clone()));
    tokio::select! {
        lost = &mut term => return lost,
        () = work => {}
    }
    release.cancel();
    term.await
}

async fn serve_http(
    address: SocketAddr,
    health: &Health,
    metrics: &Metrics,
    tasks: &Tasks,
    stop: CancellationToken,
) -> Result<(), OperatorError> {
    let failed = |source| OperatorError::Http { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    // With port 0 the system chooses.
    let address = listener.local_addr().map_err(failed)?;
    info!(%address, "serving health and metrics");
    let server = http::serve(listener, http::router(health.clone(), metrics.clone()), stop);
    tasks.spawn("http", async move {
        if let Err(error) = server.await {
            error!(error = error_chain(&error), "health and metrics are not served any more");
        }
    });
    Ok(())
}

/// Resolves when all three kinds are known.
async fn all_ready(caches: &Caches) {
    tokio::join!(caches.fleets.ready(), caches.hubs.ready(), caches.spokes.ready());
}

/// Carries the state of the election to readiness and metrics.
async fn report(mut leadership: watch::Receiver<Leadership>, health: Health, metrics: Metrics) {
    loop {
        let state = *leadership.borrow_and_update();
        metrics.set_leading(state == Leadership::Leader);
        if state != Leadership::Unknown {
            health.set(LEADERSHIP_KNOWN, true);
        }
        if leadership.changed().await.is_err() {
            return;
        }
    }
}

/// What the three runners share.
struct Runners<'a> {
    limits: Limits,
    leadership: watch::Receiver<Leadership>,
    health: &'a Health,
    metrics: &'a Metrics,
    stop: &'a CancellationToken,
}

impl Runners<'_> {
    async fn run<K: Watched, R: Reconcile<K>>(
        &self,
        cache: Cache<K>,
        queue: Queue<ObjectRef<K>>,
        reconciler: R,
    ) {
        let runner = Runner {
            cache,
            queue,
            reconciler: Arc::new(reconciler),
            limits: self.limits.clone(),
            leadership: self.leadership.clone(),
            health: self.health.clone(),
            metrics: self.metrics.clone(),
        };
        runner.run(self.stop.clone()).await;
    }
}

#[cfg(test)]
mod tests;
