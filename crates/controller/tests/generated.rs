//! The committed pages of the book about options and metrics say what this binary has.
//!
//! `cargo xtask codegen` writes them anew: it runs these tests with `UPDATE_PAGES` set.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the whole file is tests, told by the environment whether to write or to compare"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::{Arg, Command, CommandFactory};
use fleetconfig_controller::cli::Cli;
use fleetconfig_controller::metrics::Metrics;

/// Writes a page below `docs/reference`, or compares it.
fn put(name: &str, text: &str) {
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
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('<', "&lt;").replace('|', "\\|")
}

#[test]
fn the_generated_page_of_the_options_is_current() {
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
    text.push_str(&format!("\n## {title}\n\n{}\n", about.to_string().replace('<', "&lt;")));
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
        let mut help = option.get_long_help().or_else(|| option.get_help()).unwrap().to_string();
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

/// Metrics that have all been counted, because a family without a member is not shown.
fn counted() -> Metrics {
    let metrics = Metrics::new();
    metrics.pass_ended("Hub", "Succeeded", Duration::from_secs(1));
    metrics.panicked("Hub");
    metrics.queue("Hub", 1, 1);
    metrics.watch_failed("hubs");
    metrics.event_dropped();
    metrics.set_leading(true);
    metrics
}

#[derive(Default)]
struct Shown {
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// What an OpenMetrics text says about each metric.
fn shown(exposition: &str) -> BTreeMap<String, Shown> {
    let mut metrics: BTreeMap<String, Shown> = BTreeMap::new();
    for line in exposition.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                metrics.entry(name.to_owned()).or_default().help = help.to_owned();
            }
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
            }
            (Some("#"), ..) => {}
            _ => {
                let Some((sample, labels)) = line.split_once('{') else { continue };
                // The longest name that the sample begins with: it may have a suffix.
                let metric = metrics.iter_mut().rev().find(|(name, _)| sample.starts_with(name.as_str()));
                let (_, metric) = metric.unwrap_or_else(|| panic!("{sample} has no metric"));
                let labels = labels.split_once('}').unwrap().0;
                metric.labels = labels
                    .split(',')
                    .filter_map(|label| label.split_once('='))
                    .map(|(label, _)| label.to_owned())
                    .filter(|label| label != "le")
                    .collect();
            }
        }
    }
    metrics
}

#[test]
fn the_generated_page_of_the_metrics_is_current() {
    let mut text = "<!-- Written by `cargo xtask codegen` from crates/controller/src/metrics.rs. -->\n\n\
        # Metrics\n\n\
        `/metrics` at `--http-address` ([options](options.md)) is OpenMetrics. Each replica counts for \
        itself; only the one that leads works on objects. A metric with labels shows once there is \
        something to count. `kind` is `FleetConfig`, `Hub` or `Spoke`; `result` is `Succeeded` or a \
        [reason](reasons.md).\n\n\
        | metric | type | labels | |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for (name, metric) in shown(&counted().encode()) {
        let suffix = if metric.kind == "counter" { "_total" } else { "" };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        text.push_str(&format!(
            "| `{name}{suffix}` | {} | {} | {} |\n",
            metric.kind,
            labels.join(", "),
            cell(&metric.help)
        ));
    }
    text.push_str("\nA histogram is `…_bucket` (label `le`, in seconds), `…_sum` and `…_count`.\n");
    put("metrics.md", &text);
}

#[test]
fn the_generated_page_of_the_metrics_has_all_that_are_registered() {
    let metrics = counted();
    // The registry tells what it holds to `Debug` alone.
    let debug = format!("{metrics:?}");
    let registered: Vec<&str> = debug
        .split("Descriptor { name: \"")
        .skip(1)
        .filter_map(|descriptor| descriptor.split('"').next())
        .collect();
    assert!(!registered.is_empty(), "{debug}");
    let shown = shown(&metrics.encode());
    let missing: Vec<&&str> = registered
        .iter()
        .filter(|name| {
            let name = format!("fleetconfig_controller_{name}");
            !shown.keys().any(|shown| *shown == name || shown.strip_prefix(&name) == Some("_seconds"))
        })
        .collect();
    assert!(missing.is_empty(), "`counted` does not count {missing:?}, so the page does not have them");
}
