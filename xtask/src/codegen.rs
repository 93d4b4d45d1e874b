//! Generated files: the CRDs under crds/, written by the crates that define the kinds.

use anyhow::Result;
use clap::Args;

use crate::{docs, prerequisites, process};

/// Options of `codegen`.
#[derive(Args)]
pub(crate) struct Codegen {
    /// Write nothing; fail when a file differs from what would be generated.
    #[arg(long)]
    check: bool,
}

impl Codegen {
    /// The drift check.
    pub(crate) fn check_only() -> Self {
        Self { check: true }
    }

    pub(crate) fn run(&self) -> Result<()> {
        prerequisites::for_builds()?;
        let mut command = process::cargo();
        command.args(["test", "--locked", "-p", "fleetconfig-api", "-p", "ocm-api"]);
        // And the pages under docs/reference, by the crates that define what they tell.
        command.args(["-p", "fleetconfig-controller", "generated"]);
        if !self.check {
            command.env("UPDATE_CRDS", "1").env("UPDATE_PAGES", "1");
        }
        process::run(&mut command)?;
        docs::chart_values::generate(!self.check)
    }
}
