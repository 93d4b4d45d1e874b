//! What is said on the supervisor's socket: one JSON object per line, one
//! answer per request.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// How to start one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    /// Unique in the bed, such as `hub/etcd`.
    pub(crate) name: String,
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Variables besides the supervisor's own.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Standard output and error are appended here.
    pub(crate) log: PathBuf,
}

/// A request to the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Answers once the namespaces are prepared.
    Ping,
    /// Runs a short command to its end; a failure carries its standard error.
    Run { argv: Vec<String> },
    /// Starts a process. One of the same name must have ended.
    Start { process: ProcessSpec },
    /// Starts a process again as it was started before.
    Restart { name: String },
    /// Signals a process; `kill` answers when it is gone.
    Signal { name: String, signal: Signal },
    /// All processes that were ever started.
    Status,
    /// From now on the bed outlives its owner.
    Detach,
    /// Ends the bed.
    Shutdown,
}

/// What can be done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Signal {
    /// SIGKILL: end it.
    Kill,
    /// SIGSTOP: it keeps its sockets and answers nobody.
    Pause,
    /// SIGCONT.
    Resume,
}

/// An answer of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Response {
    /// Done; for `run`, with what the command printed.
    Done(String),
    /// The processes.
    Processes(Vec<ProcessStatus>),
    /// Not done, and why.
    Failed(String),
}

/// How one process is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessStatus {
    pub(crate) name: String,
    pub(crate) state: ProcessState,
    /// Resident memory, when it runs.
    pub(crate) memory_kib: Option<u64>,
    pub(crate) log: PathBuf,
}

impl fmt::Display for ProcessStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<40} ", self.name)?;
        match &self.state {
            ProcessState::Running { .. } => write!(f, "running")?,
            ProcessState::Paused { .. } => write!(f, "paused")?,
            ProcessState::Ended { how } => write!(f, "ended: {how}")?,
        }
        match self.memory_kib {
            Some(kib) => write!(f, ", {} MiB", kib / 1024),
            None => Ok(()),
        }
    }
}

/// Whether a process runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProcessState {
    /// Runs, with this process id inside the bed.
    Running { pid: i32 },
    /// Was stopped by a `pause`.
    Paused { pid: i32 },
    /// Ended, in words.
    Ended { how: String },
}
