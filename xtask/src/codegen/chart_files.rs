//! Files of the chart that are made of others: the copies of `deploy/rbac`, and the tables of values
//! in its README.

use std::fs;

use anyhow::{Context, Result, bail};

use super::Written;
use crate::process;

const CHART: &str = "deploy/helm/fleetconfig-controller";

/// Between these lines of the README stand the tables.
const BEGIN: &str = "<!-- Values: written by `cargo xtask codegen` from values.yaml. -->\n";
const END: &str = "<!-- End of the values. -->\n";

pub(super) fn generate(written: &Written) -> Result<()> {
    let chart = process::root().join(CHART);
    let rules = process::root().join("deploy/rbac");
    for entry in fs::read_dir(&rules).context("reading deploy/rbac")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            written.put(&chart.join("rbac").join(name), &text)?;
        }
    }
    let values = fs::read_to_string(chart.join("values.yaml")).context("reading values.yaml")?;
    let readme = fs::read_to_string(chart.join("README.md")).context("reading the chart's README")?;
    let (head, rest) = readme.split_once(BEGIN).context("the chart's README has no place for values")?;
    let (_, tail) = rest.split_once(END).context("the chart's README has no end of the values")?;
    written.put(&chart.join("README.md"), &format!("{head}{BEGIN}{}{END}{tail}", tables(&values)?))
}

/// One table for each `# @section`, one row for each value with a `# --` comment.
fn tables(values: &str) -> Result<String> {
    let mut text = String::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut comment: Option<String> = None;
    let lines: Vec<&str> = values.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        if let Some(title) = trimmed.strip_prefix("# @section ") {
            text.push_str(&format!("\n### {title}\n\n| value | default | |\n| --- | --- | --- |\n"));
        } else if let Some(first) = trimmed.strip_prefix("# -- ") {
            comment = Some(first.to_owned());
        } else if let Some(more) = trimmed.strip_prefix("# ") {
            if let Some(comment) = &mut comment {
                comment.push(' ');
                comment.push_str(more);
            }
        } else if let Some((key, value)) = trimmed.split_once(':') {
            if trimmed.starts_with('-') {
                continue;
            }
            let indent = line.len() - trimmed.len();
            path.retain(|(other, _)| *other < indent);
            path.push((indent, key));
            if let Some(comment) = comment.take() {
                let name = path.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
                let below = lines.get(number + 1..).unwrap_or_default();
                let default = default(value.trim(), below, indent);
                text.push_str(&format!("| `{name}` | {default} | {} |\n", comment.replace('|', "\\|")));
            }
        }
        if trimmed.is_empty() && comment.is_some() {
            bail!("values.yaml, line {}: a comment that describes nothing", number + 1);
        }
    }
    text.push('\n');
    Ok(text)
}

/// A default as it is written, if it stands on the line of its key; else its lines in one.
fn default(value: &str, below: &[&str], indent: usize) -> String {
    if !value.is_empty() {
        return format!("`{value}`");
    }
    let deeper = |line: &&&str| line.len() - line.trim_start().len() > indent && !line.trim().is_empty();
    let block: Vec<&str> = below.iter().take_while(deeper).copied().collect();
    if block.iter().any(|line| line.trim_start().starts_with('-')) || block.len() > 6 {
        return "see values.yaml".to_owned();
    }
    let shown: Vec<String> = block.iter().map(|line| format!("`{}`", line.trim())).collect();
    shown.join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_rows_with_their_whole_path() {
        let values = "# @section One\n\na:\n  # -- First,\n  # in two lines.\n  b: 1\n  # not described\n  c:\n    # -- Deep.\n    d: {}\n# -- Block.\ne:\n  f: g\n  h: [i]\n# -- List.\nj:\n  - k: l\n";
        let rows: Vec<String> = tables(values)
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(str::to_owned)
            .collect();
        assert_eq!(
            rows,
            [
                "| `a.b` | `1` | First, in two lines. |",
                "| `a.c.d` | `{}` | Deep. |",
                "| `e` | `f: g`<br>`h: [i]` | Block. |",
                "| `j` | see values.yaml | List. |",
            ]
        );
    }

    #[test]
    fn a_comment_that_describes_nothing_is_an_error() {
        assert!(tables("# -- Lost.\n\na: 1\n").unwrap_err().to_string().contains("line 2"));
    }
}
