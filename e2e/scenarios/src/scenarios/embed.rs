//! A fleet made by the libraries, without the operator.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::Api;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::conditions::is_true;
use ocm_api::names::conditions::managed_cluster as kinds;
use tokio::process::Command;

use super::prove;
use crate::world::{RUNNING, World};

/// How long the example may take to build on a loaded machine.
const BUILD: Duration = Duration::from_secs(600);

/// Builds the example as an embedder would, from its own lock file, and runs it.
pub(crate) async fn two_clusters() -> Result<()> {
    let program = build().await?;
    prove(World::new(&["spoke1"]).await?, async |world| {
        let hub = world.hub()?.kubeconfig_path();
        let spoke = world.bed.cluster("spoke1")?.kubeconfig_path();
        let run = Command::new(&program).arg(hub).arg(spoke).kill_on_drop(true).output();
        let output = tokio::time::timeout(RUNNING, run)
            .await
            .with_context(|| format!("the example has not ended after {RUNNING:?}"))??;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "the example failed: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(said.contains("spoke1 is Running"), "the example said something else: {said}");
        let clusters: Api<ManagedCluster> = Api::all(world.admin()?);
        let cluster = clusters.get("spoke1").await?;
        let conditions = cluster.status.map(|status| status.conditions).unwrap_or_default();
        for kind in [kinds::HUB_ACCEPTED, kinds::JOINED, kinds::AVAILABLE] {
            ensure!(is_true(&conditions, kind), "{kind} is not True: {conditions:?}");
        }
        Ok(())
    })
    .await
}

/// Builds the example into our own target directory, where most of what it needs is compiled.
async fn build() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("our own program is in no target directory")?;
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/embed");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = Command::new(cargo)
        .args(["build", "--quiet", "--locked"])
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", target)
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(BUILD, build)
        .await
        .with_context(|| format!("the example is not built after {BUILD:?}"))?
        .context("starting cargo")?;
    ensure!(status.success(), "examples/embed does not build: {status}");
    Ok(target.join("debug/embed"))
}
