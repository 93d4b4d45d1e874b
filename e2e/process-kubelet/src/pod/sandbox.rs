//! The kubelet's side of a pod's sandbox.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::helper;
use crate::network::{Lease, hardware_address};
use crate::pod::sandbox_helper::{READY, SandboxPlan, cable, ip_command};
use crate::settings::Settings;

const DEADLINE: Duration = Duration::from_secs(20);

/// The process that holds a pod's namespaces, and the pod's address.
pub(crate) struct Sandbox {
    pub(crate) pid: u32,
    lease: Lease,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Sandbox {
    /// Makes namespaces and network of a pod. `on_end` is called when the
    /// sandbox ends without having been stopped.
    ///
    /// # Errors
    /// A step failed; nothing is left then.
    pub(crate) async fn start(
        settings: &Settings,
        hostname: String,
        in_memory: Vec<PathBuf>,
        lease: Lease,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let plan = SandboxPlan {
            kubelet: std::process::id(),
            hostname,
            address: lease.address(),
            prefix: settings.bridge_prefix,
            hardware_address: hardware_address(lease.address()),
            gateway: settings.bridge_ip,
            in_memory,
        };
        let mut child = helper::command(helper::POD_SANDBOX)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the pod's sandbox")?;
        let pid = child.id().context("the pod's sandbox ended at once")?;
        tokio::time::timeout(DEADLINE, set_up(&mut child, &plan, &settings.bridge))
            .await
            .with_context(|| format!("the pod's sandbox was not ready within {} s", DEADLINE.as_secs()))??;
        let (stop, stopped) = oneshot::channel::<()>();
        // Waiting for a child closes its input, which would end the sandbox.
        let input = child.stdin.take();
        let ended = tokio::spawn(async move {
            let _input = input;
            tokio::select! {
                // Also when the sandbox is dropped without being stopped.
                _ = stopped => {
                    if let Err(error) = child.kill().await {
                        tracing::warn!(pid, %error, "ending the pod's sandbox");
                    }
                }
                status = child.wait() => {
                    tracing::warn!(pid, ?status, "the pod's sandbox ended by itself");
                    on_end();
                }
            }
        });
        Ok(Self { pid, lease, stop, ended })
    }

    /// The pod's address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.lease.address()
    }

    /// Takes namespaces and network away. The kernel would remove the cable
    /// some time after the last process; whoever counts cables should not have
    /// to wait.
    pub(crate) async fn stop(self) {
        let Self { pid, stop, ended, lease } = self;
        // It has no receiver any more if the sandbox ended by itself.
        let _ = stop.send(());
        if ended.await.is_err() {
            tracing::warn!(pid, "the sandbox's task failed");
        }
        let mut command = Command::from(ip_command());
        command.args(["link", "delete", &cable(pid)]).stderr(Stdio::null()).stdout(Stdio::null());
        if let Err(error) = command.status().await {
            tracing::warn!(%error, "removing the pod's cable");
        }
        drop(lease);
    }
}

async fn set_up(child: &mut Child, plan: &SandboxPlan, bridge: &str) -> Result<()> {
    let mut order = serde_json::to_vec(plan).context("writing the plan")?;
    order.push(b'\n');
    let stdin = child.stdin.as_mut().context("the sandbox has no input")?;
    stdin.write_all(&order).await.context("giving the sandbox its plan")?;
    let stdout = child.stdout.take().context("the sandbox has no output")?;
    let mut answer = String::new();
    BufReader::new(stdout).read_line(&mut answer).await.context("waiting for the sandbox")?;
    if answer.trim() != READY {
        bail!("the pod's sandbox failed; the kubelet's log says why");
    }
    let cable = cable(child.id().context("the sandbox ended")?);
    let output = Command::from(ip_command())
        .args(["link", "set", &cable, "master", bridge, "up"])
        .output()
        .await
        .context("starting ip (iproute2)")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("attaching {cable} to bridge {bridge}: {}", said.trim());
    }
    Ok(())
}
