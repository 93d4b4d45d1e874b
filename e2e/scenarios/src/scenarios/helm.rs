//! Real Helm, for the scenarios that install with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bed::chart_tools::ChartTools;

use crate::fixtures::NAMESPACE;
use crate::world::World;

/// Name of the release in all walks.
pub(crate) const RELEASE: &str = "fleetconfig-controller";

/// Real Helm.
pub(crate) struct Helm {
    program: PathBuf,
}

impl Helm {
    /// Builds it if need be, which may take minutes: before there are clusters.
    pub(crate) async fn ready() -> Result<Self> {
        Ok(Self { program: ChartTools::ready().await?.helm() })
    }

    /// Points it at the hub of a world.
    pub(crate) fn on(self, world: &World) -> Result<HelmOnHub> {
        Ok(HelmOnHub {
            program: self.program,
            kubeconfig: world.hub()?.kubeconfig_path(),
            home: world.bed.directory().path().join("helm"),
        })
    }
}

/// Real Helm, pointed at the hub.
pub(crate) struct HelmOnHub {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

/// How long one run of Helm may take.
const HELM: Duration = Duration::from_secs(240);

impl HelmOnHub {
    async fn output(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(arguments)
            .args(["--namespace", NAMESPACE, "--timeout", "3m"])
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HELM_CACHE_HOME", self.home.join("cache"))
            .env("HELM_CONFIG_HOME", self.home.join("config"))
            .env("HELM_DATA_HOME", self.home.join("data"))
            .kill_on_drop(true);
        let ran = tokio::time::timeout(HELM, command.output()).await;
        ran.with_context(|| format!("helm {arguments:?} hangs"))?.context("starting helm")
    }

    /// Runs it in the namespace of the release.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = self.output(arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "helm {arguments:?} failed:\n{said}");
        Ok(())
    }

    /// What Helm says when it must fail.
    pub(crate) async fn fails(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments).await?;
        if output.status.success() {
            bail!("helm {arguments:?} succeeded");
        }
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Our chart.
pub(crate) fn chart() -> PathBuf {
    root().join("deploy/helm/fleetconfig-controller")
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the checkout's path is not UTF-8")
}
