//! Alerts and dashboard of the chart speak of metrics that the process exposes, and each alert has a
//! page in the runbooks.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use fleetconfig_controller::metrics::Metrics;

const PREFIX: &str = "fleetconfig_controller_";

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| format!("{}: {error}", path.display()))
}

/// The names of our metrics that stand in a text.
fn named(text: &str) -> BTreeSet<String> {
    let names = text.match_indices(PREFIX).filter_map(|(at, _)| {
        let name = text.get(at..)?;
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        name.get(..end).map(str::to_owned)
    });
    names.collect()
}

/// The names of the samples that the process exposes once it has counted everything.
fn exposed() -> BTreeSet<String> {
    let metrics = Metrics::new();
    metrics.pass_ended("Hub", "Succeeded", Duration::from_secs(1));
    metrics.panicked("Hub");
    metrics.queue("Hub", 1, 1);
    metrics.watch_failed("Hub");
    metrics.event_dropped();
    metrics.set_leading(true);
    let text = metrics.encode();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.flat_map(|line| named(line.split(['{', ' ']).next().unwrap_or_default())).collect()
}

#[test]
fn alerts_and_dashboard_name_only_what_is_exposed() {
    let exposed = exposed();
    for file in ["files/alerts.yaml", "files/dashboard.json"] {
        let named = named(&read(&format!("deploy/helm/fleetconfig-controller/{file}")));
        assert!(!named.is_empty(), "{file} names no metric");
        let unknown: Vec<_> = named.difference(&exposed).collect();
        assert!(unknown.is_empty(), "{file} names what is not exposed: {unknown:?}\nexposed: {exposed:?}");
    }
}

#[test]
fn each_alert_has_its_section_of_the_runbooks_and_each_section_its_alert() {
    let alerts = read("deploy/helm/fleetconfig-controller/files/alerts.yaml");
    let after = |prefix: &str, text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let names = after("- alert: ", &alerts);
    assert!(!names.is_empty(), "there is no alert");
    assert_eq!(names, after("## ", &read("docs/runbooks.md")));
    let linked = after("runbook_url: RUNBOOKS#", &alerts);
    assert_eq!(linked, names.iter().map(|name| name.to_ascii_lowercase()).collect());
}
