//! The page of the chart's values: the tables of the chart's README, which are made from `values.yaml`.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process;

const README: &str = "deploy/helm/fleetconfig-controller/README.md";
const PAGE: &str = "docs/reference/chart-values.md";

/// How the tables begin and end in the README.
const BEGIN: &str = "<!-- Values:";
const END: &str = "<!-- End of the values.";

/// Writes the page, or compares it. Where there is no chart there is nothing to do.
pub(crate) fn generate(update: bool) -> Result<()> {
    let readme = process::root().join(README);
    if !readme.exists() {
        return Ok(());
    }
    let text = page(&fs::read_to_string(&readme).with_context(|| format!("reading {README}"))?)?;
    let file = process::root().join(PAGE);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if !update {
        bail!("{PAGE} is out of date; run `cargo xtask codegen`");
    }
    fs::write(&file, text).with_context(|| format!("writing {PAGE}"))
}

fn page(readme: &str) -> Result<String> {
    let tables = readme.split_once(BEGIN).and_then(|(_, rest)| rest.split_once("-->\n"));
    let tables = tables.and_then(|(_, rest)| rest.split_once(END));
    let (tables, _) = tables.with_context(|| format!("{README} has no tables of values"))?;
    // Headings of the third level stand below one of the second there, and below the title here.
    let tables = tables.replace("\n### ", "\n## ");
    Ok(format!(
        "<!-- Written by `cargo xtask codegen` from the chart's values.yaml. -->\n\n# Chart values\n\n\
         Values of `deploy/helm/fleetconfig-controller`. One that does not exist, or has the wrong type, is \
         refused. [Install](../install.md) tells what to set for what; \
         [Migrate from upstream](../migrate-from-upstream.md#values-that-mean-something-else-or-nothing) lists \
         those that mean something else than upstream's.\n\n{}\n",
        tables.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_become_a_page() {
        let readme = "# Chart\n\n## Values\n\n<!-- Values: written -->\n\n### One\n\n| value |\n\n<!-- End of the values. -->\ntail\n";
        let page = page(readme).unwrap();
        assert!(page.starts_with("<!-- Written"), "{page}");
        assert!(page.ends_with("upstream's.\n\n## One\n\n| value |\n"), "{page}");
        assert!(super::page("# Chart\n").is_err());
    }
}
