//! A kubelet that runs pods as local processes.
//!
//! It is for tests that need the real behaviour of controllers with their
//! Deployments, Jobs, probes, restarts and volumes, on a machine without a
//! container runtime. It is not for production: nothing is isolated that a test
//! does not need isolated.
//!
//! A pod has network, host name, process numbers and mounts of its own. Its
//! processes run as the kubelet's user whatever its security context says, and
//! resource limits, service addresses, DNS and network policies mean nothing;
//! the names of services are in the hosts file.
//! What a pod cannot do without and the kubelet does not have (`unsupported`
//! lists it) keeps the pod waiting with a message, rather than half running.
//!
//! Code map: [`kubelet`] sees the pods of the cluster and gives each a
//! [`pod::worker`]; the worker notes what happens in [`pod::lifecycle`], which
//! decides without doing, and acts by [`pod::resources`]; [`container::shim`]
//! and [`container::init`] are the processes between the kubelet and a program.
#![allow(
    clippy::disallowed_methods,
    reason = "the node side of the test bed: it starts processes, waits and reads the clock"
)]

mod api;
mod container;
mod helper;
mod images;
mod kubelet;
mod kubernetes_service;
mod mounts;
mod network;
mod node;
mod objects;
mod pod;
mod settings;
mod volume;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use container::init::{self, COULD_NOT_START};
use container::shim;
use pod::sandbox_helper;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).take(2).collect();
    let parameter = words.get(1).map(String::as_str);
    let (result, failure) = match words.first().map(String::as_str) {
        Some(helper::POD_SANDBOX) => (sandbox_helper::run().map(|()| 0), 1),
        Some(helper::CONTAINER_SHIM) => (shim::run(), COULD_NOT_START),
        Some(helper::CONTAINER_INIT) => (init::run(parameter).map(|never| match never {}), COULD_NOT_START),
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
