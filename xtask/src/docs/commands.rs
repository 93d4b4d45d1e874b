//! Commands of ours that a page names exist, and so do their options.
//!
//! What `cargo xtask` has is known from its own definition; what `fleetconfig-controller` has, from the
//! page of its options, which a test compares with the binary's definition.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;

use super::page::Page;
use crate::process;

const OPTIONS: &str = "docs/reference/options.md";
const CONTROLLER: &str = "fleetconfig-controller";

/// What a command takes.
#[derive(Default)]
struct Known {
    /// Options, and whether they take a value.
    options: BTreeMap<String, bool>,
    subcommands: BTreeMap<String, Known>,
    positionals: bool,
    /// Whether what follows is another program's.
    passes_on: bool,
}

/// What is wrong with the commands of the pages.
pub(super) fn faults(pages: &[Page]) -> Result<Vec<String>> {
    let xtask = of_clap(&crate::Arguments::command());
    let text = fs::read_to_string(process::root().join(OPTIONS))
        .with_context(|| format!("reading {OPTIONS}; `cargo xtask codegen` writes it"))?;
    let controller = of_page(&Page::read(Path::new(OPTIONS), &text), &text);
    let mut found = Vec::new();
    let mut check = |place: String, command: &str| {
        for (program, known) in [("cargo xtask", &xtask), (CONTROLLER, &controller)] {
            let words = arguments_of(program, command);
            if let Some(fault) = words.and_then(|words| fault(program, known, &words)) {
                found.push(format!("{place}: `{command}`: {fault}"));
            }
        }
    };
    for page in pages {
        for block in page.blocks.iter().filter(|block| block.what.info.starts_with("console")) {
            for command in commands(&block.what.text) {
                check(page.at(block.line), &command);
            }
        }
        for code in &page.code {
            check(page.at(code.line), &code.what);
        }
    }
    Ok(found)
}

/// The commands of a console block: lines after a prompt, with those that they go on in.
pub(super) fn commands(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let (part, continues) =
            trimmed.strip_suffix('\\').map_or((trimmed, false), |part| (part.trim_end(), true));
        if let Some(command) = part.strip_prefix("$ ") {
            found.push(command.to_owned());
        } else if let (true, Some(last)) = (goes_on, found.last_mut()) {
            last.push(' ');
            last.push_str(part);
        }
        goes_on = continues;
    }
    found
}

/// The words behind a program, if the command runs it.
fn arguments_of<'a>(program: &str, command: &'a str) -> Option<Vec<&'a str>> {
    let command = command.split(" | ").next().unwrap_or(command);
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
        })
    };
    let words: Vec<&str> = words.into_iter().skip_while(is_assignment).collect();
    let rest = match words.as_slice() {
        ["cargo", "xtask", rest @ ..] if program == "cargo xtask" => rest,
        ["cargo", "run", rest @ ..] if program == CONTROLLER && rest.contains(&CONTROLLER) => {
            let end = rest.iter().position(|word| *word == "--")?;
            rest.get(end + 1..)?
        }
        [first, rest @ ..] if program == CONTROLLER && first.rsplit('/').next() == Some(CONTROLLER) => rest,
        _ => return None,
    };
    Some(rest.iter().take_while(|word| !["&&", "||", ";", ">", "&", "#"].contains(*word)).copied().collect())
}

/// What is wrong with the words, if anything is.
fn fault(program: &str, known: &Known, words: &[&str]) -> Option<String> {
    let mut known = known;
    let mut name = program.to_owned();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if known.passes_on || *word == "--" {
            return None;
        }
        let word = word.trim_matches(['[', ']', '"', '\'']);
        if let Some(option) = word.strip_prefix("--") {
            let (option, value) = option.split_once('=').map_or((option, None), |(o, v)| (o, Some(v)));
            if ["help", "version"].contains(&option) {
                continue;
            }
            match known.options.get(option) {
                None => return Some(format!("{name} has no option --{option}")),
                Some(true) if value.is_none() => drop(words.next()),
                Some(_) => {}
            }
        } else if let Some(subcommand) = known.subcommands.get(word) {
            known = subcommand;
            name = format!("{name} {word}");
        } else if !known.subcommands.is_empty() && is_name(word) {
            return Some(format!("{name} has no command {word}"));
        } else if !known.positionals && is_name(word) {
            return Some(format!("{name} takes no {word}"));
        }
    }
    None
}

