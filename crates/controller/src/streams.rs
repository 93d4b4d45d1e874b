//! One watch stream: from an API server into a cache, and on to whoever has to know.
//!
//! kube's controller puts one back-off over all its watches, so that one failing watch (a missing
//! CRD, a missing permission) delays the events of all others. Here every stream is a task of its
//! own with a back-off of its own. Its errors are logged and counted and go no further.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use crate::backoff::BackoffPolicy;
use crate::cache::{CacheState, CacheWriter, Change, Watched};
use crate::health::{Health, Heartbeat};
use crate::metrics::Metrics;
use crate::reconcile::error_chain;

/// How long nothing at all may move while a list is being read.
const QUIET_LIST: Duration = Duration::from_secs(60);

/// How long nothing at all may move in a watch. A healthy quiet watch wakes about every minute, by
/// bookmarks; so an API server that hangs, and whose connection does not break, is noticed by then.
const QUIET_WATCH: Duration = Duration::from_secs(150);

/// How long a stream may stand still before the process counts as dead: it should have noticed by
/// itself (above) and begun anew.
const STALL: Duration = Duration::from_secs(600);

/// Failures further apart than this have nothing to do with each other.
const UNRELATED: Duration = Duration::from_secs(120);

/// The first delay is short: an API server may say that it serves a new kind a moment before it does.
const BACKOFF: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), max: Duration::from_secs(30) };

/// From this failure in a row on it is worth a warning.
const WARN_FROM: u32 = 5;

/// The events of one connection to an API server, with kube's recovery inside.
pub type Events<K> = BoxStream<'static, watcher::Result<Event<DeserializeGuard<K>>>>;

/// The events of a kind. Each object is read for itself: one that does not fit its type is that
/// object's problem, not the end of the list.
pub fn objects<K: Watched>(api: Api<DeserializeGuard<K>>, config: watcher::Config) -> Events<K> {
    watcher(api, config).boxed()
}

/// The events of a kind whose type takes every object (metadata, or a few fields of it), so that
/// nothing has to be guarded against. What the type leaves out is skipped while reading; the guard
/// would build all of it first, and would hide from kube that metadata is enough.
pub fn views<K: Watched>(api: Api<K>, config: watcher::Config) -> Events<K> {
    let guarded = |event| match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(DeserializeGuard(Ok(object))),
        Event::Apply(object) => Event::Apply(DeserializeGuard(Ok(object))),
        Event::Delete(object) => Event::Delete(DeserializeGuard(Ok(object))),
    };
    watcher(api, config).map(move |event| event.map(guarded)).boxed()
}

/// The configuration of watches: pages that a small process can hold.
#[must_use]
pub fn watch_config() -> watcher::Config {
    watcher::Config::default().page_size(200)
}

/// What a stream has to tell.
#[derive(Debug)]
pub enum Signal<K: Watched> {
    /// An object came, changed or went. The cache knows already.
    Changed(Change<K>),
    /// The cache knows more, or less, than before.
    State(CacheState),
}

/// A stream that fills one cache (or one namespace of it).
pub struct WatchStream<K: Watched> {
    /// What it watches, for logs, metrics and health: `Hub`, `ManagedCluster of …`.
    label: String,
    writer: CacheWriter<K>,
    prune: fn(&mut K),
    signal: Box<dyn Fn(Signal<K>) + Send + Sync>,
    heartbeat: Heartbeat,
    metrics: Metrics,
}

impl<K: Watched> WatchStream<K> {
    /// A stream into `writer`. `prune` takes out of each object what nobody needs (managed fields
    /// always go); `signal` is called for every change and has to be quick.
    pub fn new(
        label: impl Into<String>,
        writer: CacheWriter<K>,
        prune: fn(&mut K),
        signal: impl Fn(Signal<K>) + Send + Sync + 'static,
        health: &Health,
        metrics: &Metrics,
    ) -> Self {
        let label = label.into();
        Self {
            heartbeat: health.heartbeat(format!("watch of {label}"), STALL),
            label,
            writer,
            prune,
            signal: Box::new(signal),
            metrics: metrics.clone(),
        }
    }

