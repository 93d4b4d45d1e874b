//! The kubelet's side of a running container.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::container::plan::ContainerPlan;
use crate::helper;
use crate::pod::lifecycle::Exit;

/// As much of a log as a status carries, as with a real kubelet.
const LAST_WORDS: u64 = 2048;

/// A container whose process runs.
pub(crate) struct Running {
    /// Number of the container's first process.
    pub(crate) pid: u32,
    /// Counts the processes of the pod: tells late news of an earlier one.
    pub(crate) run: u64,
    /// Its end was ordered because a probe failed.
    pub(crate) failed_probe: bool,
    /// Ended with the container.
    pub(crate) probes: JoinSet<()>,
    stop: watch::Sender<Option<Duration>>,
}

impl Running {
    /// Starts the container's process. `on_exit` gets its end.
    ///
    /// # Errors
    /// The log cannot be shared or the process not be made.
    pub(crate) async fn start(
        plan: &ContainerPlan,
        log: Log,
        run: u64,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> Result<Self> {
        let mut shim = helper::command(helper::CONTAINER_SHIM)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.file.try_clone().context("sharing the log")?)
            .spawn()
            .context("starting the container's process")?;
        let shim_pid = shim.id().context("the container's process ended at once")?;
        let (mut stdin, stdout) =
            shim.stdin.take().zip(shim.stdout.take()).context("the container's process has no pipes")?;
        let order = serde_json::to_vec(plan).context("writing the plan")?;
        stdin.write_all(&order).await.context("giving the container its plan")?;
        drop(stdin);
        let mut answer = String::new();
        BufReader::new(stdout).read_line(&mut answer).await.context("waiting for the container")?;
        // Without an answer, its exit will tell.
        let pid = answer.trim().parse().unwrap_or(shim_pid);
        let (stop, stopped) = watch::channel(None);
        tokio::spawn(async move {
            let started_at = Timestamp::now();
            let status = supervise(shim, shim_pid, stopped).await;
            on_exit(log.exit(status, started_at, Timestamp::now()));
        });
        Ok(Self { pid, run, failed_probe: false, probes: JoinSet::new(), stop })
    }

    /// Asks the process to end, and makes it end after `grace`. Asking again
    /// may only shorten the time.
    pub(crate) fn stop(&self, grace: Duration) {
        self.stop.send_if_modified(|wanted| {
            let sooner = wanted.is_none_or(|before| grace < before);
            if sooner {
                *wanted = Some(grace);
            }
            sooner
        });
    }
}

/// Waits for the end of the container, and brings it about when told to.
async fn supervise(mut shim: Child, pid: u32, mut stop: watch::Receiver<Option<Duration>>) -> ExitStatus {
    let mut deadline = None;
    let mut closed = false;
    loop {
        let expired = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = shim.wait() => return status.unwrap_or_else(|_| ExitStatus::from_raw(0x7f00)),
            changed = stop.changed(), if !closed => {
                // Whoever could have stopped it is gone: the pod is being dropped.
                closed = changed.is_err();
                let grace = if closed { Duration::ZERO } else { stop.borrow().unwrap_or_default() };
                if !grace.is_zero() {
                    signal(pid, Signal::SIGTERM);
                }
                deadline = Some(Instant::now() + grace);
            }
            () = expired => {
                signal(pid, Signal::SIGKILL);
                deadline = None;
            }
        }
    }
}

/// Signals the shim and the container's first process. Only as long as the shim
/// was not waited for, so that the number is still its own.
fn signal(pid: u32, signal: Signal) {
    let group = i32::try_from(pid).map(Pid::from_raw);
    if let Ok(Err(error)) = group.map(|group| killpg(group, signal)) {
        tracing::debug!(pid, %signal, %error, "signalling a container");
    }
}

/// The log file of a container, from where its present run begins.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    begin: u64,
    /// The status shall carry the last lines when the container fails.
    last_words: bool,
}

impl Log {
    /// Opens the log of one container for a new run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn open(path: PathBuf, heading: &str, last_words: bool) -> Result<Self> {
        let context = || format!("container log {}", path.display());
        let mut file = OpenOptions::new().append(true).create(true).open(&path).with_context(context)?;
        writeln!(file, "### {heading}").with_context(context)?;
        let begin = file.metadata().with_context(context)?.len();
        Ok(Self { path, file, begin, last_words })
    }

    fn exit(&self, status: ExitStatus, started_at: Timestamp, finished_at: Timestamp) -> Exit {
        let signal = status.signal();
        let code = status.code().unwrap_or_else(|| 128 + signal.unwrap_or_default());
        let could_not_start = code == i32::from(crate::container::init::COULD_NOT_START);
        let message = (code != 0 && (self.last_words || could_not_start))
            .then(|| tail(&self.path, self.begin).ok())
            .flatten()
            .filter(|message| !message.is_empty());
        let reason = if code == 0 { "Completed" } else { "Error" };
        Exit { code, signal, reason, message, started_at, finished_at }
    }
}

/// The end of a log, not going back beyond `begin`.
fn tail(path: &Path, begin: u64) -> Result<String> {
    let mut file = File::open(path)?;
    let from = begin.max(file.metadata()?.len().saturating_sub(LAST_WORDS));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(LAST_WORDS).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_last_lines_of_its_own_run_only() {
        let path = std::env::temp_dir().join(format!("container-log-{}", std::process::id()));
        let at = Timestamp::UNIX_EPOCH;
        let mut first = Log::open(path.clone(), "run 1", true).unwrap();
        writeln!(first.file, "from the first run").unwrap();
        let mut second = Log::open(path.clone(), "run 2", true).unwrap();
        writeln!(second.file, "{}\nthe end", "x".repeat(4000)).unwrap();
        let message = second.exit(ExitStatus::from_raw(1 << 8), at, at).message.unwrap();
        let quiet = Log::open(path.clone(), "run 3", true).unwrap();
        let of_quiet = quiet.exit(ExitStatus::from_raw(1 << 8), at, at).message;
        std::fs::remove_file(&path).unwrap();
        assert!(message.ends_with("the end") && message.len() <= 2048, "{}", message.len());
        assert_eq!(of_quiet, None);
    }

    #[test]
    fn a_killed_process_has_128_plus_the_signal_as_code() {
        let path = std::env::temp_dir().join(format!("container-log-{}-kill", std::process::id()));
        let log = Log::open(path.clone(), "run", false).unwrap();
        let exit = log.exit(ExitStatus::from_raw(9), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        std::fs::remove_file(&path).unwrap();
        assert_eq!((exit.code, exit.signal, exit.reason), (137, Some(9), "Error"));
    }
}
