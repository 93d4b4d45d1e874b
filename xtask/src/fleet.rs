//! The main job on the built-in local fleet, and the bed and benches beside it.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{prerequisites, process};

/// Options of `up`.
#[derive(Args)]
pub(crate) struct Up {
    /// Tear down when the fleet is Running. The exit status is 0 only if everything became Running.
    #[arg(long)]
    once: bool,
    /// Remote spokes beside the hub's own cluster.
    #[arg(long, default_value_t = 1, value_name = "N")]
    spokes: usize,
    /// Print the timings as JSON, in seconds.
    #[arg(long)]
    json: bool,
}

impl Up {
    pub(crate) fn run(&self) -> Result<()> {
        let mut arguments = vec!["up".to_owned(), format!("--spokes={}", self.spokes)];
        arguments.extend(self.once.then(|| "--once".to_owned()));
        arguments.extend(self.json.then(|| "--json".to_owned()));
        prerequisites::for_clusters()?;
        programs()?;
        scenarios(&arguments)
    }
}

/// Stops the fleet of `up`, and a bed of `bed up --detach`.
pub(crate) fn down() -> Result<()> {
    for name in ["up", "bed"] {
        bed(&["down".to_owned(), format!("--name={name}")])?;
    }
    Ok(())
}

/// Runs the bed's own command line.
pub(crate) fn bed(arguments: &[String]) -> Result<()> {
    if arguments.first().is_some_and(|command| command == "up") {
        prerequisites::for_clusters()?;
    }
    bed_programs()?;
    process::run(bed_command().args(arguments))
}

/// The bed's own command line. Without arguments it is incomplete.
pub(crate) fn bed_command() -> Command {
    let mut command = Command::new(process::target().join("debug/bed"));
    command.current_dir(process::root());
    command
}

/// Builds the programs that a bed is made of, except those in Go.
pub(crate) fn bed_programs() -> Result<()> {
    prerequisites::for_builds()?;
    process::run(process::cargo().args(["build", "--locked", "-p", "bed", "-p", "process-kubelet"]))
}

/// Runs a benchmark, on the optimised operator unless `--debug` asks for the other.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let asks = |words: &[&str]| arguments.iter().any(|argument| words.contains(&argument.as_str()));
    if asks(&["--help", "-h"]) {
        programs()?;
        return scenarios(&[&["bench".to_owned()], arguments].concat());
    }
    prerequisites::for_clusters()?;
    if !asks(&["--debug"]) {
        let build = ["build", "--release", "--locked", "-p", "fleetconfig-controller"];
        process::run(process::cargo().args(build))?;
    }
    programs()?;
    scenarios(&[&["bench".to_owned()], arguments].concat())
}

/// Builds the programs that the scenarios start.
pub(crate) fn programs() -> Result<()> {
    prerequisites::for_builds()?;
    process::run(process::cargo().args([
        "build",
        "--locked",
        "-p",
        "bed",
        "-p",
        "process-kubelet",
        "-p",
        "fleetconfig-controller",
        "-p",
        "scenarios",
    ]))
}

/// The same programs as the tests are built with: for what a dependency can do, Cargo goes by what is built
/// together, and another choice would compile most of them a second time.
pub(crate) fn programs_beside_tests() -> Result<()> {
    prerequisites::for_builds()?;
    process::run(process::cargo().args(["build", "--locked", "--workspace", "--all-targets"]))
}

/// Runs the scenarios' own command line.
pub(crate) fn scenarios(arguments: &[String]) -> Result<()> {
    let program = process::target().join("debug/scenarios");
    process::run(Command::new(program).current_dir(process::root()).args(arguments))
}