/// Whether a word is written as a command would be, not as a place for one (`COMMAND`, `…`) or as
/// something else (a version).
fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
}

fn of_clap(command: &clap::Command) -> Known {
    let mut known = Known::default();
    for argument in command.get_arguments() {
        match argument.get_long() {
            Some(long) => {
                known.options.insert(long.to_owned(), argument.get_action().takes_values());
            }
            None => {
                known.positionals = true;
                known.passes_on |= argument.is_trailing_var_arg_set();
            }
        }
    }
    known.subcommands =
        command.get_subcommands().map(|below| (below.get_name().to_owned(), of_clap(below))).collect();
    known
}

/// From the page of options: sections named by the command, tables whose rows begin with an option.
fn of_page(page: &Page, text: &str) -> Known {
    let mut root = Known::default();
    let mut section: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            let below = title.strip_prefix(CONTROLLER).unwrap_or_default().trim();
            section = (!below.is_empty()).then(|| below.to_owned());
            if let Some(name) = &section {
                root.subcommands.entry(name.clone()).or_default();
            }
        }
        let Some(code) = page.code.iter().find(|code| code.line == index + 1) else { continue };
        if let Some(option) = code.what.strip_prefix("--").filter(|_| line.starts_with("| `--")) {
            let (name, value) = option.split_once(' ').map_or((option, false), |(name, _)| (name, true));
            let known = match &section {
                Some(section) => root.subcommands.entry(section.clone()).or_default(),
                None => &mut root,
            };
            known.options.insert(name.to_owned(), value);
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xtask(command: &str) -> Option<String> {
        let known = of_clap(&crate::Arguments::command());
        fault("cargo xtask", &known, &arguments_of("cargo xtask", command).unwrap())
    }

    #[test]
    fn our_own_commands_are_known() {
        for command in [
            "cargo xtask up --spokes 3 --once",
            "FLEETCONFIG_BED_BINARIES=x cargo xtask test --full",
            "cargo xtask test join-two",
            "cargo xtask COMMAND --help",
            "cargo xtask bed exec -- kubectl get nodes",
            "cargo xtask lint && echo done",
            "cargo xtask",
        ] {
            assert_eq!(xtask(command), None, "{command}");
        }
        assert_eq!(xtask("cargo xtask upp").unwrap(), "cargo xtask has no command upp");
        assert_eq!(xtask("cargo xtask up --spoke 3").unwrap(), "cargo xtask up has no option --spoke");
        assert_eq!(xtask("cargo xtask lint everything").unwrap(), "cargo xtask lint takes no everything");
    }

    #[test]
    fn the_controllers_are_read_from_their_page() {
        let text = "## fleetconfig-controller\n\nText.\n\n| option | |\n| --- | --- |\n| `--log FILTER` | `x` |\n\n## fleetconfig-controller install-crds\n\n| option |\n| --- |\n| `--force` |\n";
        let known = of_page(&Page::read(Path::new(OPTIONS), text), text);
        let of = |command: &str| fault(CONTROLLER, &known, &arguments_of(CONTROLLER, command)?);
        assert_eq!(of("fleetconfig-controller --log debug"), None);
        assert_eq!(of("/fleetconfig-controller install-crds --force"), None);
        assert_eq!(of("cargo run --release -p fleetconfig-controller -- --log debug"), None);
        assert_eq!(of("helm install fleetconfig-controller --wrong"), None);
        assert_eq!(of("fleetconfig-controller 0.3.5"), None);
        assert!(of("fleetconfig-controller --force").is_some());
        assert!(of("fleetconfig-controller remove-crds").is_some());
        assert!(of("cargo run -p fleetconfig-controller -- --wrong").is_some());
        assert!(of("fleetconfig-controller install-crds --log x").is_some());
    }

    #[test]
    fn a_command_may_go_on_in_the_next_line() {
        let text = "$ one \\\n    --two\noutput\n$ three\n";
        assert_eq!(commands(text), ["one --two", "three"]);
    }
}
