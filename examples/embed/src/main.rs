//! Makes one cluster an Open Cluster Management hub and joins another one to it, without the operator.
//!
//! `embed HUB_KUBECONFIG SPOKE_KUBECONFIG`
#![allow(clippy::disallowed_methods, reason = "a program may read the clock; the libraries take the time")]

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use cluster_access::{AccessOptions, CheckedKubeconfig, Cluster};
use fleetconfig_api::v1beta1::{Hub, HubSpec, Spoke, SpokeSpec};
use hub_bootstrapper::HubBootstrapper;
use jiff::Timestamp;
use spoke_joiner::SpokeJoiner;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> Result<()> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().map_err(|_| anyhow!("another TLS provider has been installed"))?;
    let mut paths = std::env::args().skip(1);
    let (hub_cluster, spoke_cluster) = (open(paths.next())?, open(paths.next())?);

    let hub = Hub::new(
        "hub",
        HubSpec {
            cluster_manager: Some(Default::default()),
            api_server: hub_cluster.server().map(str::to_owned),
            ..HubSpec::default()
        },
    );
    let bootstrapper = HubBootstrapper::new(hub_cluster.clone());
    let ready = timeout(DEADLINE, bootstrapper.until_ready(&hub, Timestamp::now)).await??;
    println!("the hub runs OCM {}", ready.bundle_version);

    let (spoke, joiner) = (Spoke::new("spoke1", SpokeSpec::default()), SpokeJoiner::new(hub_cluster));
    let join = joiner.until_joined(&hub, &ready, &spoke, &spoke_cluster, Timestamp::now);
    println!("spoke1 is {}", timeout(DEADLINE, join).await??.verdict.phase);
    Ok(())
}

fn open(path: Option<String>) -> Result<Cluster> {
    let path = path.context("usage: embed HUB_KUBECONFIG SPOKE_KUBECONFIG")?;
    let kubeconfig = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
    let kubeconfig = CheckedKubeconfig::parse(&kubeconfig, None).with_context(|| path)?;
    Ok(Cluster::open(&kubeconfig, &AccessOptions::default())?)
}
