//! The processes of a bed and what becomes of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::OpenOptions,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::{sys::signal::kill, unistd::Pid};
use tokio::{process::Command, sync::watch, time::timeout};

use super::{ProcessSpec, ProcessState, ProcessStatus, Signal, orphans};

/// How long a command of a `run` request may take.
const RUN_LIMIT: Duration = Duration::from_secs(30);

/// How long the kernel may take to end a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// All processes that were ever started, by name.
#[derive(Clone, Default)]
pub(crate) struct Processes {
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    entries: BTreeMap<String, Entry>,
    /// Children whose end a task of ours waits for.
    awaited: BTreeSet<i32>,
}

struct Entry {
    spec: ProcessSpec,
    pid: i32,
    paused: bool,
    ended: watch::Receiver<Option<String>>,
}

impl Entry {
    fn is_running(&self) -> bool {
        self.ended.borrow().is_none()
    }

    fn status(&self) -> ProcessStatus {
        let state = match self.ended.borrow().clone() {
            Some(how) => ProcessState::Ended { how },
            None if self.paused => ProcessState::Paused { pid: self.pid },
            None => ProcessState::Running { pid: self.pid },
        };
        let memory_kib = self.is_running().then(|| resident_kib(self.pid)).flatten();
        ProcessStatus { name: self.spec.name.clone(), state, memory_kib, log: self.spec.log.clone() }
    }
}

impl Processes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process in a process group of its own.
    pub(crate) fn start(&self, spec: ProcessSpec) -> Result<()> {
        let mut table = self.table();
        if table.entries.get(&spec.name).is_some_and(Entry::is_running) {
            bail!("{} runs already", spec.name);
        }
        let Some((program, args)) = spec.argv.split_first() else { bail!("{} names no program", spec.name) };
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&spec.log)
            .with_context(|| format!("opening {}", spec.log.display()))?;
        let mut child = Command::new(program)
            .args(args)
            .envs(&spec.env)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the log")?)
            .stderr(log)
            .current_dir("/")
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {program} for {}", spec.name))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("the new process has no id")?;
        table.awaited.insert(pid);
        let (tell, ended) = watch::channel(None);
        table.entries.insert(spec.name.clone(), Entry { spec, pid, paused: false, ended });
        drop(table);

        let processes = self.clone();
        tokio::spawn(async move {
            let how = match child.wait().await {
                Ok(status) => describe(status),
                Err(error) => format!("lost: {error}"),
            };
            processes.table().awaited.remove(&pid);
            tell.send_replace(Some(how));
        });
        Ok(())
    }

    /// Starts a process again that has ended.
    pub(crate) fn restart(&self, name: &str) -> Result<()> {
        let spec = self.table().entries.get(name).map(|entry| entry.spec.clone());
        self.start(spec.with_context(|| format!("there is no process {name}"))?)
    }

    /// Signals a process. After a kill it is gone when this returns; killing
    /// one that has ended is not an error.
    pub(crate) async fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let mut ended = {
            let mut table = self.table();
            let entry = table.entries.get_mut(name).with_context(|| format!("there is no process {name}"))?;
            if !entry.is_running() {
                if signal == Signal::Kill {
                    return Ok(());
                }
                bail!("{name} does not run");
            }
            // The waiting task has not seen its end, so the id cannot have been
            // given to another process.
            kill(Pid::from_raw(entry.pid), unix_signal(signal))
                .with_context(|| format!("signalling {name}"))?;
            match signal {
                Signal::Pause => entry.paused = true,
                Signal::Resume => entry.paused = false,
                Signal::Kill => {}
            }
            entry.ended.clone()
        };
        if signal == Signal::Kill {
            let gone = timeout(KILL_LIMIT, ended.wait_for(Option::is_some)).await;
            gone.with_context(|| format!("{name} was killed but does not end"))??;
        }
        Ok(())
    }

    /// Runs a command to its end and returns what it printed.
    pub(crate) async fn run(&self, argv: &[String]) -> Result<String> {
        let Some((program, args)) = argv.split_first() else { bail!("no program named") };
        let words = argv.join(" ");
        let (child, pid) = {
            let mut table = self.table();
            let child = Command::new(program)
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("starting {words}"))?;
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
            table.awaited.extend(pid);
            (child, pid)
        };
        let output = timeout(RUN_LIMIT, child.wait_with_output()).await;
        if let Some(pid) = pid {
            self.table().awaited.remove(&pid);
        }
        let output = output.with_context(|| format!("{words} took more than {RUN_LIMIT:?}"))??;
        if !output.status.success() {
            bail!("{words}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(crate) fn status(&self) -> Vec<ProcessStatus> {
        self.table().entries.values().map(Entry::status).collect()
    }

    /// Collects what ended without anybody waiting for it.
    pub(crate) fn reap_orphans(&self) {
        // The lock is held, so that no child can be started between looking
        // at the table and looking at the kernel's list.
        let table = self.table();
        orphans::reap(&table.awaited);
    }
}

fn unix_signal(signal: Signal) -> nix::sys::signal::Signal {
    match signal {
        Signal::Kill => nix::sys::signal::Signal::SIGKILL,
        Signal::Pause => nix::sys::signal::Signal::SIGSTOP,
        Signal::Resume => nix::sys::signal::Signal::SIGCONT,
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Resident memory of a process, from the kernel's `VmRSS`.
fn resident_kib(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
