//! The operator's process: command line, logs, TLS provider, connection, signals.

#[cfg(target_env = "musl")]
mod allocator;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use cluster_access::ProxyRules;
use fleetconfig_controller::backoff::BackoffPolicy;
use fleetconfig_controller::cli::{Cli, Command, RunOptions};
use fleetconfig_controller::commands::{self, apply_objects, check_ready, check_uninstall, install_crds};
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
    let telemetry = match telemetry::init(cli.logs().log_format, &cli.logs().log) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            // There are no logs that could tell.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            return ExitCode::FAILURE;
        }
    };
    let ended = match act(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    };
    telemetry.ended().await;
    ended
}

async fn act(cli: Cli) -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another TLS provider has been installed"))?;
    match cli.command {
        None => {
            // On the heap: it holds the state of the whole operator.
            Box::pin(run(cli.run)).await?;
            info!("ended");
            Ok(())
        }
        Some(Command::InstallCrds(options)) => {
            let (cluster, _) = commands::cluster(&options.connection).await?;
            install_crds::run(&cluster, options.timeout).await
        }
        Some(Command::CheckUninstall(options)) => {
            let (cluster, _) = commands::cluster(&options.connection).await?;
            check_uninstall::run(&cluster, &options.namespaces).await
        }
        Some(Command::CheckReady(options)) => check_ready::run(&options.url, options.timeout).await,
        Some(Command::ApplyObjects(options)) => {
            let (cluster, namespace) = commands::cluster(&options.connection).await?;
            apply_objects::run(&cluster, &namespace, &options.from, options.timeout, options.force).await
        }
    }
}

async fn run(options: RunOptions) -> anyhow::Result<()> {
    let stop = shutdown::on_signal().context("cannot handle signals")?;
    let RunOptions { connection: own, namespaces, .. } = options;
    let config =
        connection::own_cluster(own.kubeconfig.as_deref(), own.context.as_deref(), &own.user_agent).await?;
    let namespace = options.lease_namespace.unwrap_or_else(|| config.default_namespace.clone());
    let identity = options.identity.unwrap_or_else(connection::unique_identity);
    let webhook = options.webhook.settings(&config.default_namespace)?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        server = %config.cluster_url,
        identity,
        ?namespaces,
        "starting"
    );
    let election = options.leader_election.then(|| Election {
        lease: options.lease_name,
        namespace,
        timing: Timing::default(),
    });
    if options.watch_secrets && namespaces.is_empty() {
        anyhow::bail!(
            "--watch-secrets would list the Secrets of all namespaces; name the namespaces with --namespaces, or leave it out"
        );
    }
    let settings = Settings {
        namespaces,
        watch_secrets: options.watch_secrets,
        limits: Limits {
            concurrency: options.concurrency.into(),
            // Users mend a Secret or start an API server and look; nobody waits five minutes for
            // the operator to notice.
            backoff: BackoffPolicy { max: Duration::from_secs(30), ..BackoffPolicy::default() },
            ..Limits::default()
        },
        election,
        identity,
        http_address: options.http_address,
        webhook,
    };
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config).context("cannot build a client")?;
    let proxy = ProxyRules::from_environment()?;
    let with = |runtime: &_| reconcilers(runtime, &server, &own.user_agent, proxy);
    Box::pin(operator::run(client, settings, with, stop)).await.map_err(Into::into)
}
