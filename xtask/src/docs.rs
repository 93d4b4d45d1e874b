//! Checks of the documentation, without a network: links, snippets, commands; and the book itself.
//!
//! Objects of our kinds in snippets are checked against the schemas by the tests of `fleetconfig-api`.

mod book;
pub(crate) mod chart_values;
mod commands;
mod links;
mod of_chart;
mod page;
mod snippets;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{prerequisites, process};
pub(crate) use of_chart::Given;
use page::Page;

/// Options of `docs`.
#[derive(Args)]
pub(crate) struct Docs {
    /// Only what takes no compiler: links, commands, kinds of snippets, and the book.
    #[arg(long)]
    quick: bool,
}

impl Docs {
    /// What lint runs. The tests that the rest consists of are part of `cargo xtask test`.
    pub(crate) fn quick() -> Self {
        Self { quick: true }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let pages = pages()?;
        let mut faults = links::faults(&pages);
        faults.extend(links::unlisted(&pages));
        faults.extend(snippets::faults(&pages)?);
        faults.extend(commands::faults(&pages)?);
        if !faults.is_empty() {
            bail!("documentation:\n  {}", faults.join("\n  "));
        }
        eprintln!("documentation: links, snippets and commands of {} pages hold", pages.len());
        book::build(&pages)?;
        if self.quick {
            return Ok(());
        }
        prerequisites::for_builds()?;
        process::run(process::cargo().args(["test", "--locked", "-p", "fleetconfig-api", "documented"]))
    }
}

/// What the pages tell users to give to the chart.
pub(crate) fn given_to_the_chart() -> Result<Vec<Given>> {
    of_chart::given(&pages()?)
}

/// Every page: README, CONTRIBUTING, and the book.
fn pages() -> Result<Vec<Page>> {
    let root = process::root();
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    markdown_below(&root.join("docs"), &mut files)?;
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            Ok(Page::read(file.strip_prefix(&root).unwrap_or(file), &text))
        })
        .collect()
}

fn markdown_below(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            markdown_below(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}
