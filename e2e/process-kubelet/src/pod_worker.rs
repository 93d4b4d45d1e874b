//! One pod: waits for what happens to it, does what follows.
//!
//! Everything that happens (the pod changed, a process ended, a probe changed
//! its mind, a Secret changed, a time came) is an [`Event`] of one inbox; the
//! worker notes it in the [`PodState`], which says what comes next.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus};
use kube::ResourceExt as _;
use tokio::sync::mpsc;

use crate::api::KubeletApi;
use crate::backoff::Backoff;
use crate::container::{Log, Running};
use crate::container_plan::{self, ContainerPlan};
use crate::downward::Placement;
use crate::environment;
use crate::helper;
use crate::images::ImageMap;
use crate::leftovers;
use crate::lifecycle::{Exit, Phase, PodState, StartFailure};
use crate::network::{Lease, SharedPool};
use crate::objects::Objects;
use crate::probes::{self, ProbePlans, Verdict};
use crate::references;
use crate::sandbox::Sandbox;
use crate::settings::Settings;
use crate::status;
use crate::unsupported;
use crate::volumes::Volumes;

/// What every pod of the kubelet shares.
pub(crate) struct Surroundings {
    pub(crate) settings: Settings,
    pub(crate) api: KubeletApi,
    pub(crate) pool: SharedPool,
    pub(crate) node_name: String,
}

impl Surroundings {
    fn placement(&self, pod_ip: Option<Ipv4Addr>) -> Option<Placement<'_>> {
        let Self { settings, node_name, .. } = self;
        Some(Placement { pod_ip: pod_ip?, host_ip: settings.bridge_ip, node_name })
    }
}

/// What can happen to a pod.
pub(crate) enum Event {
    /// The pod was seen in the API, as this.
    Seen(Arc<Pod>),
    /// The pod is gone from the API.
    Gone,
    /// The kubelet ends.
    Shutdown,
    /// A Secret or ConfigMap that the pod reads has changed.
    ObjectsChanged,
    /// The process of a container ended.
    Exited { container: String, run: u64, exit: Exit },
    /// A probe of a container changed its mind.
    Probed { container: String, run: u64, verdict: Verdict },
    /// The sandbox with this process ended by itself.
    SandboxEnded,
}

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
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// After this a request of the worker's that failed is made again.
const RETRY: Duration = Duration::from_secs(1);

/// Carries one pod from its first sight to its end.
pub(crate) struct PodWorker {
    surroundings: Arc<Surroundings>,
    pod: Arc<Pod>,
    mark: String,
    directory: PathBuf,
    inbox: mpsc::UnboundedReceiver<Event>,
    outbox: mpsc::UnboundedSender<Event>,

    state: PodState,
    running: BTreeMap<String, Running>,
    runs: u64,

    sandbox: Option<Sandbox>,
    volumes: Option<Volumes>,
    objects: Option<Objects>,
    address: Option<Ipv4Addr>,
    prepared: bool,
    problem: Option<String>,
    backoff: Backoff,
    retry_at: Option<Timestamp>,

    written: PodStatus,
    /// The pod had ended before this kubelet saw it.
    settled: bool,
    ending: Option<Ending>,
}

