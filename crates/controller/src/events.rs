//! Kubernetes events about transitions: what `kubectl describe` tells.
//!
//! Events are published by tasks of their own. A pass hands one over and
//! goes on; an API server that is slow with events delays nobody, and an event
//! that cannot be published is counted and logged, never an error of a pass.

use std::borrow::Cow;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::metrics::Metrics;
use crate::reconcile::error_chain;

/// More events than this in waiting are dropped: by then the API server is in
/// trouble, and the conditions of the objects say the same.
const BACKLOG: usize = 256;
/// How long the publication of one event may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// The limit that Kubernetes sets to the note of an event, in bytes.
const MAX_NOTE: usize = 1024;

/// How an event looks to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It went well.
    Normal,
    /// Somebody should know.
    Warning,
}

/// One transition of one object.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The object that has changed.
    pub regarding: ObjectReference,
    /// How it looks to a person.
    pub severity: Severity,
    /// A word of the catalogue of reasons.
    pub reason: Cow<'static, str>,
    /// What the operator was doing, as a word: `Join`, `Detach`, `ApproveCsr`.
    pub action: Cow<'static, str>,
    /// A sentence for people, without secrets.
    pub message: String,
}

/// Where passes hand in transitions; clones lead to the same task.
#[derive(Debug, Clone)]
pub struct Events {
    sender: mpsc::Sender<Transition>,
    metrics: Metrics,
}

/// Starts the tasks that publish, one for each cluster, so that a cluster that is slow with events holds
/// up its own alone; clones start tasks of the same group.
#[derive(Clone)]
pub struct Publishers {
    reporter: Reporter,
    metrics: Metrics,
    stop: CancellationToken,
    running: TaskTracker,
}

/// Publishes what was handed in.
struct Publisher {
    receiver: mpsc::Receiver<Transition>,
    /// It folds repetitions into series.
    recorder: Recorder,
    metrics: Metrics,
}

impl Publishers {
    /// `identity` tells replicas apart in the events. After `stop` nothing more is taken.
    #[must_use]
    pub fn new(identity: String, metrics: Metrics, stop: CancellationToken) -> Self {
        let reporter = Reporter { controller: crate::CONTROLLER_NAME.to_owned(), instance: Some(identity) };
        Self { reporter, metrics, stop, running: TaskTracker::new() }
    }

    /// To a cluster. Events lie in the namespace of their object; those of objects without one in
    /// `default`.
    #[must_use]
    pub fn to(&self, client: Client) -> Events {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let metrics = self.metrics.clone();
        let recorder = Recorder::new(client, self.reporter.clone());
        let publisher = Publisher { receiver, recorder, metrics: metrics.clone() };
        self.running.spawn(publisher.run(self.stop.clone()));
        Events { sender, metrics }
    }

    /// Resolves when all tasks have ended, which they do after `stop`, each within a timeout.
    pub async fn ended(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

impl Events {
    /// Hands in a transition. Never waits and never fails.
    pub fn publish(&self, transition: Transition) {
        if let Err(error) = self.sender.try_send(transition) {
            self.metrics.event_dropped();
            debug!(%error, "an event was dropped");
        }
    }
}

impl Publisher {
    /// Publishes until `stop` or until nobody can hand in any more, then what
    /// is still waiting, for at most one timeout.
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                transition = self.receiver.recv() => match transition {
                    Some(transition) => self.publish(transition).await,
                    None => return,
                },
                () = stop.cancelled() => break,
            }
        }
        self.receiver.close();
        let rest = async {
            while let Some(transition) = self.receiver.recv().await {
                self.publish(transition).await;
            }
        };
        if timeout(PUBLISH_TIMEOUT, rest).await.is_err() {
            debug!("events were dropped at the end of the process");
        }
    }

    async fn publish(&self, transition: Transition) {
        let Transition { regarding, severity, reason, action, message } = transition;
        let event = Event {
            type_: match severity {
                Severity::Normal => EventType::Normal,
                Severity::Warning => EventType::Warning,
            },
            reason: reason.into_owned(),
            note: Some(shortened(message)),
            action: action.into_owned(),
            secondary: None,
        };
        let error = match timeout(PUBLISH_TIMEOUT, self.recorder.publish(&event, &regarding)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        self.metrics.event_dropped();
        warn!(reason = event.reason, error, "cannot publish an event");
    }
}

/// The message within the limit of Kubernetes, cut at a character.
fn shortened(mut message: String) -> String {
    const ELLIPSIS: &str = "…";
    if message.len() > MAX_NOTE {
        let mut end = MAX_NOTE - ELLIPSIS.len();
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push_str(ELLIPSIS);
    }
    message
}

#[cfg(test)]
mod tests;
