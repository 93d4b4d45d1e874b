//! The committed pages of the book about this binary say what it has: options here, metrics in
//! `metrics/generated.rs`.
//!
//! `cargo xtask codegen` writes them anew: it runs these tests with `UPDATE_PAGES` set.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the whole module is tests, told by the environment whether to write or to compare"
)]

use std::fs;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use crate::cli::Cli;

/// Writes a page below `docs/reference`, or compares it.
pub(crate) fn put(name: &str, text: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let file = directory.join(name);
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::create_dir_all(&directory).unwrap();
        fs::write(&file, text).unwrap();
    } else {
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "docs/reference/{name} is out of date; run `cargo xtask codegen`");
    }
}

/// Prose in a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('<', "&lt;").replace('|', "\\|")
}

#[test]
fn the_page_of_the_options_is_current() {
    let mut text = "<!-- Written by `cargo xtask codegen` from crates/controller/src/cli.rs. -->\n\n\
        # Options\n\n\
        Every option can be given by an environment variable too; the command line wins. `--help` says the same.\n"
        .to_owned();
    let mut command = Cli::command();
    command.build();
    describe(&command, command.get_name(), &mut text);
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        describe(subcommand, &format!("{} {}", command.get_name(), subcommand.get_name()), &mut text);
    }
    put("options.md", &text);
}

/// A section about a command. `cargo xtask docs` reads it: title, and first column of the table.
fn describe(command: &Command, title: &str, text: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about()).unwrap();
    let about = about.to_string().replace('<', "&lt;");
    text.push_str(&format!("\n## {title}\n\n{}.\n", about.trim_end_matches('.')));
    let options: Vec<&Arg> = command
        .get_arguments()
        .filter(|option| !["help", "version"].contains(&option.get_id().as_str()))
        .collect();
    if options.is_empty() {
        return;
    }
    text.push_str("\n| option | variable | default | |\n| --- | --- | --- | --- |\n");
    for option in options {
        let value = option.get_value_names().filter(|_| option.get_action().takes_values());
        let name = match (option.get_long(), value) {
            (Some(long), Some([value])) => format!("--{long} {value}"),
            (Some(long), _) => format!("--{long}"),
            (None, _) => panic!("{} is no option", option.get_id()),
        };
        let variable = option.get_env().map(|variable| format!("`{}`", variable.to_string_lossy()));
        let defaults: Vec<_> =
            option.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match (option.is_required_set(), defaults.is_empty()) {
            (true, _) => "**required**".to_owned(),
            (false, true) => String::new(),
            (false, false) => format!("`{}`", defaults.join(",")),
        };
        // clap takes the last full stop away.
        let help = option.get_long_help().or_else(|| option.get_help()).unwrap().to_string();
        let mut help = format!("{}.", help.trim_end_matches('.'));
        let words: Vec<String> = option
            .get_possible_values()
            .iter()
            .filter(|word| !word.is_hide_set() && !["true", "false"].contains(&word.get_name()))
            .map(|word| format!("`{}`", word.get_name()))
            .collect();
        if !words.is_empty() {
            help.push_str(&format!(" One of {}.", words.join(", ")));
        }
        text.push_str(&format!(
            "| `{}` | {} | {default} | {} |\n",
            name.replace('|', "\\|"),
            variable.unwrap_or_default(),
            cell(&help)
        ));
    }
}
