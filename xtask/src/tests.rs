//! The tests: lints, unit tests, scenarios on the bed.

use anyhow::Result;
use clap::Args;

use crate::{fleet, lint, process};

/// Options of `test`.
#[derive(Args)]
pub(crate) struct Test {
    /// Only scenarios whose name contains this; one that matches nothing is an error.
    filter: Option<String>,
    /// Every scenario and the version matrix, not only the gate. Goes on where it stopped.
    #[arg(long)]
    full: bool,
    /// Name every scenario with its tier and last duration, and run nothing.
    #[arg(long)]
    list: bool,
}

impl Test {
    pub(crate) fn run(&self) -> Result<()> {
        if self.list {
            process::run(process::cargo().args(["build", "--locked", "-p", "scenarios"]))?;
            return fleet::scenarios(&["list".to_owned()]);
        }
        let mut arguments = vec!["run".to_owned()];
        if let Some(filter) = &self.filter {
            arguments.push(filter.clone());
        } else {
            if self.full { lint::Lint::full() } else { lint::Lint::gate() }.run()?;
            // The bed's own tests start clusters, and are for its changes and for the full tier.
            let mut unit = process::cargo();
            unit.args(["test", "--workspace", "--locked"]);
            if !self.full {
                unit.args(["--exclude", "bed"]);
            }
            process::run(&mut unit)?;
        }
        if self.full {
            arguments.push("--full".to_owned());
        }
        fleet::programs()?;
        fleet::scenarios(&arguments)
    }
}
