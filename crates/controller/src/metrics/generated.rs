//! The page of the book about the metrics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the whole module is tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use cluster_access::Call;
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use super::{ClusterRole, Metrics};
use crate::expiry::Expiries;
use crate::fleet_metrics::FleetMetrics;
use crate::fleet_metrics::tests::one_spoke;
use crate::generated::{cell, put};

/// Metrics that have all been counted, because a family without a member is not shown.
fn counted() -> Metrics {
    let metrics = Metrics::new();
    metrics.pass_ended("Hub", "Succeeded", Duration::from_secs(1));
    metrics.panicked("Hub");
    metrics.queue("Hub", 1, 1);
    metrics.watch_failed("hubs");
    metrics.event_dropped();
    metrics.set_leading(true);
    metrics.calls_to(ClusterRole::Home).tell(&Call {
        method: &http::Method::GET,
        took: Duration::from_secs(1),
        failure: None,
    });
    metrics.joined(Duration::from_secs(1));
    metrics.csr_refused("Requester");
    metrics.webhook_asked("/", "allowed", Duration::from_secs(1));
    metrics.webhook_certificates(Some(Timestamp::UNIX_EPOCH), None);
    metrics.collect(FleetMetrics::of(one_spoke()));
    let expiries = Expiries::default();
    expiries.of_hub(&ObjectRef::new("hub").within("fleet"), Some(Timestamp::UNIX_EPOCH));
    metrics.collect(expiries);
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
fn the_page_of_the_metrics_is_current() {
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
fn the_page_of_the_metrics_has_all_that_are_registered() {
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
