//! The one door: build, test, lint, generate, run. `cargo xtask --help` tells what each command does.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask is a command line tool whose work is to start other programs"
)]

mod chart;
mod codegen;
mod conformance;
mod docs;
mod fleet;
mod image;
mod lint;
mod ocm_module;
mod passed;
mod prerequisites;
mod process;
mod tests;
mod walls;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The one door to this repository: build, test, lint, generate, run.
///
/// Local clusters are real control planes and real OCM as processes of this machine. They need Go 1.26
/// (or FLEETCONFIG_BED_BINARIES, a directory of ready programs), iproute2, util-linux, and root or
/// unprivileged user namespaces. The first start builds them, which takes a quarter of an hour.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the main job on a built-in local fleet, until Ctrl-C.
    ///
    /// Starts a hub and its spokes, starts the operator, applies examples/two-clusters.yaml, tells what
    /// happens until the fleet is Running, and prints the kubeconfigs.
    Up(fleet::Up),
    /// Stop whatever `up` or `bed up --detach` left running, and remove its files.
    Down,
    /// Pass the tests: lints, unit tests, and the scenarios of the gate on local clusters.
    Test(tests::Test),
    /// Check the documentation, and build the book where mdBook is installed.
    ///
    /// Links and anchors, commands and options of ours that pages name, and objects in snippets against
    /// the schemas. Nothing is fetched.
    Docs(docs::Docs),
    /// Check without running: walls between crates, formatting, documentation, clippy, generated files,
    /// licences.
    ///
    /// The generated CRDs are compared with the types, and those of OCM's kinds with OCM's Go module,
    /// whose differences are printed.
    Lint(lint::Lint),
    /// Write everything that is generated: the CRDs under crds/, the chart's tables and copies, Argo CD's
    /// files under deploy/gitops.
    Codegen(codegen::Codegen),
    /// Check the Helm chart and the kustomize tree with the real programs, without a cluster.
    ///
    /// Helm and kustomize are built from Go modules when the cache lacks them, which takes minutes.
    Chart(chart::Chart),
    /// Make the container image, as an OCI archive, without a container engine.
    ///
    /// Static programs for x86_64 and aarch64, certificate authorities, a user that is not root, and an
    /// SBOM for each. The same commit and tools give the same digest; docs/image.md tells how to check
    /// that, and how to push the archive. Needs cargo-zigbuild, zig and cargo-auditable.
    Image(image::Image),
    /// The test bed by itself: `bed up | status | logs | exec | down | binaries | chart-tools`.
    #[command(disable_help_flag = true)]
    Bed {
        /// A command of the bed and its options; `bed --help` and `bed COMMAND --help` list them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure: `bench join --json` prints medians of interleaved pairs against the floor.
    #[command(disable_help_flag = true)]
    Bench {
        /// A benchmark and its options; `bench --help` and `bench BENCHMARK --help` list them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that `Debug` would add: a missing prerequisite is one sentence.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Arguments::parse().command {
        Command::Up(up) => up.run(),
        Command::Down => fleet::down(),
        Command::Test(test) => test.run(),
        Command::Docs(docs) => docs.run(),
        Command::Lint(lint) => lint.run(),
        Command::Codegen(codegen) => codegen.run(),
        Command::Chart(chart) => chart.run(),
        Command::Image(image) => image.run(),
        Command::Bed { arguments } => fleet::bed(&arguments),
        Command::Bench { arguments } => fleet::bench(&arguments),
    }
}
