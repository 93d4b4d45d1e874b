//! The tests: lints, unit tests, scenarios on the bed.

use anyhow::Result;
use clap::Args;

use crate::passed::Step;
use crate::{chart, conformance, fleet, image, lint, prerequisites, process};

/// The libraries under every Kubernetes version.
const VERSIONS: Step = Step { name: "Kubernetes versions", inputs: &["crates"] };

/// The bed's own tests start clusters and break them.
const BED: Step =
    Step { name: "tests of the bed", inputs: &["e2e/bed", "e2e/process-kubelet", "e2e/binaries"] };

/// The API server in memory against a real one.
const CONFORMANCE: Step = Step {
    name: "conformance of memory-apiserver",
    inputs: &["e2e/memory-apiserver", "e2e/bed", "e2e/binaries"],
};

/// The chart and the plain manifests, by Helm and kustomize.
const CHART: Step = Step {
    name: "Helm chart",
    inputs: &["deploy", "crds", "xtask", "e2e/bed", "e2e/binaries/helm", "docs", "README.md"],
};
/// A static program and its image, as skopeo and podman see it.
const IMAGE: Step = Step { name: "container image", inputs: &["crates", "xtask", ".cargo"] };

/// Options of `test`.
#[derive(Args)]
pub(crate) struct Test {
    /// Only scenarios whose name contains this, whatever their tier, and no lints or unit tests. One
    /// that matches nothing is an error.
    filter: Option<String>,
    /// Also every other scenario, every Kubernetes version, the bed's own tests, memory-apiserver
    /// against a real API server, and the container image for this machine. Goes on where it stopped: what passed with the same inputs is not
    /// run again.
    #[arg(long)]
    full: bool,
    /// Name every scenario with its tier and last duration, and run nothing.
    #[arg(long)]
    list: bool,
}

impl Test {
    pub(crate) fn run(&self) -> Result<()> {
        if self.list {
            prerequisites::for_builds()?;
            process::run(process::cargo().args(["build", "--locked", "-p", "scenarios"]))?;
            return fleet::scenarios(&["list".to_owned()]);
        }
        prerequisites::for_clusters()?;
        let mut arguments = vec!["run".to_owned()];
        if let Some(filter) = &self.filter {
            arguments.push(filter.clone());
        } else {
            lint::Lint::gate().run()?;
            chart::Chart::gate(&CHART)?;
            // The bed's own tests start clusters.
            let everything =
                ["test", "--workspace", "--locked", "--exclude", "bed", "--features", lint::EVERYTHING];
            process::run(process::cargo().args(everything))?;
            if self.full {
                beside_the_scenarios()?;
            }
        }
        if self.full {
            arguments.push("--full".to_owned());
        }
        fleet::programs_beside_tests()?;
        fleet::scenarios(&arguments)
    }
}

/// What the full tier runs beside more scenarios.
fn beside_the_scenarios() -> Result<()> {
    VERSIONS.once(lint::versions)?;
    BED.once(|| {
        // Its tests find the kubelet beside their own programs.
        fleet::bed_programs()?;
        process::run(process::cargo().args(["test", "--locked", "-p", "bed", "-p", "process-kubelet"]))
    })?;
    CONFORMANCE.once(conformance::with_a_real_server)?;
    // Outside of the step, or a machine that lacks the tools would count as passed.
    match image::Acceptance::that_is_possible()? {
        Some(acceptance) => IMAGE.once(|| acceptance.run()),
        None => Ok(()),
    }
}
