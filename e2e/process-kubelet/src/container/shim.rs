//! The helper that stands between the kubelet and a container:
//! `process-kubelet container-shim`.
//!
//! It enters the pod's namespaces, starts the container's first process in a
//! process namespace of its own, and waits for its end. The chain of death
//! signals (kubelet, shim, first process, and with that its whole namespace)
//! ends every process of a container with the kubelet, however it dies.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};

use crate::container::plan::ContainerPlan;
use crate::helper;

/// Runs the container; the result is its exit code. The plan comes by standard
/// input, the number of the first process goes to standard output, what the
/// container writes goes where standard error goes: to its log.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run() -> Result<u8> {
    let mut order = Vec::new();
    std::io::stdin().read_to_end(&mut order).context("reading the plan")?;
    let plan: ContainerPlan = serde_json::from_slice(&order).context("the plan is malformed")?;
    helper::die_with(plan.kubelet)?;
    // The kubelet signals the whole process group; this process has to stay
    // and see what comes of it.
    SigSet::from(Signal::SIGTERM).thread_block().context("blocking SIGTERM")?;
    enter_sandbox(plan.sandbox)?;
    unshare(CloneFlags::CLONE_NEWPID).context("making a process namespace")?;

    let log = std::io::stderr().as_fd().try_clone_to_owned().context("sharing the log")?;
    let mut init = Command::new(helper::PROGRAM)
        .arg0("process-kubelet")
        .args([helper::CONTAINER_INIT, &std::process::id().to_string()])
        .stdin(Stdio::piped())
        .stdout(log)
        .spawn()
        .context("starting the container's first process")?;
    if let Some(mut pipe) = init.stdin.take() {
        pipe.write_all(&order).context("passing the plan on")?;
    }
    let mut stdout = std::io::stdout();
    // The kubelet may not be interested; its death is not told by this pipe.
    let _ = writeln!(stdout, "{}", init.id()).and_then(|()| stdout.flush());
    let status = init.wait().context("waiting for the container")?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

fn enter_sandbox(sandbox: u32) -> Result<()> {
    // The mount namespace last: it also changes what /proc shows.
    let namespaces = [
        ("net", CloneFlags::CLONE_NEWNET),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    for (name, kind) in namespaces {
        let path = format!("/proc/{sandbox}/ns/{name}");
        let namespace = fs::File::open(&path).with_context(|| format!("opening {path}"))?;
        setns(namespace, kind).with_context(|| format!("entering {path}"))?;
    }
    Ok(())
}
