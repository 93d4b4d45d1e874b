//! Processes of pods that nobody waits for any more.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use crate::helper::{MARK, mark};

/// Kills every process marked with `pod_uid` (all pods if it is empty) of the
/// kubelet with this state directory, and waits until they are gone.
///
/// A container's own process is waited for by its supervisor; these are its
/// orphaned children, or what a killed kubelet could not take along.
pub(crate) async fn kill_processes(state: &Path, pod_uid: &str) {
    let wanted = format!("{MARK}={}", mark(state, pod_uid));
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let found = marked(wanted.as_bytes());
        if found.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            tracing::warn!(?found, "processes of pods do not end");
            return;
        }
        for pid in found {
            // It may have ended in the meantime.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // No event tells of the end of somebody else's process.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Running processes that have `wanted` as the beginning of a variable.
fn marked(wanted: &[u8]) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            // Dead processes and other users' have no environment to read.
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted))
        })
        .collect()
}

/// Empties the state directory of an earlier kubelet, whose processes are gone.
///
/// # Errors
/// Something in it cannot be removed.
pub(crate) fn clear(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", directory.display()))
        }
        _ => Ok(()),
    }
}
