//! Everything that can be checked without running anything.

use anyhow::Result;
use clap::Args;

use crate::{codegen, docs, ocm_module, prerequisites, process, walls};

/// Kubernetes versions that k8s-openapi knows; every library compiles under each.
const KUBERNETES: &[&str] = &["1.33", "1.34", "1.35", "1.36", "1.37"];

/// Libraries that embedders use.
const LIBRARIES: &[&str] =
    &["fleetconfig-api", "ocm-api", "fleet-plan", "cluster-access", "hub-bootstrapper", "spoke-joiner"];

/// What is left out by default and looked at with the rest.
pub(crate) const EVERYTHING: &str = "fleetconfig-controller/otlp";

/// Options of `lint`.
#[derive(Args)]
pub(crate) struct Lint {
    /// Only what takes seconds: the walls between crates, formatting, and links and commands in the
    /// documentation.
    #[arg(long)]
    quick: bool,
    /// Also check that every library compiles under each Kubernetes version that k8s-openapi knows.
    #[arg(long)]
    versions: bool,
    /// Only the walls: what each crate may depend on (the table of docs/architecture.md).
    #[arg(long)]
    walls: bool,
}

impl Lint {
    /// What the gate runs: all but the version matrix.
    pub(crate) fn gate() -> Self {
        Self { quick: false, versions: false, walls: false }
    }

    pub(crate) fn run(&self) -> Result<()> {
        walls::check()?;
        if self.walls {
            return Ok(());
        }
        process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
        docs::Docs::quick().run()?;
        if self.quick {
            return Ok(());
        }
        prerequisites::for_builds()?;
        process::run(process::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            EVERYTHING,
            "--locked",
            "--",
            "-D",
            "warnings",
        ]))?;
        codegen::Codegen::check_only().run()?;
        ocm_module::compare()?;
        self.licences()?;
        if self.versions { versions() } else { Ok(()) }
    }

    /// cargo-deny guards licences, sources, bans and duplicates; it is a separate program, so its
    /// absence is said and, on CI, an error.
    fn licences(&self) -> Result<()> {
        let present = process::output(process::cargo().args(["deny", "--version"])).is_ok();
        if !present && std::env::var_os("CI").is_none() {
            eprintln!(
                "cargo-deny is not installed, licences are not checked: cargo install --locked cargo-deny"
            );
            return Ok(());
        }
        process::run(process::cargo().args(["deny", "check", "bans", "licenses", "sources"]))
    }
}

/// Checks every library under every Kubernetes version: embedders choose theirs.
pub(crate) fn versions() -> Result<()> {
    for version in KUBERNETES {
        let mut command = process::cargo();
        command.args(["check", "--locked"]).env("K8S_OPENAPI_ENABLED_VERSION", version);
        for library in LIBRARIES {
            command.args(["-p", library]);
        }
        eprintln!("Kubernetes {version}:");
        process::run(&mut command)?;
    }
    Ok(())
}
