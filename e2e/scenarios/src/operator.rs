//! The operator as a process of its own, as a user would run it out of cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bed::{Bed, Cluster};

use crate::fixtures::NAMESPACE;

/// User agent of the operator's requests, to tell them apart in the audit log.
pub(crate) const USER_AGENT: &str = "fleetconfig-controller/under-test";

/// User agent of replicas, before a slash and their name.
pub(crate) const REPLICA_AGENT: &str = "fleetconfig-replica";

/// A running operator. It is killed when dropped.
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
}

impl Operator {
    /// Starts the operator against a cluster, as the only one.
    pub(crate) fn start(bed: &Bed, home: &Cluster, release: bool) -> Result<Self> {
        let kubeconfig = kubeconfig(home)?;
        let options = ["--leader-election=false", "--user-agent", USER_AGENT];
        Self::spawn(bed, "operator", &kubeconfig, &program(release)?, &options)
    }

    /// Starts one of several replicas, by its name, which is its identity too. Its kubeconfig names
    /// `server`, if given, instead of the cluster's address.
    pub(crate) fn replica(bed: &Bed, home: &Cluster, name: &str, server: Option<&str>) -> Result<Self> {
        let direct = kubeconfig(home)?;
        let kubeconfig = server.map_or(direct.clone(), |server| direct.replace(&home.server(), server));
        let agent = format!("{REPLICA_AGENT}/{name}");
        let options = ["--identity", name, "--lease-namespace", NAMESPACE, "--user-agent", agent.as_str()];
        Self::spawn(bed, &format!("replica-{name}"), &kubeconfig, &program(false)?, &options)
    }

    fn spawn(bed: &Bed, name: &str, kubeconfig: &str, program: &Path, options: &[&str]) -> Result<Self> {
        let directory = bed.directory().path().to_path_buf();
        let file = directory.join(format!("{name}.kubeconfig"));
        std::fs::write(&file, kubeconfig).with_context(|| format!("writing {}", file.display()))?;
        let log = directory.join(format!("{name}.log"));
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = Command::new(program)
            .arg("--kubeconfig")
            .arg(&file)
            .arg("--http-address=127.0.0.1:0")
            .args(options)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("starting the operator")?;
        Ok(Self { child, log })
    }

    /// Sends the process a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        ensure!(sent.context("starting `kill`")?.success(), "{signal} could not be sent to the operator");
        Ok(())
    }

    /// Whether the process has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The program, as it is built for tests.
    pub(crate) fn program() -> Result<PathBuf> {
        program(false)
    }

    /// Kills the operator without warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing the operator")?;
        self.child.wait().context("waiting for the killed operator")?;
        Ok(())
    }

    /// Asks the operator to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.signal("TERM")?;
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

/// A kubeconfig for the operator.
fn kubeconfig(home: &Cluster) -> Result<String> {
    Ok(home.identity("fleetconfig-controller", Some("system:masters"))?.kubeconfig())
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
