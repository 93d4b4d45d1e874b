//! The plain manifests: the base is a rendering of the chart, and each overlay must come to the same
//! as the chart with the values that lie beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Tools;
use super::render::Helm;
use crate::codegen::Written;
use crate::process;

const HEADER: &str =
    "# The operator without its CRDs. Written by `cargo xtask chart --update` from the Helm chart.\n";

/// Compares everything, or writes what is written.
pub(super) fn check(tools: &Tools, helm: &Helm, written: &Written) -> Result<()> {
    let directory = process::root().join("deploy/kustomize");
    let base = directory.join("base");
    let operator = plain(&helm.template(&[&base.join("values.yaml")], &["--no-hooks"])?);
    written.put(&base.join("operator.yaml"), &format!("{HEADER}{operator}"))?;
    let namespace = fs::read_to_string(base.join("namespace.yaml")).context("reading the namespace")?;
    written.put(
        &process::root().join("deploy/install.yaml"),
        &format!("{HEADER}---\n{}{operator}", namespace.trim_start_matches("---\n")),
    )?;
    let kustomize = Kustomize { program: tools.program("kustomize") };
    let crds = kustomize.build(&process::root().join("crds"))?;
    for overlay in overlays(&directory)? {
        let values = [base.join("values.yaml"), overlay.join("values.yaml")];
        let values: Vec<&Path> = values.iter().map(PathBuf::as_path).collect();
        let rendered = plain(&helm.template(&values, &["--no-hooks"])?);
        let expected = kustomize.of_text(&format!("{namespace}---\n{crds}---\n{rendered}"))?;
        let built = kustomize.build(&overlay)?;
        if built != expected {
            bail!(
                "{} does not come to the same as the chart with its values.yaml; the first difference:\n{}",
                overlay.display(),
                first_difference(&built, &expected)
            );
        }
    }
    Ok(())
}

/// A rendering without what only Helm's releases have.
fn plain(rendered: &str) -> String {
    let helms = ["helm.sh/chart:", "app.kubernetes.io/managed-by:", "# Source:"];
    let lines = rendered.lines().filter(|line| !helms.iter().any(|mark| line.trim_start().starts_with(mark)));
    let mut text = String::new();
    for line in lines.map(str::trim_end).filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn overlays(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory.join("overlays")).context("reading the overlays")? {
        all.push(entry?.path());
    }
    all.sort();
    Ok(all)
}

struct Kustomize {
    program: PathBuf,
}

impl Kustomize {
    fn build(&self, directory: &Path) -> Result<String> {
        process::output(Command::new(&self.program).arg("build").arg(directory))
    }

    /// What kustomize makes of a text without changing it: its own order and form.
    fn of_text(&self, text: &str) -> Result<String> {
        let directory = process::target().join("xtask-kustomize");
        fs::create_dir_all(&directory).context("making a directory for kustomize")?;
        fs::write(directory.join("all.yaml"), text).context("writing for kustomize")?;
        fs::write(
            directory.join("kustomization.yaml"),
            "resources: [all.yaml]\nsortOptions: {order: legacy}\n",
        )
        .context("writing for kustomize")?;
        self.build(&directory)
    }
}

fn first_difference(built: &str, expected: &str) -> String {
    let at = built.lines().zip(expected.lines()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| text.lines().skip(at.saturating_sub(6)).take(14).collect::<Vec<_>>().join("\n");
    format!("kustomize:\n{}\nchart:\n{}", around(built), around(expected))
}
