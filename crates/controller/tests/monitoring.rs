//! Alerts and dashboard of the chart speak of metrics that the process exposes, with labels that they
//! have, and each alert has a page in the runbooks.
//!
//! What the process exposes is taken from the book's page of metrics: a test of this crate writes it from
//! the process's own registry, and fails when it is not current or lacks a metric.

#![allow(clippy::panic, reason = "the whole file is tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fleetconfig_api::Reason;
use serde_json::Value;

const PREFIX: &str = "fleetconfig_controller_";

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}

/// The labels of each sample that the process exposes, by the sample's name.
fn exposed() -> BTreeMap<String, BTreeSet<String>> {
    let page = read("docs/reference/metrics.md");
    let mut samples = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let mut cell =
            || cells.next().unwrap_or_else(|| panic!("the page of metrics has another form: {row}"));
        let (name, kind, labels) = (cell(), cell(), cell());
        let name = name.trim_matches('`');
        let mut labels: BTreeSet<String> = labels
            .split(", ")
            .map(|label| label.trim_matches('`').to_owned())
            .filter(|label| !label.is_empty())
            .collect();
        if kind == "histogram" {
            samples.insert(format!("{name}_sum"), labels.clone());
            samples.insert(format!("{name}_count"), labels.clone());
            labels.insert("le".to_owned());
            samples.insert(format!("{name}_bucket"), labels);
        } else {
            samples.insert(name.to_owned(), labels);
        }
    }
    samples
}

/// The samples of ours that an expression names, each with the labels that it selects by.
fn named(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(PREFIX) {
        let Some(rest) = text.get(at..) else { continue };
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let selector =
            after.strip_prefix('{').and_then(|after| after.split_once('}')).map(|(inside, _)| inside);
        // A comma inside of a value has no equals sign behind it.
        let labels = selector.unwrap_or_default().split(',').filter_map(|part| part.split_once(['=', '!']));
        found.push((name.to_owned(), labels.map(|(label, _)| label.trim().to_owned()).collect()));
    }
    found
}

#[test]
fn alerts_and_dashboard_name_only_what_is_exposed() {
    let exposed = exposed();
    assert!(exposed.len() > 10, "the page of metrics has almost none: {exposed:?}");
    // Prometheus itself knows these.
    let of_the_scrape = ["namespace", "pod", "job", "instance"];
    for file in ["files/alerts.yaml", "files/dashboard.json"] {
        let named = named(&read(&format!("deploy/helm/fleetconfig-controller/{file}")));
        assert!(!named.is_empty(), "{file} names no metric");
        for (name, labels) in named {
            let Some(known) = exposed.get(&name) else { panic!("{file} names {name}, which is not exposed") };
            for label in labels {
                assert!(
                    known.contains(&label) || of_the_scrape.contains(&label.as_str()),
                    "{file} selects {name} by {label}; it has {known:?}"
                );
            }
        }
    }
}

#[test]
fn reasons_that_alerts_and_dashboard_select_are_in_the_catalogue() {
    let mut words = 0;
    for file in ["files/alerts.yaml", "files/dashboard.json"] {
        let text = read(&format!("deploy/helm/fleetconfig-controller/{file}")).replace('\\', "");
        for (at, matched) in text.match_indices("reason=") {
            let value = text
                .get(at + matched.len()..)
                .and_then(|rest| rest.trim_start_matches('~').strip_prefix('"'));
            let (value, _) = value.and_then(|value| value.split_once('"')).unwrap_or_default();
            for word in value.split('|') {
                assert!(
                    word.parse::<Reason>().is_ok(),
                    "{file} selects the reason {word:?}, which there is not"
                );
                words += 1;
            }
        }
    }
    assert!(words > 1, "no reason was found");
}

#[test]
fn every_metric_is_in_the_dashboard() {
    let shown: BTreeSet<String> = named(&read("deploy/helm/fleetconfig-controller/files/dashboard.json"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let families: BTreeSet<&str> = ["_bucket", "_count", "_sum"].into();
    let family = |sample: &str| {
        let suffix = families.iter().find(|suffix| sample.ends_with(**suffix));
        suffix.and_then(|suffix| sample.strip_suffix(suffix)).unwrap_or(sample).to_owned()
    };
    let shown: BTreeSet<String> = shown.iter().map(|sample| family(sample)).collect();
    let missing: BTreeSet<String> =
        exposed().keys().map(|sample| family(sample)).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

#[test]
fn each_alert_has_its_page_of_the_runbooks_and_each_page_its_alert() {
    let alerts = read("deploy/helm/fleetconfig-controller/files/alerts.yaml");
    let after = |prefix: &str, suffix: &str, text: &str| -> BTreeSet<String> {
        let line = |line: &str| Some(line.trim().strip_prefix(prefix)?.strip_suffix(suffix)?.to_owned());
        text.lines().filter_map(line).collect()
    };
    let names = after("- alert: ", "", &alerts);
    assert!(!names.is_empty(), "there is no alert");
    assert_eq!(after("runbook_url: RUNBOOKS/", ".md", &alerts), names);
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbooks");
    let pages = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{error}"));
    let pages: BTreeSet<String> =
        pages.filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned)).collect();
    assert_eq!(pages, names);
    for name in &names {
        assert!(read(&format!("docs/runbooks/{name}.md")).starts_with(&format!("# {name}\n")));
    }
}

/// Expressions are PromQL: an alert that cannot be parsed makes Prometheus refuse all of them.
#[test]
fn every_expression_is_promql() {
    let alerts = read("deploy/helm/fleetconfig-controller/files/alerts.yaml");
    let of_alerts = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned);
    let dashboard: Value =
        serde_json::from_str(&read("deploy/helm/fleetconfig-controller/files/dashboard.json"))
            .unwrap_or_else(|error| panic!("{error}"));
    let mut of_dashboard = Vec::new();
    expressions(&dashboard, &mut of_dashboard);
    assert!(!of_dashboard.is_empty(), "the dashboard has no expression");
    for expression in of_alerts.chain(of_dashboard) {
        // Grafana fills these in.
        let expression = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
        if let Err(error) = promql_parser::parser::parse(&expression) {
            panic!("{expression}: {error}");
        }
    }
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}
