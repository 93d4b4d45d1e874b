//! What Helm makes of the chart, as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Tools;
use crate::process;

const CHART: &str = "deploy/helm/fleetconfig-controller";

/// Release and namespace of the walks.
const RELEASE: &str = "fleetconfig-controller";
const NAMESPACE: &str = "fleetconfig-system";

/// The version of Kubernetes that Helm believes in without a cluster; a later Helm would believe in
/// another.
const KUBERNETES: &str = "1.33.0";

/// The program, on our chart.
pub(super) struct Helm {
    program: PathBuf,
}

impl Helm {
    pub(super) fn new(tools: &Tools) -> Self {
        Self { program: tools.program("helm") }
    }

    fn command(&self, subcommand: &str, values: &[&Path]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(process::root()).arg(subcommand);
        // Nothing of the person who runs this: no plugins, repositories or clusters.
        command.env("KUBECONFIG", "/dev/null").env("HELM_PLUGINS", "/nonexistent");
        for file in values {
            command.arg("--values").arg(file);
        }
        command
    }

    pub(super) fn lint(&self, values: &[&Path]) -> Result<()> {
        process::output(self.command("lint", values).args(["--strict", "--quiet", CHART])).map(drop)
    }

    pub(super) fn template(&self, values: &[&Path], more: &[&str]) -> Result<String> {
        process::output(&mut self.templating(values, more))
    }

    fn templating(&self, values: &[&Path], more: &[&str]) -> Command {
        let mut command = self.command("template", values);
        command.args(["--namespace", NAMESPACE, "--kube-version", KUBERNETES]).args(more);
        command.args([RELEASE, CHART]);
        command
    }

    /// What an install would tell its user, as comments.
    pub(super) fn notes(&self, values: &[&Path]) -> Result<String> {
        let mut command = self.command("install", values);
        command.args(["--namespace", NAMESPACE, "--dry-run=client", RELEASE, CHART]);
        let told = process::output(&mut command)?;
        let (_, notes) = told.split_once("\nNOTES:\n").context("helm install told no notes")?;
        let lines = notes.trim_end().lines().map(|line| format!("# {line}").trim_end().to_owned());
        Ok(format!("# Notes:\n{}\n", lines.collect::<Vec<_>>().join("\n")))
    }

    /// What Helm says against these values; `None` if it takes them.
    pub(super) fn refusal_of(&self, values: &Path) -> Result<Option<String>> {
        let output = self.templating(&[values], &[]).output().context("starting helm")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((!output.status.success()).then_some(said))
    }
}

/// The documents of a rendering by kind, namespace and name.
fn documents(text: &str) -> BTreeMap<String, &str> {
    let all = text.split("---\n").map(str::trim).filter(|document| identity(document).is_some());
    all.map(|document| (identity(document).unwrap_or_default(), document)).collect()
}

/// `Kind namespace/name` of a document; `None` for one without a kind.
fn identity(document: &str) -> Option<String> {
    let top = |key: &str| document.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let kind = top("kind:")?;
    let metadata = document.lines().skip_while(|line| !line.starts_with("metadata:")).skip(1);
    let own: Vec<&str> = metadata.take_while(|line| line.starts_with(' ')).collect();
    let field = |key: &str| own.iter().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim();
    Some(match field("  namespace:") {
        "" => format!("{kind} {}", field("  name:")),
        namespace => format!("{kind} {namespace}/{}", field("  name:")),
    })
}

/// A rendering as the objects in which it differs from another, and the names of those that it lacks.
pub(super) fn difference(base: &str, other: &str) -> String {
    let (base, other) = (documents(base), documents(other));
    let mut text = String::from("# What differs from defaults.golden.yaml.\n");
    for gone in base.keys().filter(|identity| !other.contains_key(*identity)) {
        text.push_str(&format!("# Without: {gone}\n"));
    }
    for (identity, document) in &other {
        if base.get(identity) != Some(document) {
            text.push_str("---\n");
            text.push_str(document);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "---\n# Source: a\napiVersion: v1\nkind: Service\nmetadata:\n  labels:\n    name: x\n  name: a\n  namespace: n\nspec: 1\n---\nkind: Node\nmetadata:\n  name: b\n";

    #[test]
    fn documents_are_known_by_kind_namespace_and_name() {
        let names: Vec<String> = documents(BASE).into_keys().collect();
        assert_eq!(names, ["Node b", "Service n/a"]);
    }

    #[test]
    fn a_difference_names_what_changed_came_and_went() {
        let same = "# What differs from defaults.golden.yaml.\n";
        assert_eq!(difference(BASE, BASE), same);
        let other = BASE.replace("spec: 1", "spec: 2").replace("name: b", "name: c");
        let text = difference(BASE, &other);
        assert!(
            text.contains("# Without: Node b\n") && text.contains("spec: 2") && text.contains("name: c"),
            "{text}"
        );
        assert!(!text.contains("spec: 1"), "{text}");
    }
}
