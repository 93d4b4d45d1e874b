//! What the process counts about itself, as OpenMetrics.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use cluster_access::CallObserver;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    kind: String,
    /// `Succeeded`, or the reason of the failure.
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    stream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    cluster: &'static str,
    method: String,
    /// `Succeeded`, or the reason of the failure.
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CsrLabels {
    decision: &'static str,
    /// Why it was refused; empty for an approval.
    reason: &'static str,
}

/// What a cluster is to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterRole {
    /// It holds the FleetConfigs. A hub or spoke that is this cluster counts here.
    Home,
    /// A hub elsewhere.
    Hub,
    /// A spoke elsewhere.
    Spoke,
}

impl ClusterRole {
    fn label(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Hub => "hub",
            Self::Spoke => "spoke",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WebhookLabels {
    path: &'static str,
    /// What came of the request, in a word.
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabel {
    path: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabel {
    /// `serving` or `authority`.
    certificate: &'static str,
}

/// The metrics of the process; clones count into the same ones.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    passes: Family<PassLabels, Counter>,
    pass_duration: Family<KindLabel, Histogram>,
    panics: Family<KindLabel, Counter>,
    due: Family<KindLabel, Gauge>,
    failing: Family<KindLabel, Gauge>,
    watch_errors: Family<StreamLabel, Counter>,
    events_dropped: Counter,
    leading: Gauge,
    calls: Family<CallLabels, Histogram>,
    joins: Histogram,
    csrs: Family<CsrLabels, Counter>,
    webhook_requests: Family<WebhookLabels, Counter>,
    webhook_duration: Family<PathLabel, Histogram>,
    webhook_certificates: Family<CertificateLabel, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Fresh metrics; create them once per process.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            passes: Family::default(),
            pass_duration: Family::new_with_constructor(pass_durations),
            panics: Family::default(),
            due: Family::default(),
            failing: Family::default(),
            watch_errors: Family::default(),
            events_dropped: Counter::default(),
            leading: Gauge::default(),
            calls: Family::new_with_constructor(call_durations),
            joins: Histogram::new([5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0]),
            csrs: Family::default(),
            webhook_requests: Family::default(),
            webhook_duration: Family::new_with_constructor(answer_durations),
            webhook_certificates: Family::default(),
        };
        let registry = Arc::new(RwLock::new(metrics.registered()));
        Self { registry, ..metrics }
    }

    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("fleetconfig_controller");
        registry.register("reconciles", "Passes over objects, by kind and result", self.passes.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Duration of a pass",
            Unit::Seconds,
            self.pass_duration.clone(),
        );
        registry.register("panics", "Passes that panicked", self.panics.clone());
        registry.register("queue_due", "Objects that wait for a pass", self.due.clone());
        registry.register("failing_objects", "Objects whose last pass failed", self.failing.clone());
        registry.register("watch_errors", "Errors of watch streams", self.watch_errors.clone());
        registry.register(
            "events_dropped",
            "Kubernetes events that could not be published",
            self.events_dropped.clone(),
        );
        registry.register("leading", "1 while this replica leads", self.leading.clone());
        registry.register_with_unit(
            "api_request_duration",
            "Duration of a request to a cluster, by what the cluster is, by method and result; watches are not counted",
            Unit::Seconds,
            self.calls.clone(),
        );
        registry.register_with_unit(
            "join_duration",
            "From the creation of a Spoke to the first time that it is Ready",
            Unit::Seconds,
            self.joins.clone(),
        );
        registry.register(
            "csr_decisions",
            "Certificate requests of spokes that were approved or refused, by reason",
            self.csrs.clone(),
        );
        registry.register(
            "webhook_requests",
            "Requests to the admission webhook, by path and result",
            self.webhook_requests.clone(),
        );
        registry.register_with_unit(
            "webhook_request_duration",
            "Time from the head of a request to the admission webhook to its answer",
            Unit::Seconds,
            self.webhook_duration.clone(),
        );
        registry.register_with_unit(
            "webhook_certificate_expiry_timestamp",
            "When the certificates of the admission webhook end, since 1970",
            Unit::Seconds,
            self.webhook_certificates.clone(),
        );
        registry
    }

