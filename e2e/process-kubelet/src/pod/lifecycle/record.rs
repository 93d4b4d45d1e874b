//! One container of a pod: how it is, how it ended, and what the pod's status remembers of it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, PodSpec};

use crate::pod::backoff::Backoff;

/// How a container ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exit {
    /// Exit code; 128 + signal for a killed process, as container runtimes say.
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    /// `Completed`, `Error` or `ContainerStatusUnknown`.
    pub(crate) reason: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
}

impl Exit {
    /// The end of a container that ran when an earlier kubelet stopped.
    pub(super) fn unseen(now: Timestamp) -> Self {
        Self {
            code: 137,
            signal: None,
            reason: "ContainerStatusUnknown",
            message: Some("the container was gone when the kubelet started".to_owned()),
            started_at: now,
            finished_at: now,
        }
    }

    pub(super) fn ran_for(&self) -> Duration {
        self.finished_at.duration_since(self.started_at).try_into().unwrap_or_default()
    }
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// Not running, but to be started: now, or at `retry_at`.
    Waiting { reason: &'static str, message: Option<String>, retry_at: Option<Timestamp> },
    /// The process runs.
    Running {
        pid: u32,
        since: Timestamp,
        /// Its startup probe has succeeded.
        started: bool,
        /// Its readiness probe says yes.
        ready: bool,
    },
    /// Ended, not to be started again.
    Done(Exit),
}

/// Init containers run one after the other before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Init,
    Main,
}

/// `spec.restartPolicy` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    /// The policy of a pod; `Always` is the API's default.
    pub(super) fn of(spec: &PodSpec) -> Self {
        match spec.restart_policy.as_deref() {
            Some("Never") => Self::Never,
            Some("OnFailure") => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// Whether a container that ended like this is started again.
    pub(super) fn restarts(self, exit: &Exit, role: Role, by_probe: bool) -> bool {
        match self {
            Self::Always => role == Role::Main || exit.code != 0,
            Self::OnFailure => exit.code != 0 || by_probe,
            Self::Never => false,
        }
    }
}

/// One container and its history.
#[derive(Debug, Clone)]
pub(crate) struct ContainerRecord {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) stage: Stage,
    /// The end before the present stage.
    pub(crate) last_exit: Option<Exit>,
    pub(crate) restarts: i32,
    pub(super) backoff: Backoff,
}

impl ContainerRecord {
    /// A container as the status of the pod remembers it.
    pub(super) fn restored(
        name: &str,
        role: Role,
        known: Option<&[ContainerStatus]>,
        policy: RestartPolicy,
        waiting_reason: &'static str,
        now: Timestamp,
    ) -> Self {
        let mut record = Self {
            name: name.to_owned(),
            role,
            stage: Stage::Waiting { reason: waiting_reason, message: None, retry_at: None },
            last_exit: None,
            restarts: 0,
            backoff: Backoff::default(),
        };
        let Some(status) = known.into_iter().flatten().find(|status| status.name == name) else {
            return record;
        };
        record.restarts = status.restart_count;
        let state = status.state.as_ref();
        let ended = state.and_then(|state| state.terminated.as_ref());
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let exit = match (ended.or(last), state.and_then(|state| state.running.as_ref())) {
            (_, Some(running)) => {
                let started_at = running.started_at.as_ref().map_or(now, |at| at.0);
                Some(Exit { started_at, ..Exit::unseen(now) })
            }
            (Some(ended), None) => Some(Exit {
                code: ended.exit_code,
                signal: ended.signal,
                reason: if ended.exit_code == 0 { "Completed" } else { "Error" },
                message: ended.message.clone(),
                started_at: ended.started_at.as_ref().map_or(now, |at| at.0),
                finished_at: ended.finished_at.as_ref().map_or(now, |at| at.0),
            }),
            (None, None) => None,
        };
        match exit {
            // Init containers run again: what they made for the others is gone
            // with the old file systems.
            Some(exit) if role == Role::Main && !policy.restarts(&exit, role, false) => {
                record.stage = Stage::Done(exit);
            }
            other => record.last_exit = other,
        }
        record
    }

    pub(super) fn succeeded(&self) -> bool {
        matches!(&self.stage, Stage::Done(exit) if exit.code == 0)
    }

    pub(super) fn failed(&self) -> bool {
        matches!(&self.stage, Stage::Done(exit) if exit.code != 0)
    }

    /// `ready` of the container's status: for an init container, that it is
    /// through.
    pub(crate) fn is_ready(&self) -> bool {
        match (&self.stage, self.role) {
            (Stage::Running { ready, started, .. }, Role::Main) => *ready && *started,
            (_, Role::Init) => self.succeeded(),
            _ => false,
        }
    }
}

/// Why a container could not be started.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StartFailure {
    /// The image map has no entry, or an empty one.
    NoImage(String),
    /// Something that its environment or volumes need is missing.
    Config(String),
    /// The process could not be made.
    Run(String),
}
