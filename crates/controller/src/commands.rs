//! What the binary does besides running the operator: what a chart's hooks need.

pub mod apply_objects;
pub mod check_ready;
pub mod check_uninstall;
pub mod install_crds;
mod ownership;
mod patience;

use anyhow::Context;
use cluster_access::{AccessOptions, Cluster};
use kube::{Client, Config};

use crate::cli::ConnectionOptions;
use crate::connection;

/// The cluster that the options name, and the namespace that it is used in.
///
/// # Errors
/// When no way leads to a cluster.
pub async fn cluster(options: &ConnectionOptions) -> anyhow::Result<(Cluster, String)> {
    let config: Config = connection::own_cluster(
        options.kubeconfig.as_deref(),
        options.context.as_deref(),
        &options.user_agent,
    )
    .await?;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("cannot build a client")?;
    Ok((Cluster::from_client(client, &AccessOptions::default()), namespace))
}
