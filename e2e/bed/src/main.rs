//! `bed`: real control planes and real OCM on this machine, from the command line.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a command line tool that starts processes and prints what it finds"
)]

mod commands;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use bed::{BedDirectory, supervisor::supervise};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Real Kubernetes control planes and real OCM as processes of this machine.
#[derive(Parser)]
#[command(name = "bed", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the control plane and OCM if the cache lacks them, and print where they are.
    Binaries,
    /// Build Helm and kustomize if the cache lacks them, and print the directory that holds them.
    ChartTools,
    /// Start clusters; run until Ctrl-C, or in the background with --detach.
    Up(commands::Up),
    /// Show the clusters, their kubeconfigs and their processes.
    Status(Which),
    /// Print the logs of a cluster, of one of its components, or of its pods.
    Logs(commands::Logs),
    /// End a bed and remove its files.
    Down(Which),
    /// Run a command inside the network of a bed.
    Exec(commands::Exec),
    /// Internal: the first process of a bed's namespaces.
    #[command(hide = true)]
    Supervise {
        #[arg(long)]
        socket: PathBuf,
    },
}

/// Which bed is meant.
#[derive(Args)]
struct Which {
    /// Name of the bed.
    #[arg(long, default_value = "bed", env = "FLEETCONFIG_BED_NAME")]
    name: String,
    /// Directory of the bed's files, instead of one in the cache.
    #[arg(long)]
    state_dir: Option<PathBuf>,
}

impl Which {
    fn directory(&self) -> Result<BedDirectory> {
        match &self.state_dir {
            Some(path) => Ok(BedDirectory::at(path)),
            None => BedDirectory::named(&self.name),
        }
    }
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("bed=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
    match start(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that `Debug` would add: a missing
            // prerequisite is one sentence.
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> Result<()> {
    if matches!(command, Command::Up(_)) {
        // May replace this process, so it comes before there are threads.
        bed::namespaces::ensure_privileges()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(command))
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Binaries => commands::binaries().await,
        Command::ChartTools => commands::chart_tools().await,
        Command::Up(up) => commands::up(up).await,
        Command::Status(which) => commands::status(&which).await,
        Command::Logs(logs) => commands::logs(&logs).await,
        Command::Down(which) => commands::down(&which).await,
        Command::Exec(exec) => commands::exec(&exec).await,
        Command::Supervise { socket } => supervise(&socket).await,
    }
}
