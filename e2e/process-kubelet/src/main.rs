//! A kubelet that runs pods as local processes.
//!
//! Not for production: a container has the user, the process numbers and the
//! devices of the machine. It is for tests that need the real behaviour of
//! controllers with their Deployments, Jobs, probes, restarts and volumes, on
//! a machine without a container runtime.
#![allow(
    clippy::disallowed_methods,
    reason = "the node side of the test bed: it starts processes, waits and reads the clock"
)]

mod api;
mod atomic_dir;
mod backoff;
mod container;
mod container_init;
mod container_plan;
mod container_shim;
mod downward;
mod environment;
mod helper;
mod images;
mod kubelet;
mod kubernetes_service;
mod lifecycle;
mod mounts;
mod network;
mod node;
mod objects;
mod pod_event;
mod pod_resources;
mod pod_sandbox;
mod pod_worker;
mod probe_request;
mod probes;
mod references;
mod sandbox;
mod settings;
mod status;
mod surroundings;
mod unsupported;
mod volume_files;
mod volumes;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use container_init::COULD_NOT_START;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).take(2).collect();
    let parameter = words.get(1).map(String::as_str);
    let (result, failure) = match words.first().map(String::as_str) {
        Some(helper::POD_SANDBOX) => (pod_sandbox::run().map(|()| 0), 1),
        Some(helper::CONTAINER_SHIM) => (container_shim::run(), COULD_NOT_START),
        Some(helper::CONTAINER_INIT) => {
            (container_init::run(parameter).map(|never| match never {}), COULD_NOT_START)
        }
        _ => (kubelet().map(|()| 0), 1),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report(&error);
            ExitCode::from(failure)
        }
    }
}

#[allow(clippy::print_stderr, reason = "the last word of a program, or of a container in its log")]
fn report(error: &anyhow::Error) {
    eprintln!("process-kubelet: {error:#}");
}

fn kubelet() -> Result<()> {
    let settings = settings::Settings::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    // Few threads: the work is waiting.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("starting the runtime")?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        kubelet::run(settings, shutdown).await
    })
}
