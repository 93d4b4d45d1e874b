//! What the process counts about itself, as OpenMetrics.

use std::sync::Arc;
use std::time::Duration;

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

/// The metrics of the process; clones count into the same ones.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    passes: Family<PassLabels, Counter>,
    pass_duration: Family<KindLabel, Histogram>,
    panics: Family<KindLabel, Counter>,
    due: Family<KindLabel, Gauge>,
    failing: Family<KindLabel, Gauge>,
    watch_errors: Family<StreamLabel, Counter>,
    events_dropped: Counter,
    leading: Gauge,
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
        };
        let registry = Arc::new(metrics.registered());
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
        registry
    }

    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only if a metric does, and ours do not.
        if let Err(error) = encode(&mut text, &self.registry) {
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

    /// Whether this replica leads.
    pub fn set_leading(&self, leading: bool) {
        self.leading.set(leading.into());
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
