//! The main job on the built-in local fleet, and the bed and benches beside it.

use anyhow::Result;
use clap::Args;

use crate::process;

/// Options of `up`.
#[derive(Args)]
pub(crate) struct Up {
    /// Tear down when the fleet is Running; exit 0 only if everything became Running.
    #[arg(long)]
    once: bool,
    /// Remote spokes beside the hub's own cluster.
    #[arg(long, default_value_t = 1, value_name = "N")]
    spokes: usize,
    /// Print the timings as JSON.
    #[arg(long)]
    json: bool,
}

impl Up {
    pub(crate) fn run(&self) -> Result<()> {
        let mut arguments = vec!["up".to_owned(), format!("--spokes={}", self.spokes)];
        arguments.extend(self.once.then(|| "--once".to_owned()));
        arguments.extend(self.json.then(|| "--json".to_owned()));
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
    process::run(process::cargo().args(["build", "--locked", "-p", "bed", "-p", "process-kubelet"]))?;
    process::run(process::cargo().args(["run", "--quiet", "--locked", "-p", "bed", "--"]).args(arguments))
}

/// Runs a benchmark, on the optimised operator unless `--debug` asks for the other.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    if !arguments.iter().any(|argument| argument == "--debug") {
        let build = ["build", "--release", "--locked", "-p", "fleetconfig-controller"];
        process::run(process::cargo().args(build))?;
    }
    programs()?;
    let mut all = vec!["bench".to_owned()];
    all.extend_from_slice(arguments);
    scenarios(&all)
}

/// Builds the programs that the scenarios start.
pub(crate) fn programs() -> Result<()> {
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

/// Runs the scenarios' own command line.
pub(crate) fn scenarios(arguments: &[String]) -> Result<()> {
    let program = process::target().join("debug/scenarios");
    process::run(std::process::Command::new(program).current_dir(process::root()).args(arguments))
}
