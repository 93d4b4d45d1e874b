//! How the fleet stands, as metrics that are read from the caches when they are asked for.

use std::collections::BTreeMap;

use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::cache::{Cache, Watched};
use crate::wakes::Caches;

/// Counts objects by phase, by reason and by release. There are few values of each, whatever the size
/// of the fleet.
#[derive(Debug)]
pub struct FleetMetrics {
    caches: Caches,
}

impl FleetMetrics {
    /// Of the objects in these caches.
    #[must_use]
    pub fn of(caches: Caches) -> Self {
        Self { caches }
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add(&self.caches.fleets, |fleet| {
            let status = fleet.status.as_ref()?;
            Some((status.phase.map(|phase| phase.to_string()), &*status.conditions, None))
        });
        counts.add(&self.caches.hubs, |hub| {
            let status = hub.status.as_ref()?;
            let release = status.bundle_version.as_deref();
            Some((status.phase.map(|phase| phase.to_string()), &*status.conditions, release))
        });
        counts.add(&self.caches.spokes, |spoke| {
            let status = spoke.status.as_ref()?;
            let release = status.bundle_version.as_deref();
            Some((status.phase.map(|phase| phase.to_string()), &*status.conditions, release))
        });
        counts
    }
}

/// Phase, conditions and release of an object.
type Standing<'a> = (Option<String>, &'a [Condition], Option<&'a str>);

/// Numbers by kind and by one more word.
type Numbers = BTreeMap<(String, String), i64>;

#[derive(Default)]
struct Counts {
    phases: Numbers,
    not_ready: Numbers,
    releases: Numbers,
}

impl Counts {
    fn add<K: Watched>(&mut self, cache: &Cache<K>, standing: fn(&K) -> Option<Standing<'_>>) {
        let kind = K::kind(&()).into_owned();
        let count = |numbers: &mut Numbers, word: &str| {
            *numbers.entry((kind.clone(), word.to_owned())).or_default() += 1;
        };
        for object in cache.select(|_| true) {
            let (phase, conditions, release) = standing(&object).unwrap_or_default();
            count(&mut self.phases, phase.as_deref().unwrap_or("Unknown"));
            let ready = conditions.iter().find(|condition| condition.type_ == condition::READY);
            match ready {
                Some(ready) if ready.status == ConditionStatus::True => {}
                Some(ready) => count(&mut self.not_ready, &ready.reason),
                None => count(&mut self.not_ready, "Unknown"),
            }
            if let Some(release) = release {
                count(&mut self.releases, release);
            }
        }
    }
}

impl Collector for FleetMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Counts { phases, not_ready, releases } = self.count();
        let families = [
            ("objects", "Objects by phase", "phase", phases),
            ("objects_not_ready", "Objects that are not Ready, by the reason they give", "reason", not_ready),
            ("releases", "Hubs and Spokes by the OCM release that they resolved to", "release", releases),
        ];
        for (name, help, label, numbers) in families {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for ((kind, word), number) in &numbers {
                let labels = [("kind", kind.as_str()), (label, word.as_str())];
                let metric: MetricEncoder<'_> = family.encode_family(&labels)?;
                ConstGauge::new(*number).encode(metric)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use fleet_plan::conditions::{Draft, merge};
    use fleetconfig_api::Reason;
    use fleetconfig_api::phase::SpokePhase;
    use fleetconfig_api::v1beta1::{Spoke, SpokeSpec, SpokeStatus};
    use jiff::Timestamp;
    use kube::core::DeserializeGuard;
    use kube::runtime::watcher::Event;

    fn spoke(name: &str, phase: SpokePhase, ready: bool, reason: Reason) -> Spoke {
        let mut spoke = Spoke::new(name, SpokeSpec::default());
        spoke.metadata.namespace = Some("fleet".to_owned());
        let draft = match ready {
            true => Draft::good(condition::READY, reason, ""),
            false => Draft::missing(condition::READY, reason, ""),
        };
        spoke.status = Some(SpokeStatus {
            phase: Some(phase),
            bundle_version: Some("v1.2.1".to_owned()),
            conditions: merge(&[], &[draft], 1, Timestamp::UNIX_EPOCH),
            ..SpokeStatus::default()
        });
        spoke
    }

    fn caches(of: impl IntoIterator<Item = Spoke>) -> Caches {
        let (fleets, _) = Cache::new();
        let (hubs, _) = Cache::new();
        let (spokes, mut writer) = Cache::new();
        writer.apply(Event::Init);
        for object in of {
            writer.apply(Event::InitApply(DeserializeGuard(Ok(object))));
        }
        writer.apply(Event::InitDone);
        Caches { fleets, hubs, spokes }
    }

    /// Something to count of every sort.
    pub(crate) fn one_spoke() -> Caches {
        caches([spoke("a", SpokePhase::Joining, false, Reason::WaitingForCsr)])
    }

    #[test]
    fn the_fleet_is_counted_by_what_it_says_about_itself() {
        let metrics = Metrics::new();
        metrics.collect(FleetMetrics::of(caches([
            spoke("a", SpokePhase::Running, true, Reason::ReconcileSuccess),
            spoke("b", SpokePhase::Joining, false, Reason::WaitingForCsr),
            spoke("c", SpokePhase::Joining, false, Reason::WaitingForCsr),
        ])));
        let text = metrics.encode();
        for line in [
            "fleetconfig_controller_objects{kind=\"Spoke\",phase=\"Joining\"} 2",
            "fleetconfig_controller_objects{kind=\"Spoke\",phase=\"Running\"} 1",
            "fleetconfig_controller_objects_not_ready{kind=\"Spoke\",reason=\"WaitingForCsr\"} 2",
            "fleetconfig_controller_releases{kind=\"Spoke\",release=\"v1.2.1\"} 3",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
