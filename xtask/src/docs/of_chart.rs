//! What pages tell users to give to the chart: the options of `helm install` and `helm upgrade`, and
//! blocks of values. `cargo xtask chart` renders the chart with each of them.

use anyhow::Result;

use super::commands::commands;
use super::page::{Page, Placed};
use super::snippets;

const CHART: &str = "deploy/helm/fleetconfig-controller";

/// What one place of a page gives to the chart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// Page and line, for a message.
    pub(crate) place: String,
    /// `--set …` and the like, as words.
    pub(crate) options: Vec<String>,
    /// The text of a file of values.
    pub(crate) values: Option<String>,
}

/// All of them, in the order of the pages.
pub(super) fn given(pages: &[Page]) -> Result<Vec<Given>> {
    let mut found = Vec::new();
    for page in pages {
        for Placed { line, what: block } in page.blocks.iter().filter(|b| b.what.info.starts_with("console"))
        {
            let of_helm = commands(&block.text).into_iter().filter_map(|command| options(&command));
            found.extend(of_helm.map(|options| Given { place: page.at(*line), options, values: None }));
        }
        found.extend(snippets::values(page)?.map(|Placed { line, what: block }| Given {
            place: page.at(*line),
            options: Vec::new(),
            values: Some(block.text.clone()),
        }));
    }
    Ok(found)
}

/// The values that a command gives to our chart; `None` if it is no such command. What is about a
/// cluster or about files of the reader's is left out, and words in capitals are made a value.
fn options(command: &str) -> Option<Vec<String>> {
    let mut words = command.split_whitespace();
    let subcommand = (words.next() == Some("helm")).then(|| words.next()).flatten()?;
    if !["install", "upgrade", "template"].contains(&subcommand) || !command.contains(CHART) {
        return None;
    }
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        if word.starts_with("--set") {
            options.push(word.to_owned());
            if !word.contains('=') {
                options.extend(words.next().map(filled));
            }
        }
    }
    Some(options)
}

/// `REGISTRY/name` with a registry.
fn filled(word: &str) -> String {
    word.replace("REGISTRY", "registry.example.com").replace("DIGEST", &"0".repeat(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_sets_is_taken_and_nothing_else() {
        let of = |command: &str| options(command);
        assert_eq!(
            of(
                "helm upgrade --install a deploy/helm/fleetconfig-controller -n b --set image.repository=REGISTRY/x --set a.b=1 -f FILE"
            ),
            Some(
                ["--set", "image.repository=registry.example.com/x", "--set", "a.b=1"]
                    .map(str::to_owned)
                    .to_vec()
            )
        );
        assert_eq!(of("helm install a deploy/helm/fleetconfig-controller"), Some(Vec::new()));
        assert_eq!(of("helm install a other/chart --set a=b"), None);
        assert_eq!(of("helm uninstall fleetconfig-controller"), None);
        assert_eq!(of("kubectl get hub"), None);
    }
}
