//! What a pod has on this machine: sandbox, volumes and processes.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Error};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt as _;

use crate::container::environment;
use crate::container::plan::{self, ContainerPlan};
use crate::container::probes::{self, ProbePlans};
use crate::container::running::{Log, Running};
use crate::images::ImageMap;
use crate::network::Lease;
use crate::objects::Objects;
use crate::pod::event::{Event, EventSender};
use crate::pod::lifecycle::StartFailure;
use crate::pod::references;
use crate::pod::sandbox::Sandbox;
use crate::pod::surroundings::Surroundings;
use crate::pod::unsupported;
use crate::volume::Volumes;

/// Where the directories of all pods are.
pub(crate) fn pod_directories(state: &Path) -> PathBuf {
    state.join("pods")
}

/// Removes a directory with all that is in it.
///
/// # Errors
/// Something in it cannot be removed. That there is none is no error.
pub(crate) fn remove(directory: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// An error with its causes in one line.
pub(crate) fn in_one_line(error: Error) -> String {
    format!("{error:#}")
}

/// Everything of one pod that has to be made and taken away.
pub(crate) struct PodResources {
    surroundings: Arc<Surroundings>,
    events: EventSender,
    uid: String,
    directory: PathBuf,
    /// The address that the pod has or had, in this kubelet's time or before.
    address: Option<Ipv4Addr>,
    sandbox: Option<Sandbox>,
    volumes: Option<Volumes>,
    /// The referenced objects as last read; `None` if they may have changed.
    objects: Option<Objects>,
}

impl PodResources {
    /// Nothing yet, for a pod that had `address` under an earlier kubelet.
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        events: EventSender,
        uid: String,
        address: Option<Ipv4Addr>,
    ) -> Self {
        let state = &surroundings.settings.state;
        Self {
            directory: pod_directories(state).join(&uid),
            surroundings,
            events,
            uid,
            address,
            sandbox: None,
            volumes: None,
            objects: None,
        }
    }

    /// The pod's address, once it had one.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// When [`Self::prepare`] has to be called again although nothing happened:
    /// a token gets old.
    pub(crate) fn refresh_at(&self) -> Option<Timestamp> {
        self.volumes.as_ref().and_then(Volumes::wake_at)
    }

    /// A referenced object has changed.
    pub(crate) fn objects_changed(&mut self) {
        self.objects = None;
    }

    /// The sandbox is gone; another one has to be made.
    pub(crate) fn sandbox_ended(&mut self) {
        self.sandbox = None;
    }

    /// Makes what is missing of sandbox and volumes, and brings the volumes up
    /// to date.
    ///
    /// # Errors
    /// Says what the pod has to wait for; what was there before stays.
    pub(crate) async fn prepare(&mut self, pod: &Pod, now: Timestamp) -> Result<(), String> {
        let surroundings = Arc::clone(&self.surroundings);
        let spec = pod.spec.as_ref().ok_or("the pod has no spec")?;
        if let Some(complaint) = unsupported::first(spec) {
            return Err(complaint);
        }
        let root = self.directory.join("volumes");
        let volumes = match &mut self.volumes {
            Some(volumes) => volumes,
            missing => missing.insert(Volumes::create(root.clone(), spec).map_err(in_one_line)?),
        };
        let sandbox = match &mut self.sandbox {
            Some(sandbox) => sandbox,
            missing => {
                let lease = Lease::take(&surroundings.pool, self.address).map_err(in_one_line)?;
                let events = self.events.clone();
                let on_end = move || drop(events.send(Event::SandboxEnded));
                let hostname = plan::hostname(spec, &pod.name_any());
                let in_memory = Volumes::in_memory(&root, spec);
                let settings = &surroundings.settings;
                let made = Sandbox::start(settings, hostname, in_memory, lease, on_end).await;
                missing.insert(made.map_err(in_one_line)?)
            }
        };
        self.address = Some(sandbox.address());
        let objects = match &mut self.objects {
            Some(objects) => objects,
            missing => {
                let namespace = pod.namespace().unwrap_or_default();
                let read = surroundings.api.read(&namespace, references::of_pod(spec)).await;
                missing.insert(read.map_err(in_one_line)?)
            }
        };
        volumes.refresh_tokens(&surroundings.api, pod, now).await.map_err(in_one_line)?;
        volumes.show(pod, surroundings.placement(sandbox.address()), objects)
    }

    /// Starts the process of one container, and its probes.
    ///
    /// # Errors
    /// Says why the container cannot run now.
    pub(crate) async fn start(
        &self,
        pod: &Pod,
        name: &str,
        run: u64,
        now: Timestamp,
    ) -> Result<Running, StartFailure> {
        let found = pod.spec.as_ref().and_then(|spec| Some((spec, container_of(spec, name)?)));
        let (spec, container) =
            found.ok_or_else(|| StartFailure::Config(format!("the pod has no container {name:?}")))?;
        let services = self.surroundings.service_names().await;
        let (plan, probes) = self.plan(pod, spec, container, &services)?;
        let mut running = self
            .start_process(pod, container, &plan, run, now)
            .await
            .map_err(|error| StartFailure::Run(in_one_line(error)))?;
        let (events, container) = (self.events.clone(), name.to_owned());
        running.probes.spawn(probes::run(probes, move |verdict| {
            drop(events.send(Event::Probed { container: container.clone(), run, verdict }));
        }));
        Ok(running)
    }

    async fn start_process(
        &self,
        pod: &Pod,
        container: &Container,
        plan: &ContainerPlan,
        run: u64,
        now: Timestamp,
    ) -> anyhow::Result<Running> {
        let name = container.name.clone();
        let image = container.image.as_deref().unwrap_or_default();
        let file = format!("{}_{}_{name}.log", pod.namespace().unwrap_or_default(), pod.name_any());
        let heading = format!("{now} start {run} of {image}, pod {}", self.uid);
        let last_words = container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        std::fs::create_dir_all(&plan.root)?;
        let log = Log::open(self.surroundings.settings.logs.join(file), &heading, last_words)?;
        let events = self.events.clone();
        let on_exit = move |exit| drop(events.send(Event::Exited { container: name, run, exit }));
        Running::start(plan, log, run, on_exit).await
    }

    /// Decides everything about a container's process.
    fn plan(
        &self,
        pod: &Pod,
        spec: &PodSpec,
        container: &Container,
        services: &[(Ipv4Addr, String)],
    ) -> Result<(ContainerPlan, ProbePlans), StartFailure> {
        let Surroundings { settings, api, .. } = &*self.surroundings;
        let image = container.image.as_deref().unwrap_or_default();
        let no_image = |error| StartFailure::NoImage(in_one_line(error));
        let map = ImageMap::load(&settings.images).map_err(no_image)?;
        let entry = map.find(image).ok_or_else(|| {
            StartFailure::NoImage(format!(
                "no entry of {} matches image {image:?}",
                settings.images.display()
            ))
        })?;
        let binaries = entry.files().map_err(no_image)?;

        let (Some(sandbox), Some(volumes), Some(objects)) = (&self.sandbox, &self.volumes, &self.objects)
        else {
            return Err(StartFailure::Run("the pod has no sandbox".to_owned()));
        };
        let placement = self.surroundings.placement(sandbox.address());
        let hostname = plan::hostname(spec, &pod.name_any());
        let base = plan::base_environment(&hostname, &api.server);
        let environment = environment::of_container(pod, container, placement, objects, base)
            .map_err(StartFailure::Config)?;
        let command = environment::command_line(container, &entry.entrypoint, &environment);
        if command.is_empty() {
            let message = "neither the container nor its image's entry names a command";
            return Err(StartFailure::Run(message.to_owned()));
        }
        let probes = ProbePlans::of(container, placement.pod_ip.into()).map_err(StartFailure::Config)?;
        let plan = ContainerPlan {
            sandbox: sandbox.pid,
            kubelet: std::process::id(),
            root: self.directory.join("roots").join(&container.name),
            files: plan::etc_files(spec, &hostname, placement.pod_ip, services),
            binaries,
            mounts: plan::mounts(container, volumes.root()).map_err(StartFailure::Config)?,
            command,
            environment,
            working_directory: container.working_dir.clone().unwrap_or_else(|| "/".to_owned()),
        };
        Ok((plan, probes))
    }

    /// Takes the sandbox away. The containers must have ended.
    pub(crate) async fn release(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            sandbox.stop().await;
        }
    }

    /// Removes the volumes.
    pub(crate) fn remove_files(&mut self) {
        self.volumes = None;
        if let Err(error) = remove(&self.directory) {
            tracing::warn!(pod = self.uid, "{error:#}");
        }
    }
}

fn container_of<'a>(spec: &'a PodSpec, name: &str) -> Option<&'a Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers).find(|container| container.name == name)
}