    /// Runs for as long as it is polled; dropping the future closes the watch, and the cache keeps
    /// what it has. `connect` begins the watch; it is called again when the watch got stuck.
    pub async fn run(&mut self, connect: impl Fn() -> Events<K>) -> Infallible {
        let mut trouble = Trouble::default();
        loop {
            let mut events = connect();
            let mut limit = QUIET_LIST;
            loop {
                let (error, recovers) = match next_or_quiet(&mut events, limit, &self.heartbeat).await {
                    Next::Event(Ok(event)) => {
                        limit = match event {
                            Event::Init | Event::InitApply(_) => QUIET_LIST,
                            Event::InitDone | Event::Apply(_) | Event::Delete(_) => QUIET_WATCH,
                        };
                        // The begin of a list is no success yet.
                        if limit == QUIET_WATCH && trouble.over() {
                            info!(stream = self.label, "the watch works again");
                        }
                        self.take(event);
                        continue;
                    }
                    Next::Event(Err(error)) => {
                        limit = QUIET_WATCH;
                        (error_chain(&error), true)
                    }
                    Next::End => ("the watch has ended".to_owned(), false),
                    Next::Quiet => (format!("no sign of life for {} s", limit.as_secs()), false),
                };
                self.failed(&mut trouble, &error).await;
                if !recovers {
                    break;
                }
            }
        }
    }

    /// Logs and counts a failure, and waits as long as it asks for.
    async fn failed(&self, trouble: &mut Trouble, error: &str) {
        self.metrics.watch_failed(&self.label);
        let now = Instant::now();
        let delay = trouble.failed(now);
        let failures = trouble.failures;
        if failures >= WARN_FROM && (failures - WARN_FROM).is_multiple_of(10) {
            warn!(stream = self.label, error, failures, "the watch fails");
        } else {
            debug!(stream = self.label, error, failures, "the watch failed");
        }
        sleep_until(now + delay).await;
    }

    /// The kind is not served: the cache is empty, and nothing is expected of this stream.
    pub(crate) fn not_served(&mut self) {
        self.heartbeat.rest();
        let before = self.writer.state();
        let changes = self.writer.not_served();
        self.tell(before, changes);
    }

    /// It is not known whether the kind is served: nothing is expected of this stream.
    pub(crate) fn rest(&self) {
        self.heartbeat.rest();
    }

    /// The kind is served: its list is to come.
    pub(crate) fn loading(&mut self) {
        let before = self.writer.state();
        self.writer.loading();
        self.tell(before, Vec::new());
    }

    fn take(&mut self, event: Event<DeserializeGuard<K>>) {
        let before = self.writer.state();
        let event = event.modify(|object| {
            object.managed_fields_mut().clear();
            object.annotations_mut().remove(LAST_APPLIED);
            if let Ok(object) = &mut object.0 {
                (self.prune)(object);
            }
        });
        let changes = self.writer.apply(event);
        self.tell(before, changes);
    }

    fn tell(&self, before: CacheState, changes: Vec<Change<K>>) {
        for change in changes {
            (self.signal)(Signal::Changed(change));
        }
        let now = self.writer.state();
        if now != before {
            (self.signal)(Signal::State(now));
        }
    }
}

/// What came of waiting for a stream.
enum Next<T> {
    Event(T),
    End,
    /// Nothing happened below for too long: no event, no bookmark, no reconnect.
    Quiet,
}

/// The next event, unless nothing at all moves below the stream for `limit`.
///
/// kube keeps bookmarks and reconnects to itself, but each of them, and each piece of an answer,
/// wakes this task and polls the stream. So a poll is a sign of life, and its absence means that a
/// request hangs: neither lists nor the begin of a watch have a deadline in kube.
async fn next_or_quiet<S: Stream + Unpin>(
    events: &mut S,
    limit: Duration,
    heartbeat: &Heartbeat,
) -> Next<S::Item> {
    let mut quiet = pin!(sleep_until(Instant::now() + limit));
    poll_fn(|cx| {
        heartbeat.beat();
        if quiet.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Next::Quiet);
        }
        match events.poll_next_unpin(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Next::Event(event)),
            Poll::Ready(None) => Poll::Ready(Next::End),
            Poll::Pending => {
                quiet.as_mut().reset(Instant::now() + limit);
                // Registers the new instant; it lies ahead.
                let _ = quiet.as_mut().poll(cx);
                Poll::Pending
            }
        }
    })
    .await
}

/// kubectl's copy of the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The failures in a row of one stream.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    last: Option<Instant>,
}

impl Trouble {
    /// Notes a failure; the result is the delay before the next attempt.
    fn failed(&mut self, now: Instant) -> Duration {
        let related = self.last.is_some_and(|last| now < last + UNRELATED);
        self.failures = if related { self.failures.saturating_add(1) } else { 1 };
        self.last = Some(now);
        // Streams of one process fail together, but their requests are few.
        BACKOFF.delay(self.failures, 1.0)
    }

    /// Notes a success; whether there was something to tell about is the result.
    fn over(&mut self) -> bool {
        let told = self.failures >= WARN_FROM;
        *self = Self::default();
        told
    }
}

#[cfg(test)]
mod tests;
