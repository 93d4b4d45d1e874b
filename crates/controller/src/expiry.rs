//! When the credentials of the fleet end, as a metric: what the passes of this process have seen.
//!
//! There is one number for each hub and sort of credential, the one that ends first, whatever the size of
//! the fleet. So no series is named like a spoke, as in the other metrics. A sort of which nothing is
//! known has no number.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleetconfig_api::v1beta1::{Hub, HubRef, Spoke};
use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// The ends that are known; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Expiries {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Of their kubeconfigs.
    hubs: HashMap<ObjectRef<Hub>, Timestamp>,
    spokes: HashMap<ObjectRef<Spoke>, OfSpoke>,
}

#[derive(Debug)]
struct OfSpoke {
    hub: HubRef,
    agent: Option<Timestamp>,
    kubeconfig: Option<Timestamp>,
    bootstrap: Option<Timestamp>,
}

impl Expiries {
    /// The kubeconfig of a Hub ends then; `None`: it does not tell.
    pub fn of_hub(&self, hub: &ObjectRef<Hub>, until: Option<Timestamp>) {
        let mut known = self.lock();
        match until {
            Some(until) => known.hubs.insert(hub.clone(), until),
            None => known.hubs.remove(hub),
        };
    }

    /// The client certificate of a spoke's agent ends then. One that was seen before and lasts longer
    /// counts: Kubernetes forgets an hour after it that a certificate was issued, and the certificate
    /// goes on.
    pub fn of_agent(&self, spoke: &ObjectRef<Spoke>, hub: &HubRef, until: Option<Timestamp>) {
        self.change(spoke, hub, |known| known.agent = known.agent.max(until));
    }

    /// The kubeconfig of a Spoke ends then; `None`: it does not tell, or is not used any more.
    pub fn of_kubeconfig(&self, spoke: &ObjectRef<Spoke>, hub: &HubRef, until: Option<Timestamp>) {
        self.change(spoke, hub, |known| known.kubeconfig = until);
    }

    /// The bootstrap credential of a Spoke ends then; `None`: it has none.
    pub fn of_bootstrap(&self, spoke: &ObjectRef<Spoke>, hub: &HubRef, until: Option<Timestamp>) {
        self.change(spoke, hub, |known| known.bootstrap = until);
    }

    /// The Hub is gone.
    pub fn forget_hub(&self, hub: &ObjectRef<Hub>) {
        self.lock().hubs.remove(hub);
    }

    /// The Spoke is gone or leaves.
    pub fn forget_spoke(&self, spoke: &ObjectRef<Spoke>) {
        self.lock().spokes.remove(spoke);
    }

    fn change(&self, spoke: &ObjectRef<Spoke>, hub: &HubRef, change: impl FnOnce(&mut OfSpoke)) {
        let mut known = self.lock();
        let fresh = || OfSpoke { hub: hub.clone(), agent: None, kubeconfig: None, bootstrap: None };
        let held = known.spokes.entry(spoke.clone()).or_insert_with(fresh);
        if held.hub != *hub {
            *held = fresh();
        }
        change(held);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sort of credential, namespace and name of the hub.
type Series = (&'static str, String, String);

impl Known {
    /// The first end of each sort of each hub.
    fn first_ends(&self) -> BTreeMap<Series, Timestamp> {
        let mut first: BTreeMap<Series, Timestamp> = BTreeMap::new();
        let mut add = |credential, namespace: &str, hub: &str, until: Option<Timestamp>| {
            let Some(until) = until else { return };
            let end = first.entry((credential, namespace.to_owned(), hub.to_owned())).or_insert(until);
            *end = until.min(*end);
        };
        for (hub, until) in &self.hubs {
            add("hub_kubeconfig", hub.namespace.as_deref().unwrap_or_default(), &hub.name, Some(*until));
        }
        for OfSpoke { hub: HubRef { name, namespace }, agent, kubeconfig, bootstrap } in self.spokes.values()
        {
            add("agent_certificate", namespace, name, *agent);
            add("spoke_kubeconfig", namespace, name, *kubeconfig);
            add("bootstrap", namespace, name, *bootstrap);
        }
        first
    }
}

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let first = self.lock().first_ends();
        let mut family = encoder.encode_descriptor(
            "credential_expiry_timestamp",
            "When the first credential of a sort ends, of a hub and its spokes, as far as known, since 1970",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for ((credential, namespace, hub), until) in &first {
            let labels = [("credential", *credential), ("hub_namespace", namespace), ("hub", hub)];
            ConstGauge::new(until.as_second()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn shown(expiries: &Expiries) -> Vec<String> {
        let metrics = Metrics::new();
        metrics.collect(expiries.clone());
        let prefix = "fleetconfig_controller_credential_expiry_timestamp_seconds{";
        let text = metrics.encode();
        text.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn hub() -> HubRef {
        HubRef { name: "h".to_owned(), namespace: "n".to_owned() }
    }

    fn spoke(name: &str) -> ObjectRef<Spoke> {
        ObjectRef::new(name).within("n")
    }

    #[test]
    fn what_ends_first_of_each_hub_is_shown_and_what_is_not_known_is_absent() {
        let expiries = Expiries::default();
        expiries.of_agent(&spoke("a"), &hub(), at(30));
        expiries.of_agent(&spoke("b"), &hub(), at(20));
        expiries.of_agent(&spoke("c"), &hub(), None);
        expiries.of_kubeconfig(&spoke("c"), &hub(), None);
        expiries.of_hub(&ObjectRef::new("h").within("n"), at(10));
        expiries.of_hub(&ObjectRef::new("other").within("n"), None);
        assert_eq!(
            shown(&expiries),
            [
                r#"credential="agent_certificate",hub_namespace="n",hub="h"} 20"#,
                r#"credential="hub_kubeconfig",hub_namespace="n",hub="h"} 10"#,
            ]
        );
        expiries.forget_spoke(&spoke("b"));
        expiries.forget_hub(&ObjectRef::new("h").within("n"));
        assert_eq!(shown(&expiries), [r#"credential="agent_certificate",hub_namespace="n",hub="h"} 30"#]);
    }

    #[test]
    fn a_certificate_outlives_its_request_and_other_credentials_go_when_they_are_gone() {
        let expiries = Expiries::default();
        for until in [at(40), None, at(30)] {
            expiries.of_agent(&spoke("a"), &hub(), until);
            expiries.of_bootstrap(&spoke("a"), &hub(), until);
        }
        assert_eq!(
            shown(&expiries),
            [
                r#"credential="agent_certificate",hub_namespace="n",hub="h"} 40"#,
                r#"credential="bootstrap",hub_namespace="n",hub="h"} 30"#,
            ]
        );
        expiries.of_bootstrap(&spoke("a"), &hub(), None);
        assert_eq!(shown(&expiries).len(), 1);
        let elsewhere = HubRef { name: "other".to_owned(), ..hub() };
        expiries.of_bootstrap(&spoke("a"), &elsewhere, None);
        assert_eq!(shown(&expiries), Vec::<String>::new(), "the certificate was of the hub before");
    }
}
