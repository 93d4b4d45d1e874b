//! The operator's process: command line, logs, TLS provider, connection, signals.

#[cfg(target_env = "musl")]
mod allocator;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use fleetconfig_controller::backoff::BackoffPolicy;
use fleetconfig_controller::cli::Cli;
use fleetconfig_controller::leader_election::Timing;
use fleetconfig_controller::operator::{self, Election, Settings};
use fleetconfig_controller::reconcilers::reconcilers;
use fleetconfig_controller::runner::Limits;
use fleetconfig_controller::{connection, shutdown, telemetry};
use kube::Client;
use tracing::{error, info};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // On the heap: it holds the state of the whole operator.
    match Box::pin(run(cli)).await {
        Ok(()) => {
            info!("ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    telemetry::init(cli.log_format, &cli.log)?;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another TLS provider has been installed"))?;
    let stop = shutdown::on_signal().context("cannot handle signals")?;

    let config =
        connection::own_cluster(cli.kubeconfig.as_deref(), cli.context.as_deref(), &cli.user_agent).await?;
    let namespace = cli.lease_namespace.unwrap_or_else(|| config.default_namespace.clone());
    let identity = cli.identity.unwrap_or_else(connection::unique_identity);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        server = %config.cluster_url,
        identity,
        namespaces = ?cli.namespaces,
        "starting"
    );
    let election =
        cli.leader_election.then(|| Election { lease: cli.lease_name, namespace, timing: Timing::default() });
    let settings = Settings {
        namespaces: cli.namespaces,
        limits: Limits {
            concurrency: cli.concurrency.into(),
            // Users mend a Secret or start an API server and look; nobody waits five minutes for
            // the operator to notice.
            backoff: BackoffPolicy { max: Duration::from_secs(30), ..BackoffPolicy::default() },
            ..Limits::default()
        },
        election,
        identity,
        http_address: cli.http_address,
    };
    let server = config.cluster_url.to_string();
    let user_agent = cli.user_agent;
    let client = Client::try_from(config).context("cannot build a client")?;
    operator::run(client, settings, |runtime| reconcilers(runtime, &server, &user_agent), stop)
        .await
        .map_err(Into::into)
}
