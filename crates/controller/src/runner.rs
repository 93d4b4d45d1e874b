//! Runs a [`Reconcile`] for the objects that its queue names.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use fleetconfig_api::Reason;
use futures::FutureExt;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, error, info_span, warn};

use crate::backoff::{BackoffPolicy, Failures, unit_interval};
use crate::cache::{Cache, Entry, Watched};
use crate::clock;
use crate::health::{Health, Heartbeat};
use crate::leader_election::Leadership;
use crate::metrics::Metrics;
use crate::queue::{Again, Queue};
use crate::reconcile::{Cure, Next, Pass, Reconcile, ReconcileError};
use crate::tasks::panic_text;

/// The limits of one runner.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many passes may run at the same time.
    pub concurrency: usize,
    /// How long one pass may take.
    pub deadline: Duration,
    /// After this time (give or take a tenth) an object is looked at even if
    /// nothing seems to have happened.
    pub resync: Duration,
    /// The retries of failing objects.
    pub backoff: BackoffPolicy,
    /// How long running passes may take to finish when the process ends.
    pub grace: Duration,
    /// How long the runner may stand still before the process counts as dead.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 32,
            deadline: Duration::from_secs(180),
            resync: Duration::from_secs(600),
            backoff: BackoffPolicy::default(),
            // Below the 30 s that a kubelet waits before it kills.
            grace: Duration::from_secs(25),
            stall: Duration::from_secs(600),
        }
    }
}

/// What a runner is made of.
#[derive(Debug)]
pub struct Runner<K: Watched, R> {
    /// The objects.
    pub cache: Cache<K>,
    /// Which of them to look at.
    pub queue: Queue<ObjectRef<K>>,
    /// What to do with them.
    pub reconciler: Arc<R>,
    /// The limits.
    pub limits: Limits,
    /// Passes run only while this process leads.
    pub leadership: watch::Receiver<Leadership>,
    /// Where the runner shows that it moves.
    pub health: Health,
    /// Where it counts.
    pub metrics: Metrics,
}

/// The result of a pass that did not fail, in metrics and traces; else it is a reason.
const SUCCEEDED: &str = "Succeeded";

/// A pass that has ended.
struct Ended<K: Watched> {
    key: ObjectRef<K>,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    /// There is no such object (any more).
    Gone,
    Succeeded(Next),
    Failed(ReconcileError),
    /// Failed, by a bug.
    Panicked(ReconcileError),
}

impl<K: Watched, R: Reconcile<K>> Runner<K, R> {
    /// Runs until `stop`, then lets running passes finish within the grace
    /// period. The cache must be ready before.
    pub async fn run(self, stop: CancellationToken) {
        let kind = K::kind(&());
        let heartbeat = self.health.heartbeat(format!("queue of {kind}"), self.limits.stall);
        let mut serving = Serving {
            kind: &kind,
            failures: Failures::new(self.limits.backoff),
            jitter: RandomState::new(),
            passes: JoinSet::new(),
            heartbeat,
            runner: &self,
        };
        serving.serve(&stop).await;
        serving.finish().await;
    }
}

/// The state of a running [`Runner`].
struct Serving<'a, K: Watched, R> {
    runner: &'a Runner<K, R>,
    kind: &'a str,
    failures: Failures<ObjectRef<K>>,
    jitter: RandomState,
    passes: JoinSet<Ended<K>>,
    heartbeat: Heartbeat,
}

