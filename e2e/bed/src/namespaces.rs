//! Getting into namespaces: as root, or without root where the kernel allows it.
//!
//! Namespaces are made by `unshare` and entered by `nsenter` (util-linux),
//! because the system calls behind them are unsafe to make from a process that
//! already has threads.

use std::{
    ffi::OsString,
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::supervisor::SupervisorClient;

/// `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` of capability(7): interfaces, and
/// namespaces and mounts.
const NEEDED_CAPABILITIES: u64 = 1 << 12 | 1 << 21;

/// Makes sure that this process may make namespaces, bridges and mounts.
///
/// With those rights it does nothing. Without, it replaces the running program
/// by itself, same arguments, as root of a new user namespace with a network of
/// its own; the bed is then reachable from this program and what it starts, and
/// from nowhere else. So it must be called first thing in `main`.
///
/// # Errors
/// One sentence that says what is missing, when neither way is open.
pub fn ensure_privileges() -> Result<()> {
    check_programs()?;
    if may_administrate()? {
        return Ok(());
    }
    let probe = unshare_user(["true".into()])
        .stdin(Stdio::null())
        .output()
        .context("`unshare` could not be started; install util-linux 2.32 or newer")?;
    if !probe.status.success() {
        bail!(
            "the bed needs root (capabilities NET_ADMIN and SYS_ADMIN) or unprivileged user namespaces, and the kernel refused the latter ({}): \
             run it with sudo, or allow them (sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu, \
             kernel.unprivileged_userns_clone=1 on older Debian, user.max_user_namespaces above 0)",
            String::from_utf8_lossy(&probe.stderr).trim()
        );
    }
    let program = std::env::current_exe().context("finding this program's own file")?;
    // A new network namespace has its loopback down, and the clients of this
    // program may use it.
    let script = "ip link set lo up && exec \"$@\"";
    let mut command: Vec<OsString> =
        vec!["sh".into(), "-c".into(), script.into(), "sh".into(), program.into()];
    command.extend(std::env::args_os().skip(1));
    let error = unshare_user(command).exec();
    Err(error).context("replacing this program by itself in a user namespace")
}

fn unshare_user(command: impl IntoIterator<Item = OsString>) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net", "--mount", "--"]).args(command);
    unshare
}

/// Says what is missing to start a bed from this very process.
///
/// # Errors
/// One sentence.
pub(crate) fn require_privileges() -> Result<()> {
    check_programs()?;
    if !may_administrate()? {
        bail!(
            "the bed needs capabilities NET_ADMIN and SYS_ADMIN, which this process does not have: \
             run it as root, or through a program that first makes a user namespace, as `cargo xtask` and `bed up` do"
        );
    }
    Ok(())
}

/// Whether this process lives in a user namespace of its own, so that a bed
/// that it starts cannot be reached from a usual shell.
///
/// # Errors
/// When the kernel does not say.
pub fn is_in_user_namespace() -> Result<bool> {
    let map = fs::read_to_string("/proc/self/uid_map").context("reading this process's user namespace")?;
    Ok(!map.split_ascii_whitespace().eq(["0", "0", "4294967295"]))
}

/// Whether this process has the capabilities, in whatever user namespace.
fn may_administrate() -> Result<bool> {
    let status = fs::read_to_string("/proc/self/status").context("reading this process's capabilities")?;
    Ok(effective_capabilities(&status).is_some_and(|held| held & NEEDED_CAPABILITIES == NEEDED_CAPABILITIES))
}

fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn check_programs() -> Result<()> {
    for (program, package) in [("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux")] {
        if find_program(program).is_none() {
            bail!("the bed needs `{program}`, and PATH has none: install the package {package}");
        }
    }
    Ok(())
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file())
}

/// The command that runs `supervisor` as the first process of new namespaces.
/// Mounts made inside stay inside, but unmounting outside works as ever.
pub(crate) fn supervisor_command(supervisor: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--propagation", "slave"])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(supervisor);
    command
}

/// The command that runs something inside the network of a running bed. A bed
/// that was started without root lives in a user namespace, which is entered
/// too.
pub(crate) async fn enter_command(supervisor: &SupervisorClient) -> Result<Command> {
    let pid = supervisor.process_id().await?;
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid.to_string(), "--net"]);
    let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/user"));
    let ours = of("self").context("reading this process's user namespace")?;
    let theirs = of(&pid.to_string()).context("reading the bed's user namespace; is the bed yours?")?;
    if ours != theirs {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.arg("--");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_kernels_hexadecimal_mask() {
        assert_eq!(
            effective_capabilities("Name:\tx\nCapEff:\t0000000000201000\n"),
            Some(NEEDED_CAPABILITIES)
        );
        assert_eq!(effective_capabilities("CapPrm:\t00\n"), None);
    }
}
