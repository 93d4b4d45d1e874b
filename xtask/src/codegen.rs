//! Generated files: the CRDs under crds/, written by the crates that define the kinds, what the chart has
//! from elsewhere, and Argo CD's files under deploy/gitops, written by the crate that knows the states.

mod chart_files;

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
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
        command.args(["test", "--locked", "-p", "fleetconfig-api", "-p", "ocm-api", "-p", "fleet-plan"]);
        // And the pages under docs/reference, by the crates that define what they tell.
        command.args(["-p", "fleetconfig-controller", "generated"]);
        if !self.check {
            command.env("UPDATE_CRDS", "1").env("UPDATE_PAGES", "1");
        }
        process::run(&mut command)?;
        // The chart has copies of what was written just now.
        let written = Written::new(!self.check, "cargo xtask codegen");
        chart_files::generate(&written)?;
        written.end()?;
        docs::chart_values::generate(!self.check)
    }
}

/// Files that are written, or compared with what would be.
pub(crate) struct Written {
    update: bool,
    /// The command that writes them.
    command: &'static str,
    different: RefCell<Vec<String>>,
}

impl Written {
    pub(crate) fn new(update: bool, command: &'static str) -> Self {
        Self { update, command, different: RefCell::default() }
    }

    /// Writes a file, or remembers that it differs.
    pub(crate) fn put(&self, path: &Path, content: &str) -> Result<()> {
        let present = fs::read_to_string(path).ok();
        if present.as_deref() == Some(content) {
            return Ok(());
        }
        if self.update {
            return fs::write(path, content).with_context(|| format!("writing {}", path.display()));
        }
        let shown = path.strip_prefix(process::root()).unwrap_or(path).display().to_string();
        let present = present.unwrap_or_default();
        let at = present.lines().zip(content.lines()).take_while(|(old, new)| old == new).count();
        let line = |text: &str| text.lines().nth(at).unwrap_or("(its end)").to_owned();
        let first = format!("  line {}\n  -{}\n  +{}", at + 1, line(&present), line(content));
        self.different.borrow_mut().push(format!("{shown}\n{first}"));
        Ok(())
    }

    /// Fails when a file differed.
    pub(crate) fn end(self) -> Result<()> {
        let different = self.different.into_inner();
        if different.is_empty() {
            return Ok(());
        }
        bail!(
            "these files are not what would be written; look at the difference after `{}`:\n{}",
            self.command,
            different.join("\n")
        )
    }
}
