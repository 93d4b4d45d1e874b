//! The one door: build, test, lint, generate, run. `cargo xtask --help` tells what each command does.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask is a command line tool whose work is to start other programs"
)]

mod codegen;
mod fleet;
mod lint;
mod process;
mod tests;
mod walls;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The one door to this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the main job on a built-in local fleet: real control planes, real OCM, our operator.
    Up(fleet::Up),
    /// Stop whatever `up` or `bed up --detach` left running.
    Down,
    /// Pass the tests: lints, unit tests and the scenarios of the gate (or all of them).
    Test(tests::Test),
    /// Formatting, clippy, crate walls, licences, every Kubernetes version feature.
    Lint(lint::Lint),
    /// Write everything that is generated: the CRDs under crds/.
    Codegen(codegen::Codegen),
    /// The test bed by itself: `bed up | status | logs | down | binaries`.
    Bed {
        /// Arguments of the bed; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure: `bench join --json` prints medians of interleaved pairs against the floor.
    Bench {
        /// Name of the benchmark and its options; `--help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Up(up) => up.run(),
        Command::Down => fleet::down(),
        Command::Test(test) => test.run(),
        Command::Lint(lint) => lint.run(),
        Command::Codegen(codegen) => codegen.run(),
        Command::Bed { arguments } => fleet::bed(&arguments),
        Command::Bench { arguments } => fleet::bench(&arguments),
    }
}