    /// Adds metrics that are made when they are asked for.
    pub fn collect(&self, collector: impl Collector) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(collector));
    }

    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if a metric does, and ours do not.
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = encode(&mut text, &registry) {
            tracing::error!(%error, "cannot encode the metrics");
        }
        text
    }

    /// A pass over an object of `kind` has ended with `result`: `Succeeded`,
    /// or the reason of its failure.
    pub fn pass_ended(&self, kind: &str, result: &str, took: Duration) {
        let labels = PassLabels { kind: kind.to_owned(), result: result.to_owned() };
        self.passes.get_or_create(&labels).inc();
        self.pass_duration.get_or_create(&of_kind(kind)).observe(took.as_secs_f64());
    }

    /// A pass over an object of `kind` has panicked.
    pub fn panicked(&self, kind: &str) {
        self.panics.get_or_create(&of_kind(kind)).inc();
    }

    /// How many objects of `kind` wait for a pass, and how many are failing.
    pub fn queue(&self, kind: &str, due: usize, failing: usize) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.due.get_or_create(&of_kind(kind)).set(gauge(due));
        self.failing.get_or_create(&of_kind(kind)).set(gauge(failing));
    }

    /// The watch stream `stream` has reported an error.
    pub fn watch_failed(&self, stream: &str) {
        let labels = StreamLabel { stream: stream.to_owned() };
        self.watch_errors.get_or_create(&labels).inc();
    }

    /// The number of errors of the watch stream `stream` so far.
    #[must_use]
    pub fn watch_errors(&self, stream: &str) -> u64 {
        let labels = StreamLabel { stream: stream.to_owned() };
        self.watch_errors.get_or_create(&labels).get()
    }

    /// A Kubernetes event was not published.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// Counts and times the calls to a cluster in that role.
    #[must_use]
    pub fn calls_to(&self, role: ClusterRole) -> CallObserver {
        let calls = self.calls.clone();
        CallObserver::new(move |call| {
            let result = call.failure.map_or("Succeeded", |reason| reason.as_str());
            let labels = CallLabels { cluster: role.label(), method: call.method.to_string(), result };
            calls.get_or_create(&labels).observe(call.took.as_secs_f64());
        })
    }

    /// A Spoke has become Ready for the first time.
    pub fn joined(&self, took: Duration) {
        self.joins.observe(took.as_secs_f64());
    }

    /// A spoke's certificate request was approved.
    pub fn csr_approved(&self) {
        self.csrs.get_or_create(&CsrLabels { decision: "approved", reason: "" }).inc();
    }

    /// A spoke's certificate request was refused, for the reason in one word.
    pub fn csr_refused(&self, reason: &'static str) {
        self.csrs.get_or_create(&CsrLabels { decision: "refused", reason }).inc();
    }

    /// Whether this replica leads.
    pub fn set_leading(&self, leading: bool) {
        self.leading.set(leading.into());
    }

    /// A request to the admission webhook has ended with `result`.
    pub fn webhook_asked(&self, path: &'static str, result: &'static str, took: Duration) {
        self.webhook_requests.get_or_create(&WebhookLabels { path, result }).inc();
        self.webhook_duration.get_or_create(&PathLabel { path }).observe(took.as_secs_f64());
    }

    /// When the certificate that the webhook serves ends, and that of its authority, as far as they
    /// are known.
    pub fn webhook_certificates(&self, serving: Option<Timestamp>, authority: Option<Timestamp>) {
        for (certificate, until) in [("serving", serving), ("authority", authority)] {
            if let Some(until) = until {
                self.webhook_certificates
                    .get_or_create(&CertificateLabel { certificate })
                    .set(until.as_second());
            }
        }
    }
}

fn of_kind(kind: &str) -> KindLabel {
    KindLabel { kind: kind.to_owned() }
}

#[cfg(test)]
mod generated;

/// From a pass that finds nothing to do to one that runs into its deadline.
fn pass_durations() -> Histogram {
    Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0, 60.0, 180.0])
}

/// From an answer out of the API server's cache to the deadline of a call.
fn call_durations() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0])
}

/// Up to the deadline of an answer.
fn answer_durations() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0])
}
