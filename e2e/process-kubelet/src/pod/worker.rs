//! One pod: waits for what happens to it, does what follows.
//!
//! Everything that happens (the pod changed, a process ended, a probe changed
//! its mind, a Secret changed, a time came) is an [`Event`] of one inbox; the
//! worker notes it in the [`PodState`], which says what comes next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::ResourceExt as _;
use tokio::sync::mpsc;

use crate::container::probes::Verdict;
use crate::container::running::Running;
use crate::pod::backoff::Backoff;
use crate::pod::event::{Event, EventSender};
use crate::pod::lifecycle::{Phase, PodState};
use crate::pod::resources::{PodResources, in_one_line};
use crate::pod::status;
use crate::pod::surroundings::Surroundings;

/// Why the pod is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Deleted in the API, which waits for the kubelet's word.
    Deleted,
    /// Gone from the API.
    Gone,
    /// The kubelet ends; another one will go on with the pod.
    Shutdown,
}

/// The most time that a deleted pod gets; tests have no half minute to spare.
const GRACE: Duration = Duration::from_secs(10);
/// The same when the kubelet ends.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// After this a request of the worker's that failed is made again.
const RETRY: Duration = Duration::from_secs(1);

/// Carries one pod from its first sight to its end.
pub(crate) struct PodWorker {
    surroundings: Arc<Surroundings>,
    pod: Arc<Pod>,
    inbox: mpsc::UnboundedReceiver<Event>,
    state: PodState,
    /// Containers whose process runs.
    running: BTreeMap<String, Running>,
    /// Number of processes started so far.
    runs: u64,
    resources: PodResources,
    preparation: Preparation,
    /// The status as last written (or found).
    written: PodStatus,
    /// The pod had ended before this kubelet saw it.
    settled: bool,
    ending: Option<Ending>,
}

/// How far the pod's resources are.
#[derive(Default)]
struct Preparation {
    /// They were complete once: containers may start.
    done: bool,
    problem: Option<String>,
    retry_at: Option<Timestamp>,
    backoff: Backoff,
}

impl PodWorker {
    /// A worker for a pod that was just seen, and where it hears of events.
    pub(crate) fn new(surroundings: Arc<Surroundings>, pod: Arc<Pod>) -> (Self, EventSender) {
        let (events, inbox) = mpsc::unbounded_channel();
        let written = pod.status.clone().unwrap_or_default();
        let phase = written.phase.as_deref();
        let earlier = written.pod_ip.as_deref().and_then(|ip| ip.parse().ok());
        let uid = pod.uid().unwrap_or_default();
        let worker = Self {
            state: PodState::new(&pod, Timestamp::now()),
            settled: [Phase::Succeeded, Phase::Failed].iter().any(|ended| phase == Some(ended.as_str())),
            resources: PodResources::new(Arc::clone(&surroundings), events.clone(), uid, earlier),
            surroundings,
            inbox,
            running: BTreeMap::new(),
            runs: 0,
            preparation: Preparation::default(),
            written,
            ending: None,
            pod: Arc::clone(&pod),
        };
        // The worker keeps a sender itself, so this arrives.
        let _ = events.send(Event::Seen(pod));
        (worker, events)
    }

    /// Works until the pod is gone or the kubelet ends.
    pub(crate) async fn run(mut self) {
        let mut wake_at = None;
        loop {
            self.wait(wake_at).await;
            let now = Timestamp::now();
            let over = self.ending.is_some() || self.settled || self.state.phase().is_final();
            let next = if over { None } else { self.advance(now).await };
            let reported = self.report(now).await;
            let finished = match self.ending {
                _ if !over || !self.running.is_empty() => true,
                None => {
                    self.resources.release().await;
                    true
                }
                Some(ending) => {
                    self.resources.release().await;
                    self.resources.remove_files();
                    if ending != Ending::Deleted || self.say_farewell(now).await {
                        return;
                    }
                    false
                }
            };
            let again = (!reported || !finished).then(|| later(now, RETRY));
            wake_at = [next, again].into_iter().flatten().min();
        }
    }

