//! The state machine of a pod: what happened to its containers, and what comes
//! next. [`record`] has the single container. No process, clock or API is touched here.

mod record;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use self::record::RestartPolicy;
pub(crate) use self::record::{ContainerRecord, Exit, Role, Stage, StartFailure};

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl Phase {
    /// The word in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Nothing of the pod will ever run again.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// All containers of one pod.
#[derive(Debug, Clone)]
pub(crate) struct PodState {
    pub(crate) containers: Vec<ContainerRecord>,
    policy: RestartPolicy,
    stopping: bool,
}

impl PodState {
    /// The state of a pod none of whose containers runs: a new one, or one
    /// whose status tells of an earlier kubelet. What ran then is started again
    /// (or is lost, if the pod's restart policy says so); restart counts go on.
    pub(crate) fn new(pod: &Pod, now: Timestamp) -> Self {
        let Some(spec) = &pod.spec else {
            return Self { containers: Vec::new(), policy: RestartPolicy::Always, stopping: false };
        };
        let policy = RestartPolicy::of(spec);
        let status = pod.status.as_ref();
        let known_init = status.and_then(|status| status.init_container_statuses.as_deref());
        let known_main = status.and_then(|status| status.container_statuses.as_deref());
        let has_init = spec.init_containers.as_ref().is_some_and(|init| !init.is_empty());
        let mut containers = Vec::new();
        for container in spec.init_containers.iter().flatten() {
            containers.push(ContainerRecord::restored(
                &container.name,
                Role::Init,
                known_init,
                policy,
                "ContainerCreating",
                now,
            ));
        }
        let reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
        for container in &spec.containers {
            containers.push(ContainerRecord::restored(
                &container.name,
                Role::Main,
                known_main,
                policy,
                reason,
                now,
            ));
        }
        Self { containers, policy, stopping: false }
    }

    /// The containers to start at `now`.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<String> {
        self.next_in_line()
            .filter(|(_, retry_at)| retry_at.is_none_or(|at| at <= now))
            .map(|(record, _)| record.name.clone())
            .collect()
    }

    /// When [`Self::due`] has something new to say.
    pub(crate) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_in_line().filter_map(|(_, retry_at)| retry_at).filter(|at| *at > now).min()
    }

    /// Waiting containers that no unfinished init container stands before.
    fn next_in_line(&self) -> impl Iterator<Item = (&ContainerRecord, Option<Timestamp>)> {
        let blocking = self.containers.iter().find(|record| record.role == Role::Init && !record.succeeded());
        let stopping = self.stopping;
        self.containers.iter().filter_map(move |record| {
            let its_turn = match blocking {
                Some(init) => std::ptr::eq(init, record),
                None => record.role == Role::Main,
            };
            match &record.stage {
                Stage::Waiting { retry_at, .. } if its_turn && !stopping => Some((record, *retry_at)),
                _ => None,
            }
        })
    }

    /// The container's process runs.
    pub(crate) fn started(&mut self, name: &str, pid: u32, now: Timestamp) {
        if let Some(record) = self.record(name) {
            if record.last_exit.is_some() {
                record.restarts += 1;
            }
            record.stage = Stage::Running { pid, since: now, started: false, ready: false };
        }
    }

    /// The container could not be started; it is tried again after a while.
    /// True if that is news: the last attempt did not fail for the same reason.
    pub(crate) fn could_not_start(&mut self, name: &str, why: StartFailure, now: Timestamp) -> bool {
        let Some(record) = self.record(name) else { return false };
        let before = match &record.stage {
            Stage::Waiting { reason, message, .. } => Some((*reason, message.clone())),
            _ => None,
        };
        let retry_at = after(now, record.backoff.next(Duration::ZERO));
        let again = matches!(before, Some(("ErrImagePull" | "ImagePullBackOff", _)));
        let (reason, message) = match why {
            StartFailure::NoImage(message) if again => ("ImagePullBackOff", message),
            StartFailure::NoImage(message) => ("ErrImagePull", message),
            StartFailure::Config(message) => ("CreateContainerConfigError", message),
            StartFailure::Run(message) => ("RunContainerError", message),
        };
        let message = Some(message);
        let is_news = before.is_none_or(|(_, before)| before != message);
        record.stage = Stage::Waiting { reason, message, retry_at: Some(retry_at) };
        is_news
    }

    /// Something a container waits for may be there: no more waiting for the
    /// ones whose configuration or image was at fault.
    pub(crate) fn retry_at_once(&mut self) {
        for record in &mut self.containers {
            if let Stage::Waiting { reason: "CreateContainerConfigError", retry_at, .. } = &mut record.stage {
                *retry_at = None;
                record.backoff.reset();
            }
        }
    }

    /// Says of the containers that were never tried what the pod waits for.
    pub(crate) fn waits_for(&mut self, what: Option<&str>) {
        for record in &mut self.containers {
            if let Stage::Waiting { reason: "ContainerCreating" | "PodInitializing", message, .. } =
                &mut record.stage
            {
                *message = what.map(str::to_owned);
            }
        }
    }

    /// The container's process ended. `by_probe` says that it was killed for a
    /// failed probe, after which every policy but `Never` starts it again.
    pub(crate) fn exited(&mut self, name: &str, exit: Exit, by_probe: bool, now: Timestamp) {
        let (policy, stopping) = (self.policy, self.stopping);
        let Some(record) = self.record(name) else { return };
        let finished_init = record.role == Role::Init && exit.code == 0;
        let again = !stopping && !finished_init && policy.restarts(&exit, record.role, by_probe);
        if !again {
            record.stage = Stage::Done(exit);
            return;
        }
        let delay = record.backoff.next(exit.ran_for());
        record.stage = Stage::Waiting {
            reason: "CrashLoopBackOff",
            message: Some(format!("back-off {:.1}s restarting container {name}", delay.as_secs_f64())),
            retry_at: Some(after(now, delay)),
        };
        record.last_exit = Some(exit);
    }

    /// The startup probe succeeded, or there is none.
    pub(crate) fn startup_succeeded(&mut self, name: &str) {
        if let Some(Stage::Running { started, .. }) = self.record(name).map(|record| &mut record.stage) {
            *started = true;
        }
    }

    /// The readiness probe changed its mind.
    pub(crate) fn readiness(&mut self, name: &str, now_ready: bool) {
        if let Some(Stage::Running { ready, .. }) = self.record(name).map(|record| &mut record.stage) {
            *ready = now_ready;
        }
    }

    /// Nothing is started or restarted any more.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Every process has ended and none will come: what never ran is written
    /// off, which makes the phase final.
    pub(crate) fn stopped(&mut self, now: Timestamp) {
        for record in &mut self.containers {
            if !matches!(record.stage, Stage::Done(_)) {
                record.stage = Stage::Done(record.last_exit.take().unwrap_or_else(|| Exit::unseen(now)));
            }
        }
    }

    /// The pod's phase, by the rules of a real kubelet.
    pub(crate) fn phase(&self) -> Phase {
        let of_role = |role| self.containers.iter().filter(move |record| record.role == role);
        if of_role(Role::Init).any(ContainerRecord::failed) {
            return Phase::Failed;
        }
        let never_ran = |record: &ContainerRecord| {
            matches!(record.stage, Stage::Waiting { .. }) && record.last_exit.is_none()
        };
        if !of_role(Role::Init).all(ContainerRecord::succeeded) || of_role(Role::Main).any(never_ran) {
            return Phase::Pending;
        }
        if of_role(Role::Main).any(|record| !matches!(record.stage, Stage::Done(_))) {
            return Phase::Running;
        }
        if of_role(Role::Main).any(ContainerRecord::failed) { Phase::Failed } else { Phase::Succeeded }
    }

    /// The init containers are through.
    pub(crate) fn initialized(&self) -> bool {
        self.containers.iter().all(|record| record.role == Role::Main || record.succeeded())
    }

    /// Names of the main containers that are not ready.
    pub(crate) fn unready(&self) -> Vec<&str> {
        let unready = |record: &&ContainerRecord| record.role == Role::Main && !record.is_ready();
        self.containers.iter().filter(unready).map(|record| record.name.as_str()).collect()
    }

    fn record(&mut self, name: &str) -> Option<&mut ContainerRecord> {
        self.containers.iter_mut().find(|record| record.name == name)
    }
}

fn after(now: Timestamp, delay: Duration) -> Timestamp {
    let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
    now.saturating_add(delay).unwrap_or(now)
}

#[cfg(test)]
mod tests;
