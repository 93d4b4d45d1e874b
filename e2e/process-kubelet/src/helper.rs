//! Starting the helper modes of this very program, each a process with one
//! thread: namespaces belong to threads, and the kubelet has several.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tokio::process::Command;

/// The first word of the command line selects the mode.
pub(crate) const POD_SANDBOX: &str = "pod-sandbox";
pub(crate) const CONTAINER_SHIM: &str = "container-shim";
pub(crate) const CONTAINER_INIT: &str = "container-init";

/// This program, also if its file has been replaced by a newer build.
pub(crate) const PROGRAM: &str = "/proc/self/exe";

/// A command that runs `mode` in a process group of its own, so that a Ctrl-C
/// in a terminal does not reach the pods before the kubelet.
///
/// It must be spawned from a thread that lives as long as the kubelet: the
/// kernel takes the end of the spawning *thread* for the death of the parent.
/// Worker threads of the runtime and the main thread do.
pub(crate) fn command(mode: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg0("process-kubelet").arg(mode).env_clear().process_group(0).kill_on_drop(true);
    command
}

/// Has the kernel kill this process (and what it becomes) when its parent dies.
///
/// # Errors
/// `parent` is dead already, so that its death would not be noticed.
pub(crate) fn die_with(parent: u32) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("asking for the parent's death signal")?;
    // The parent may be outside of this process' namespace, where getppid(2)
    // does not see it. /proc is still the parent's.
    let status = fs::read_to_string("/proc/self/status").context("looking for the parent")?;
    let present = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    if present.and_then(|pid| pid.trim().parse().ok()) != Some(parent) {
        bail!("the parent process has died");
    }
    Ok(())
}
