//! What a block of `yaml` in a page is: whole objects, values of the chart, or a part of something.
//!
//! A block that holds no object says so after the fence: `yaml values` or `yaml fragment`. Two need no
//! mark: one whose keys are all values of the chart holds values, and one that is indented throughout is
//! seen to be a part.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::page::{Block, Page, Placed};
use crate::process;

const SCHEMA: &str = "deploy/helm/fleetconfig-controller/values.schema.json";

/// What a block of YAML is.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Objects,
    Values,
    Fragment,
    Unknown,
}

/// What is wrong with the blocks.
pub(super) fn faults(pages: &[Page]) -> Result<Vec<String>> {
    let known = known_values()?;
    let mut found = Vec::new();
    for page in pages {
        for Placed { line, what: block } in &page.blocks {
            if block.info.split_whitespace().next() != Some("yaml") {
                continue;
            }
            let keys = top_level_keys(&block.text);
            match kind(block, &keys, &known) {
                Kind::Objects | Kind::Fragment => {}
                Kind::Values => {
                    let unknown = keys.iter().filter(|key| !known.is_empty() && !known.contains(**key));
                    found.extend(
                        unknown.map(|key| format!("{}: the chart has no value {key}", page.at(*line))),
                    );
                }
                Kind::Unknown => found.push(format!(
                    "{}: a block of yaml without apiVersion; mark it as `yaml values` or `yaml fragment`",
                    page.at(*line)
                )),
            }
        }
    }
    Ok(found)
}

/// The blocks of a page that hold values of the chart.
pub(super) fn values(page: &Page) -> Result<impl Iterator<Item = &Placed<Block>>> {
    let known = known_values()?;
    Ok(page.blocks.iter().filter(move |Placed { what: block, .. }| {
        block.info.split_whitespace().next() == Some("yaml")
            && kind(block, &top_level_keys(&block.text), &known) == Kind::Values
    }))
}

/// Names of the chart's values; none where there is no chart.
fn known_values() -> Result<BTreeSet<String>> {
    let file = process::root().join(SCHEMA);
    if !file.exists() {
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(&file).context("reading the schema of the chart's values")?;
    let schema: Value = serde_json::from_str(&text).context("reading the schema of the chart's values")?;
    let properties = schema.get("properties").and_then(Value::as_object);
    Ok(properties.into_iter().flatten().map(|(name, _)| name.clone()).collect())
}

fn kind(block: &Block, keys: &[&str], known: &BTreeSet<String>) -> Kind {
    let mut lines = block.text.lines().filter(|line| !line.trim().is_empty());
    match block.info.split_whitespace().nth(1) {
        Some("values") => Kind::Values,
        Some("fragment") => Kind::Fragment,
        Some(_) => Kind::Unknown,
        None if keys.contains(&"apiVersion") => Kind::Objects,
        None if !keys.is_empty() && keys.iter().all(|key| known.contains(*key)) => Kind::Values,
        None if lines.all(|line| line.starts_with(' ')) => Kind::Fragment,
        None => Kind::Unknown,
    }
}

/// Keys that begin a line.
fn top_level_keys(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_what_they_say_or_show() {
        let known = BTreeSet::from(["fleetConfig".to_owned(), "replicas".to_owned()]);
        let of = |info: &str, text: &str| {
            let block = Block { info: info.to_owned(), text: text.to_owned() };
            kind(&block, &top_level_keys(text), &known)
        };
        assert_eq!(of("yaml", "apiVersion: v1\nkind: Secret\n"), Kind::Objects);
        assert_eq!(of("yaml", "# note\nfleetConfig:\n  spokes: []\nreplicas: 2\n"), Kind::Values);
        assert_eq!(of("yaml", "fleetConfig: {}\nspec: {}\n"), Kind::Unknown);
        assert_eq!(of("yaml", "- list\n"), Kind::Unknown);
        assert_eq!(of("yaml", "  metadata:\n\n    name: a\n"), Kind::Fragment);
        assert_eq!(of("yaml values", "spec: {}\n"), Kind::Values);
        assert_eq!(of("yaml fragment", "spec: {}\n"), Kind::Fragment);
        assert_eq!(of("yaml nonsense", "spec: {}\n"), Kind::Unknown);
    }
}
