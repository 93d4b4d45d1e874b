//! Starting the two helper modes of this very program.

use std::path::Path;

use tokio::process::Command;

/// The helper modes, by the first word of the command line.
pub(crate) const POD_SANDBOX: &str = "pod-sandbox";
pub(crate) const CONTAINER_INIT: &str = "container-init";

/// The variable by which processes of a kubelet are known, even when their
/// kubelet died without being able to end them.
pub(crate) const MARK: &str = "PROCESS_KUBELET_POD";

/// The mark's value for one pod (or, with an empty uid, the common beginning of
/// the values of all pods) of the kubelet with this state directory.
pub(crate) fn mark(state: &Path, pod_uid: &str) -> String {
    format!("{}:{pod_uid}", state.display())
}

/// A command that runs `mode` in a process group of its own, so that a Ctrl-C
/// in a terminal does not reach the pods before the kubelet.
///
/// It must be spawned from a thread that lives as long as the kubelet: the
/// kernel takes the end of the spawning *thread* for the death of the parent.
/// Worker threads of the runtime and the main thread do.
pub(crate) fn command(mode: &str, mark: &str) -> Command {
    // Not by its path: the file may have been replaced by a newer build.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("process-kubelet").arg(mode).env_clear().env(MARK, mark).process_group(0).kill_on_drop(true);
    command
}