impl<K: Watched, R: Reconcile<K>> Serving<'_, K, R> {
    async fn serve(&mut self, stop: &CancellationToken) {
        let queue = &self.runner.queue;
        let mut leadership = self.runner.leadership.clone();
        // Looking at the queue now and then also shows that this task runs.
        let idle = self.runner.limits.stall / 4;
        loop {
            let leading = *leadership.borrow_and_update() == Leadership::Leader;
            let started = if leading { self.start_passes() } else { 0 };
            let (due, next_at) = {
                let work = queue.lock();
                (work.due(), work.next_at())
            };
            self.runner.metrics.queue(self.kind, due, self.failures.len());
            if started > 0 || due == 0 || !leading {
                self.heartbeat.beat();
            }

            let latest = Instant::now() + idle;
            let wake_at = next_at.filter(|_| leading).map_or(latest, |at| at.min(latest));
            tokio::select! {
                () = stop.cancelled() => return,
                Some(ended) = self.passes.join_next() => self.end_pass(ended),
                () = queue.woken() => {}
                () = tokio::time::sleep_until(wake_at) => {}
                Ok(()) = leadership.changed() => {}
            }
        }
    }

    /// Starts as many passes as are due and allowed; how many, is the result.
    fn start_passes(&mut self) -> usize {
        let mut started = 0;
        let mut work = self.runner.queue.lock();
        work.advance(Instant::now());
        while self.passes.len() < self.runner.limits.concurrency {
            let Some(key) = work.take() else { break };
            let pass = Pass {
                now: clock::now(),
                failures: self.failures.of(&key),
                deadline: self.runner.limits.deadline,
            };
            let entry = self.runner.cache.entry(&key);
            let reconciler = Arc::clone(&self.runner.reconciler);
            let span = info_span!(
                "reconcile",
                kind = self.kind,
                object = %name_of(&key),
                // For traces; they are known at the end.
                result = Empty,
                otel.status_code = Empty,
            );
            let pass = run_pass(reconciler, key, entry, pass).instrument(span);
            self.passes.spawn(pass);
            started += 1;
        }
        started
    }

    fn end_pass(&mut self, ended: Result<Ended<K>, tokio::task::JoinError>) {
        self.heartbeat.beat();
        // A pass contains its panics, and nobody aborts it while we serve.
        let Ended { key, outcome, took } = match ended {
            Ok(ended) => ended,
            Err(error) => return error!(kind = self.kind, %error, "a pass was lost"),
        };
        let again = match outcome {
            Outcome::Gone => {
                self.failures.clear(&key);
                self.runner.reconciler.forget(&key);
                None
            }
            Outcome::Succeeded(next) => Some(self.succeeded(&key, next, took)),
            Outcome::Failed(error) => Some(self.failed(&key, &error, took)),
            Outcome::Panicked(error) => {
                self.runner.metrics.panicked(self.kind);
                Some(self.failed(&key, &error, took))
            }
        };
        self.runner.queue.lock().finish(key, again, Instant::now());
    }

    fn succeeded(&mut self, key: &ObjectRef<K>, next: Next, took: Duration) -> Again {
        self.runner.metrics.pass_ended(self.kind, SUCCEEDED, took);
        self.failures.clear(key);
        let after = match next {
            Next::Await => self.resync(key),
            Next::After(time) => time,
        };
        let now = Instant::now();
        Again { at: now + after, not_before: now }
    }

    fn failed(&mut self, key: &ObjectRef<K>, error: &ReconcileError, took: Duration) -> Again {
        let reason = error.reason.as_str();
        self.runner.metrics.pass_ended(self.kind, reason, took);
        let backoff = self.failures.failed(key);
        let after = match error.cure {
            Cure::Retry => backoff,
            Cure::Change => self.resync(key),
        };
        warn!(
            kind = self.kind,
            object = %name_of(key),
            reason,
            error = error.chain(),
            failures = self.failures.of(key),
            retry_after_s = after.as_secs_f64(),
            "reconcile failed"
        );
        let now = Instant::now();
        let floor = self.runner.limits.backoff.first.min(after);
        Again { at: now + after, not_before: now + floor }
    }

    /// The resync period, give or take a tenth.
    fn resync(&self, key: &ObjectRef<K>) -> Duration {
        let jitter = unit_interval(self.jitter.hash_one((key, Instant::now())));
        self.runner.limits.resync.mul_f64(0.9 + 0.2 * jitter)
    }

    /// Lets the running passes finish within the grace period.
    async fn finish(&mut self) {
        let grace = self.runner.limits.grace;
        let all = async {
            while let Some(ended) = self.passes.join_next().await {
                self.end_pass(ended);
            }
        };
        if timeout(grace, all).await.is_err() {
            warn!(
                kind = self.kind,
                passes = self.passes.len(),
                "passes did not finish within {} s and are dropped",
                grace.as_secs()
            );
            self.passes.shutdown().await;
        }
    }
}

async fn run_pass<K: Watched, R: Reconcile<K>>(
    reconciler: Arc<R>,
    key: ObjectRef<K>,
    entry: Option<Entry<K>>,
    pass: Pass,
) -> Ended<K> {
    let started = Instant::now();
    let outcome = match entry {
        None => Outcome::Gone,
        Some(entry) => {
            debug!(failures = pass.failures, "pass");
            let work = async {
                match entry {
                    Entry::Valid(object) => reconciler.reconcile(object, &pass).await,
                    Entry::Invalid(object) => reconciler.report_invalid(object, &pass).await,
                }
            };
            // Unwind safety: whatever a pass shares with others is either immutable or behind
            // locks that are consistent whenever they are free.
            let contained = AssertUnwindSafe(work).catch_unwind();
            // Boxed, because the state of a pass may be large.
            match timeout(pass.deadline, Box::pin(contained)).await {
                Ok(Ok(Ok(next))) => Outcome::Succeeded(next),
                Ok(Ok(Err(error))) => Outcome::Failed(error),
                Ok(Err(panic)) => {
                    let message = panic_text(&*panic);
                    Outcome::Panicked(ReconcileError::transient(Reason::InternalError, message))
                }
                Err(_) => {
                    let message = format!("the pass took longer than {} s", pass.deadline.as_secs());
                    Outcome::Failed(ReconcileError::transient(Reason::RequestTimeout, message))
                }
            }
        }
    };
    let span = Span::current();
    match &outcome {
        Outcome::Gone => {}
        Outcome::Succeeded(_) => {
            span.record("result", SUCCEEDED);
        }
        Outcome::Failed(error) | Outcome::Panicked(error) => {
            span.record("result", error.reason.as_str());
            span.record("otel.status_code", "ERROR");
        }
    }
    Ended { key, outcome, took: started.elapsed() }
}

/// `namespace/name`, or the name of a cluster-scoped object.
fn name_of<K: Watched>(key: &ObjectRef<K>) -> String {
    match &key.namespace {
        Some(namespace) => format!("{namespace}/{}", key.name),
        None => key.name.clone(),
    }
}

#[cfg(test)]
mod tests;
