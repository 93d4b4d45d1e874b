//! The helper that holds a pod together: `process-kubelet pod-sandbox`.
//!
//! What the pause container is in a real cluster: a process that does nothing
//! but own the network, host name and mounts that the pod's containers share.
//! It gets its plan as one line of standard input, answers `ready`, and ends
//! when the kubelet closes the pipe or dies. With it and the last container
//! the kernel takes the network interface and all mounts away, so that even a
//! killed kubelet leaves nothing behind.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
use serde::{Deserialize, Serialize};

use crate::helper;
use crate::mounts;

/// The order to the helper.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SandboxPlan {
    /// The kubelet; the sandbox dies with it.
    pub(crate) kubelet: u32,
    pub(crate) hostname: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) hardware_address: String,
    pub(crate) gateway: Ipv4Addr,
    /// Directories to keep in memory.
    pub(crate) in_memory: Vec<PathBuf>,
}

/// The line that says that the pod's namespaces are ready for use.
pub(crate) const READY: &str = "ready";

/// Name of the host's end of the pod's network cable: unique on the machine,
/// like the process number, and not longer than 15 characters.
pub(crate) fn cable(sandbox: u32) -> String {
    format!("pk{sandbox}")
}

/// A command of iproute2; found also where a user's PATH lacks the directory.
pub(crate) fn ip_command() -> Command {
    let mut command = Command::new("ip");
    command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    command
}

/// Holds the pod's namespaces until the kubelet closes the pipe.
///
/// # Errors
/// Says which step failed.
pub(crate) fn run() -> Result<()> {
    let mut stdin = std::io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line).context("reading the plan")?;
    let plan: SandboxPlan = serde_json::from_str(&line).context("the plan is malformed")?;
    helper::die_with(plan.kubelet)?;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNS)
        .context("making the pod's namespaces")?;
    mounts::make_private()?;
    sethostname(&plan.hostname).context("setting the host name")?;
    for directory in &plan.in_memory {
        mounts::tmpfs(directory, 0o777)?;
    }
    connect(&plan)?;

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{READY}").and_then(|()| stdout.flush()).context("answering")?;
    stdin.read_to_end(&mut Vec::new()).context("waiting for the end")?;
    Ok(())
}

/// Lays a cable out of the pod; the other end appears where the kubelet is.
fn connect(plan: &SandboxPlan) -> Result<()> {
    let cable = cable(std::process::id());
    let SandboxPlan { kubelet, address, prefix, hardware_address, gateway, .. } = plan;
    let commands = format!(
        "link set lo up\n\
         link add eth0 address {hardware_address} type veth peer name {cable} netns {kubelet}\n\
         address add {address}/{prefix} dev eth0\n\
         link set eth0 up\n\
         route add default via {gateway}\n"
    );
    let mut child =
        ip_command().args(["-batch", "-"]).stdin(Stdio::piped()).spawn().context("starting ip (iproute2)")?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(commands.as_bytes()).context("talking to ip")?;
    }
    let status = child.wait().context("waiting for ip")?;
    if !status.success() {
        bail!("ip could not set up the pod's network ({status})");
    }
    Ok(())
}