impl PodWorker {
    /// A worker for a pod that was just seen, and where it hears of events.
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        pod: Arc<Pod>,
    ) -> (Self, mpsc::UnboundedSender<Event>) {
        let (outbox, inbox) = mpsc::unbounded_channel();
        let uid = pod.uid().unwrap_or_default();
        let state_directory = &surroundings.settings.state;
        let status = pod.status.clone().unwrap_or_default();
        let phase = status.phase.as_deref();
        let worker = Self {
            mark: helper::mark(state_directory, &uid),
            directory: pod_directories(state_directory).join(uid),
            state: PodState::new(&pod, Timestamp::now()),
            settled: [Phase::Succeeded, Phase::Failed].iter().any(|ended| phase == Some(ended.as_str())),
            written: status,
            surroundings,
            inbox,
            outbox: outbox.clone(),
            running: BTreeMap::new(),
            runs: 0,
            sandbox: None,
            volumes: None,
            objects: None,
            address: None,
            prepared: false,
            problem: None,
            backoff: Backoff::default(),
            retry_at: None,
            ending: None,
            pod: Arc::clone(&pod),
        };
        let _ = outbox.send(Event::Seen(pod));
        (worker, outbox)
    }

    /// Works until the pod is gone or the kubelet ends.
    pub(crate) async fn run(mut self) {
        let mut wake_at = None;
        loop {
            self.wait(wake_at).await;
            let now = Timestamp::now();
            let next = if self.ending.is_some() || self.state.phase().is_final() || self.settled {
                None
            } else {
                self.advance(now).await
            };
            let reported = self.report(now).await;
            let finished = self.finish(now).await;
            if finished == Some(true) {
                return;
            }
            let again = (!reported || finished == Some(false)).then(|| later(now, RETRY));
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
        match event {
            Event::Seen(pod) => {
                self.pod = pod;
                if self.pod.metadata.deletion_timestamp.is_some() {
                    let asked = self.pod.metadata.deletion_grace_period_seconds.unwrap_or_default();
                    let asked = Duration::from_secs(asked.max(0).unsigned_abs());
                    self.end(Ending::Deleted, asked.min(GRACE));
                }
            }
            Event::Gone => self.end(Ending::Gone, Duration::ZERO),
            Event::Shutdown => self.end(Ending::Shutdown, SHUTDOWN_GRACE),
            Event::ObjectsChanged => {
                self.objects = None;
                self.retry_at = None;
                self.state.retry_at_once();
            }
            Event::Exited { container, run, exit } => {
                if let Some(ended) = self.running.get(&container).filter(|running| running.run == run) {
                    tracing::info!(pod = %self.name(), container, code = exit.code, "exited");
                    let by_probe = ended.failed_probe;
                    self.running.remove(&container);
                    self.state.exited(&container, exit, by_probe, Timestamp::now());
                }
            }
            Event::Probed { container, run, verdict } => self.probed(&container, run, verdict),
            Event::SandboxEnded => {
                // The containers lost their network; start over.
                self.sandbox = None;
                self.prepared = false;
                self.retry_at = Some(later(Timestamp::now(), RETRY));
                for running in self.running.values() {
                    running.stop(Duration::ZERO);
                }
            }
        }
    }

    fn probed(&mut self, container: &str, run: u64, verdict: Verdict) {
        let grace = self.grace_of_pod();
        let Some(running) = self.running.get_mut(container).filter(|running| running.run == run) else {
            return;
        };
        match verdict {
            Verdict::Started => self.state.startup_succeeded(container),
            Verdict::Ready(ready) => self.state.readiness(container, ready),
            Verdict::Dead(problem) => {
                running.failed_probe = true;
                running.stop(grace);
                tracing::info!(pod = %self.pod.name_any(), container, problem, "restarting");
            }
        }
    }

    fn grace_of_pod(&self) -> Duration {
        let asked = self.spec().and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(30);
        Duration::from_secs(asked.max(0).unsigned_abs()).min(GRACE)
    }

    fn end(&mut self, ending: Ending, grace: Duration) {
        // Being gone outweighs being deleted; the kubelet's end leaves the
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
        if let Some(at) = self.retry_at.filter(|at| *at > now && !self.prepared) {
            return Some(at);
        }
        match self.prepare(now).await {
            Ok(()) => {
                self.prepared = true;
                self.problem = None;
                self.retry_at = None;
                self.backoff.reset();
                self.state.waits_for(None);
            }
            Err(problem) => {
                if self.problem.as_ref() != Some(&problem) {
                    tracing::info!(pod = %self.name(), problem, "waiting");
                }
                self.state.waits_for(Some(&problem));
                self.problem = Some(problem);
                self.retry_at = Some(later(now, self.backoff.next(Duration::ZERO)));
            }
        }
        if !self.prepared {
            return self.retry_at;
        }
        for name in self.state.due(now) {
            if let Err(failure) = self.start(&name).await {
                tracing::info!(pod = %self.name(), container = name, ?failure, "could not start");
                self.state.could_not_start(&name, failure, now);
            }
        }
        let token = self.volumes.as_ref().and_then(Volumes::wake_at);
        [self.state.wake_at(now), token, self.retry_at].into_iter().flatten().min()
    }

    /// Makes sandbox and volumes, or brings the volumes up to date.
    async fn prepare(&mut self, now: Timestamp) -> Result<(), String> {
        let surroundings = Arc::clone(&self.surroundings);
        let Surroundings { settings, api, pool, .. } = &*surroundings;
        let pod = Arc::clone(&self.pod);
        let spec = pod.spec.as_ref().ok_or("the pod has no spec")?;
        if let Some(complaint) = unsupported::first(spec) {
            return Err(complaint);
        }
        let root = self.directory.join("volumes");
        if self.volumes.is_none() {
            self.volumes = Some(Volumes::create(root.clone(), spec).map_err(chain)?);
        }
        if self.sandbox.is_none() {
            let earlier = self.written.pod_ip.as_deref().and_then(|ip| ip.parse().ok());
            let lease = Lease::take(pool, self.address.or(earlier)).map_err(chain)?;
            let outbox = self.outbox.clone();
            let on_end = move || drop(outbox.send(Event::SandboxEnded));
            let hostname = container_plan::hostname(spec, &pod.name_any());
            let in_memory = Volumes::in_memory(&root, spec);
            let sandbox = Sandbox::start(settings, &self.mark, hostname, in_memory, lease, on_end).await;
            let sandbox = sandbox.map_err(chain)?;
            self.address = Some(sandbox.address());
            self.sandbox = Some(sandbox);
        }
        if self.objects.is_none() {
            let namespace = pod.namespace().unwrap_or_default();
            self.objects = Some(api.read(&namespace, references::of_pod(spec)).await.map_err(chain)?);
        }
        let placement = surroundings.placement(self.address).ok_or("the pod has no address")?;
        let (Some(volumes), Some(objects)) = (self.volumes.as_mut(), self.objects.as_ref()) else {
            return Err("the pod has no volumes".to_owned());
        };
        volumes.refresh_tokens(api, &pod, now).await.map_err(chain)?;
        volumes.show(&pod, placement, objects)
    }

    /// Starts one container with all that belongs to it.
    async fn start(&mut self, name: &str) -> Result<(), StartFailure> {
        let now = Timestamp::now();
        let pod = Arc::clone(&self.pod);
        let spec = pod.spec.as_ref().ok_or_else(|| StartFailure::Config("the pod has no spec".to_owned()))?;
        let container = container_of(spec, name)
            .ok_or_else(|| StartFailure::Config(format!("the pod has no container {name:?}")))?;
        let (plan, probes) = self.plan(&pod, spec, container)?;
        let settings = &self.surroundings.settings;
        let run = self.runs;
        self.runs += 1;
        let file = format!("{}_{}_{name}.log", pod.namespace().unwrap_or_default(), pod.name_any());
        let heading = format!("{now} run {run} of {} ({})", container.image.as_deref().unwrap_or_default(), self.mark);
        let last_words = container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        let started = async {
            std::fs::create_dir_all(&plan.root)?;
            let log = Log::open(settings.logs.join(file), &heading, last_words)?;
            let outbox = self.outbox.clone();
            let container = name.to_owned();
            let on_exit = move |exit| drop(outbox.send(Event::Exited { container, run, exit }));
            Running::start(&plan, &self.mark, log, run, on_exit).await
        };
        let mut running = started.await.map_err(|error: anyhow::Error| StartFailure::Run(chain(error)))?;
        tracing::info!(pod = %self.name(), container = name, pid = running.pid, address = ?self.address, "started");
        let (outbox, container) = (self.outbox.clone(), name.to_owned());
        running.probes.spawn(probes::run(probes, move |verdict| {
            drop(outbox.send(Event::Probed { container: container.clone(), run, verdict }));
        }));
        self.state.started(name, running.pid, now);
        self.running.insert(name.to_owned(), running);
        Ok(())
    }

    /// Decides everything about a container's process.
    fn plan(
        &self,
        pod: &Pod,
        spec: &PodSpec,
        container: &Container,
    ) -> Result<(ContainerPlan, ProbePlans), StartFailure> {
        let Surroundings { settings, api, .. } = &*self.surroundings;
        let image = container.image.as_deref().unwrap_or_default();
        let no_image = |error: anyhow::Error| StartFailure::NoImage(chain(error));
        let map = ImageMap::load(&settings.images).map_err(no_image)?;
        let entry = map.find(image).ok_or_else(|| {
            StartFailure::NoImage(format!("no entry of {} matches image {image:?}", settings.images.display()))
        })?;
        let binaries = entry.files().map_err(no_image)?;

        let (Some(sandbox), Some(volumes), Some(objects), Some(placement)) =
            (&self.sandbox, &self.volumes, &self.objects, self.surroundings.placement(self.address))
        else {
            return Err(StartFailure::Run("the pod has no sandbox".to_owned()));
        };
        let hostname = container_plan::hostname(spec, &pod.name_any());
        let base = container_plan::base_environment(&hostname, &api.server);
        let mut environment = environment::of_container(pod, container, placement, objects, base)
            .map_err(StartFailure::Config)?;
        let command = environment::command_line(container, &entry.entrypoint, &environment);
        if command.is_empty() {
            return Err(StartFailure::Run(
                "neither the container nor its image's entry names a command".to_owned(),
            ));
        }
        environment.insert(helper::MARK.to_owned(), self.mark.clone());
        let probes = ProbePlans::of(container, placement.pod_ip.into()).map_err(StartFailure::Config)?;
        let plan = ContainerPlan {
            sandbox: sandbox.pid,
            parent: std::process::id(),
            root: self.directory.join("roots").join(&container.name),
            files: container_plan::etc_files(spec, &hostname, placement.pod_ip, &[]),
            binaries,
            mounts: container_plan::mounts(container, volumes.root()).map_err(StartFailure::Config)?,
            command,
            environment,
            working_directory: container.working_dir.clone().unwrap_or_else(|| "/".to_owned()),
        };
        Ok((plan, probes))
    }

    /// Writes the status if it has changed. False if that failed.
    async fn report(&mut self, now: Timestamp) -> bool {
        if self.settled || matches!(self.ending, Some(Ending::Gone | Ending::Shutdown)) {
            return true;
        }
        let host_ip = self.surroundings.settings.bridge_ip;
        let status = status::build(&self.pod, &self.written, &self.state, self.address, host_ip, now);
        if status == self.written {
            return true;
        }
        match self.surroundings.api.write_status(&self.pod, &status).await {
            Ok(()) => {
                self.written = status;
                true
            }
            Err(error) => {
                tracing::warn!(pod = %self.name(), "{}", chain(error));
                false
            }
        }
    }

    /// Takes down what an ended pod does not need any more. `None`: the pod
    /// runs, or stays as it is; true: it is done with; false: try again.
    async fn finish(&mut self, now: Timestamp) -> Option<bool> {
        let ended = self.ending.is_some() || self.state.phase().is_final();
        if !ended || !self.running.is_empty() {
            return None;
        }
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.stop().await;
            let uid = self.pod.uid().unwrap_or_default();
            leftovers::kill_processes(&self.surroundings.settings.state, &uid).await;
        }
        self.volumes = None;
        self.prepared = false;
        let ending = self.ending?;
        if let Err(error) = leftovers::clear(&self.directory) {
            tracing::warn!(pod = %self.name(), "{}", chain(error));
        }
        if ending != Ending::Deleted {
            return Some(true);
        }
        // The last word, for whoever counts how pods ended (Jobs do).
        self.state.stopped(now);
        if !self.report(now).await {
            return Some(false);
        }
        match self.surroundings.api.forget(&self.pod).await {
            Ok(()) => {
                tracing::info!(pod = %self.name(), "deleted");
                Some(true)
            }
            Err(error) => {
                tracing::warn!(pod = %self.name(), "{}", chain(error));
                Some(false)
            }
        }
    }

    fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    fn name(&self) -> String {
        format!("{}/{}", self.pod.namespace().unwrap_or_default(), self.pod.name_any())
    }
}

/// Where the directories of all pods are.
pub(crate) fn pod_directories(state: &std::path::Path) -> PathBuf {
    state.join("pods")
}

fn container_of<'a>(spec: &'a PodSpec, name: &str) -> Option<&'a Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers).find(|container| container.name == name)
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(now)
}

/// An error with its causes in one line.
fn chain(error: anyhow::Error) -> String {
    format!("{error:#}")
}
