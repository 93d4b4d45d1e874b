//! The operator as a process of its own, as a user would run it out of cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bed::{Bed, Cluster};

/// User agent of the operator's requests, to tell them apart in the audit log.
pub(crate) const USER_AGENT: &str = "fleetconfig-controller/under-test";

/// A running operator. It is killed when dropped.
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
}

impl Operator {
    /// Starts the operator against a cluster.
    pub(crate) async fn start(bed: &Bed, home: &Cluster, release: bool) -> Result<Self> {
        let directory = bed.directory().path().to_path_buf();
        let kubeconfig = directory.join("operator.kubeconfig");
        let identity = home.identity("fleetconfig-controller", Some("system:masters"))?;
        std::fs::write(&kubeconfig, identity.kubeconfig())
            .with_context(|| format!("writing {}", kubeconfig.display()))?;
        let log = directory.join("operator.log");
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = Command::new(program(release)?)
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["--leader-election=false", "--http-address=127.0.0.1:0", "--user-agent", USER_AGENT])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("starting the operator")?;
        Ok(Self { child, log })
    }

    /// Kills the operator without warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing the operator")?;
        self.child.wait().context("waiting for the killed operator")?;
        Ok(())
    }

    /// Asks the operator to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("asking the operator to end")?;
        let end = std::time::Instant::now() + Duration::from_secs(35);
        while std::time::Instant::now() < end {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the operator was asked to end 35 s ago and is still there")
    }

    /// An operator that ended by itself is a failure of every scenario.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the operator ended by itself: {status}");
        }
        Ok(())
    }

    /// Where the operator writes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Most memory that the process has had resident, in KiB.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM in /proc")?;
        number.parse().context("VmHWM is not a number")
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The operator's binary: beside our own, or the optimised one.
fn program(release: bool) -> Result<PathBuf> {
    const NAME: &str = "fleetconfig-controller";
    let own = std::env::current_exe().context("finding our own program")?;
    let profile = own.parent().context("our own program has no directory")?;
    let path = match (release, profile.parent()) {
        (true, Some(target)) => target.join("release").join(NAME),
        _ => profile.join(NAME),
    };
    if !path.exists() {
        let option = if release { " --release" } else { "" };
        bail!("{} is missing; build it with `cargo build{option} -p {NAME}`", path.display());
    }
    Ok(path)
}
