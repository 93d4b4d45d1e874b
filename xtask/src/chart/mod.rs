//! The Helm chart and the kustomize tree, with the real programs and without a cluster.
//!
//! `deploy/helm/tests/NAME.values.yaml` are values that must render; what comes of them is kept in
//! `NAME.golden.yaml` (of others than `defaults` only the objects that differ from it).
//! `deploy/helm/tests/refused/*.yaml` must be refused, with the text of their first line.

mod kustomize;
mod render;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::codegen::Written;
use crate::docs::Given;
use crate::passed::Step;
use crate::{docs, fleet, prerequisites, process};
use render::{Helm, difference};

/// Options of `chart`.
#[derive(Args)]
pub(crate) struct Chart {
    /// Write the goldens, the kustomize base and install.yaml anew instead of comparing.
    #[arg(long)]
    update: bool,
}

/// Where the programs are.
pub(crate) struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// Ready ones, if there are; else the bed is asked, which builds them if need be.
    fn ready() -> Result<Self> {
        if let Some(tools) = Self::given() {
            return Ok(tools);
        }
        prerequisites::for_chart_tools()?;
        fleet::bed_programs()?;
        let printed = process::output(fleet::bed_command().arg("chart-tools"))?;
        Ok(Self { directory: PathBuf::from(printed.trim()) })
    }

    /// Those in the directory of ready programs, if it has both.
    fn given() -> Option<Self> {
        let tools = Self { directory: std::env::var_os("FLEETCONFIG_BED_BINARIES")?.into() };
        ["helm", "kustomize"].iter().all(|name| tools.program(name).is_file()).then_some(tools)
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Chart {
    /// What the gate runs, unless it has passed before. Without Go it cannot be done, which is said
    /// and, on CI, an error.
    pub(crate) fn gate(step: &Step) -> Result<()> {
        let possible = Tools::given().map_or_else(prerequisites::for_chart_tools, |_| Ok(()));
        match possible {
            Err(missing) if std::env::var_os("CI").is_none() => {
                eprintln!("the Helm chart is not checked: {missing}");
                Ok(())
            }
            Err(missing) => Err(missing),
            Ok(()) => step.once(|| Self { update: false }.run()),
        }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let tools = Tools::ready()?;
        let helm = Helm::new(&tools);
        let written = Written::new(self.update, "cargo xtask chart --update");
        let tests = process::root().join("deploy/helm/tests");
        let defaults = self.defaults(&helm, &written, &tests)?;
        for file in yaml_files(&tests, ".values.yaml")? {
            helm.lint(&[&file])?;
            let rendered = helm.template(&[&file], &[])?;
            let notes = helm.notes(&[&file])?;
            written.put(&golden(&file)?, &format!("{}{notes}", difference(&defaults, &rendered)))?;
        }
        let refused = yaml_files(&tests.join("refused"), ".yaml")?;
        let failures: Vec<String> = refused
            .iter()
            .map(|file| refusal(&helm, file))
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        if !failures.is_empty() {
            bail!("values that must be refused:\n{}", failures.join("\n"));
        }
        kustomize::check(&tools, &helm, &written)?;
        written.end()?;
        let documented = documented(&helm)?;
        eprintln!(
            "chart: {} values refused as they must be; {documented} places of the documentation render",
            refused.len()
        );
        Ok(())
    }

    fn defaults(&self, helm: &Helm, written: &Written, tests: &Path) -> Result<String> {
        helm.lint(&[])?;
        let rendered = helm.template(&[], &[])?;
        written.put(&tests.join("defaults.golden.yaml"), &format!("{rendered}{}", helm.notes(&[])?))?;
        Ok(rendered)
    }
}

/// Renders what the documentation tells users to give to the chart; how many places there are.
fn documented(helm: &Helm) -> Result<usize> {
    let given = docs::given_to_the_chart()?;
    let mut failures = Vec::new();
    for Given { place, options, values } in &given {
        let file = process::target().join("documented.values.yaml");
        if let Some(text) = values {
            fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        let files: Vec<&Path> = values.iter().map(|_| file.as_path()).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        if let Err(error) = helm.template(&files, &options) {
            failures.push(format!("{place}: {error:#}"));
        }
    }
    if !failures.is_empty() {
        bail!("what the documentation gives to the chart is refused:\n{}", failures.join("\n"));
    }
    Ok(given.len())
}

/// `NAME.golden.yaml` beside `NAME.values.yaml`.
fn golden(values: &Path) -> Result<PathBuf> {
    let name = values.file_name().and_then(|name| name.to_str()).context("the name of a values file")?;
    let name = name.strip_suffix(".values.yaml").unwrap_or(name);
    Ok(values.with_file_name(format!("{name}.golden.yaml")))
}

/// What is wrong with how Helm takes values that it must refuse; nothing, if it refuses them rightly.
fn refusal(helm: &Helm, file: &Path) -> Result<Option<String>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let expected = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# expect: "))
        .with_context(|| format!("{} does not begin with `# expect: TEXT`", file.display()))?;
    Ok(match helm.refusal_of(file)? {
        None => Some(format!("{}: accepted; expected: {expected}", file.display())),
        Some(said) if said.contains(expected) => None,
        Some(said) => Some(format!("{}: expected: {expected}\nHelm said: {said}", file.display())),
    })
}

/// The files of a directory whose name ends so, by name.
fn yaml_files(directory: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.to_string_lossy().ends_with(end));
    files.sort();
    Ok(files)
}