    /// Waits for events, or the time, and notes all that have come.
    async fn wait(&mut self, wake_at: Option<Timestamp>) {
        let timer = async {
            match wake_at {
                Some(at) => {
                    let left = at.duration_since(Timestamp::now()).try_into().unwrap_or_default();
                    tokio::time::sleep(left).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(event) = self.inbox.recv() => self.note(event),
            () = timer => {}
        }
        while let Ok(event) = self.inbox.try_recv() {
            self.note(event);
        }
    }

    fn note(&mut self, event: Event) {
        let now = Timestamp::now();
        match event {
            Event::Seen(pod) => {
                self.pod = pod;
                let metadata = &self.pod.metadata;
                if metadata.deletion_timestamp.is_some() {
                    self.end(
                        Ending::Deleted,
                        grace(metadata.deletion_grace_period_seconds.unwrap_or_default()),
                    );
                }
            }
            Event::Gone => self.end(Ending::Gone, Duration::ZERO),
            Event::Shutdown => self.end(Ending::Shutdown, SHUTDOWN_GRACE),
            Event::ObjectsChanged => {
                self.resources.objects_changed();
                self.preparation.retry_at = None;
                self.state.retry_at_once();
            }
            Event::Exited { container, run, exit } => {
                if self.running.get(&container).is_some_and(|running| running.run == run)
                    && let Some(ended) = self.running.remove(&container)
                {
                    tracing::info!(pod = %self.name(), container, code = exit.code, "exited");
                    self.state.exited(&container, exit, ended.failed_probe, now);
                }
            }
            Event::Probed { container, run, verdict } => self.probed(&container, run, verdict),
            Event::SandboxEnded => {
                // The containers lost their way to the network: start over.
                self.resources.sandbox_ended();
                self.preparation.done = false;
                self.preparation.retry_at = Some(later(now, RETRY));
                for running in self.running.values() {
                    running.stop(Duration::ZERO);
                }
            }
        }
    }

    fn probed(&mut self, container: &str, run: u64, verdict: Verdict) {
        let name = self.name();
        let Some(running) = self.running.get_mut(container).filter(|running| running.run == run) else {
            return;
        };
        match verdict {
            Verdict::Started => self.state.startup_succeeded(container),
            Verdict::Ready(ready) => self.state.readiness(container, ready),
            Verdict::Dead(problem) => {
                tracing::info!(pod = name, container, problem, "stopping, to be restarted");
                let asked = self.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
                running.failed_probe = true;
                running.stop(grace(asked.unwrap_or(30)));
            }
        }
    }

    fn end(&mut self, ending: Ending, grace: Duration) {
        // Being gone outweighs being deleted, and the kubelet's end leaves the
        // rest to the next kubelet.
        if self.ending.is_none() || ending != Ending::Deleted {
            self.ending = Some(ending);
        }
        self.state.stop();
        for running in self.running.values() {
            running.stop(grace);
        }
    }

    /// Does what can be done now for a pod that shall run; the result is when
    /// there is more to do although nothing happens.
    async fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.preparation.done || self.preparation.retry_at.is_none_or(|at| at <= now) {
            let prepared = self.resources.prepare(&self.pod, now).await;
            self.prepared(prepared, now);
        }
        if !self.preparation.done {
            return self.preparation.retry_at;
        }
        for name in self.state.due(now) {
            self.start(&name, now).await;
        }
        [self.state.wake_at(now), self.resources.refresh_at(), self.preparation.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn prepared(&mut self, result: Result<(), String>, now: Timestamp) {
        self.state.waits_for(result.as_ref().err().map(String::as_str));
        match result {
            Ok(()) => self.preparation = Preparation { done: true, ..Preparation::default() },
            Err(problem) => {
                if self.preparation.problem.as_ref() != Some(&problem) {
                    tracing::info!(pod = %self.name(), problem, "waiting");
                }
                self.preparation.problem = Some(problem);
                self.preparation.retry_at = Some(later(now, self.preparation.backoff.next(Duration::ZERO)));
            }
        }
    }

    async fn start(&mut self, name: &str, now: Timestamp) {
        match self.resources.start(&self.pod, name, self.runs, now).await {
            Ok(running) => {
                let address = self.resources.address();
                tracing::info!(pod = %self.name(), container = name, pid = running.pid, ?address, "started");
                self.runs += 1;
                self.state.started(name, running.pid, now);
                self.running.insert(name.to_owned(), running);
            }
            Err(failure) => {
                let problem = format!("{failure:?}");
                if self.state.could_not_start(name, failure, now) {
                    tracing::info!(pod = %self.name(), container = name, problem, "could not start");
                }
            }
        }
    }

    /// Writes the status if it has changed. False if that failed.
    async fn report(&mut self, now: Timestamp) -> bool {
        if self.settled || matches!(self.ending, Some(Ending::Gone | Ending::Shutdown)) {
            return true;
        }
        let host_ip = self.surroundings.settings.bridge_ip;
        let address = self.resources.address();
        let status = status::build(&self.pod, &self.written, &self.state, address, host_ip, now);
        if status == self.written {
            return true;
        }
        match self.surroundings.api.write_status(&self.pod, &status).await {
            Ok(()) => {
                self.written = status;
                true
            }
            Err(error) => {
                tracing::warn!(pod = %self.name(), "{}", in_one_line(error));
                false
            }
        }
    }

    /// Tells the API that nothing of a deleted pod runs any more. False if that
    /// failed.
    async fn say_farewell(&mut self, now: Timestamp) -> bool {
        // The last word is for whoever counts how pods ended: Jobs do.
        self.state.stopped(now);
        if !self.report(now).await {
            return false;
        }
        match self.surroundings.api.forget(&self.pod).await {
            Ok(()) => tracing::info!(pod = %self.name(), "deleted"),
            Err(error) => {
                tracing::warn!(pod = %self.name(), "{}", in_one_line(error));
                return false;
            }
        }
        true
    }

    fn name(&self) -> String {
        format!("{}/{}", self.pod.namespace().unwrap_or_default(), self.pod.name_any())
    }
}

/// The time that a pod gets of the seconds it asks for.
fn grace(asked: i64) -> Duration {
    Duration::from_secs(asked.max(0).unsigned_abs()).min(GRACE)
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(now)
}
