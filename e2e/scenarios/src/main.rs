//! What users are promised, proven on the test bed: scenarios, the local fleet, benchmarks.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::large_futures,
    reason = "this program starts others, waits for them and tells what it sees; a scenario is one long future, made once"
)]

mod bench;
mod catalogue;
mod fixtures;
mod operator;
mod runner;
mod scenarios;
mod up;
mod wait;
mod world;

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// What is logged unless RUST_LOG says otherwise.
const LOG: &str = "warn,bed=info,kube_client=off";

/// Scenarios, the local fleet, benchmarks.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios.
    Run(runner::Run),
    /// Name every scenario with its tier and last duration.
    List,
    /// Run the main job on a local fleet.
    Up(up::Up),
    /// Measure.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = Arguments::parse();
    if !matches!(arguments.command, Command::List) {
        // May replace this process, so it comes before there are threads.
        bed::namespaces::ensure_privileges()?;
    }
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG)))
        .with_writer(std::io::stderr)
        .init();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another TLS provider has been installed"))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        match arguments.command {
            Command::Run(run) => run.run().await,
            Command::List => runner::list(),
            Command::Up(up) => up.run().await,
            Command::Bench(bench) => bench.run().await,
        }
    })
}
