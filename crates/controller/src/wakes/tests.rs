//! Which changes wake whom.

use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::cache::{CacheState, CacheWriter, Entry};

struct Bench {
    wakes: Wakes,
    fleets: CacheWriter<FleetConfig>,
    hubs: CacheWriter<Hub>,
    spokes: CacheWriter<Spoke>,
}

fn parsed<K: Watched>(object: Value) -> DeserializeGuard<K> {
    let object: DeserializeGuard<K> = serde_json::from_value(object).unwrap();
    object.0.as_ref().expect("a valid object");
    object
}

fn hub(name: &str, version: u32) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "n", "uid": name, "generation": 1,
            "resourceVersion": version.to_string(),
            "ownerReferences": [{"apiVersion": "fleetconfig.open-cluster-management.io/v1alpha1",
                "kind": "FleetConfig", "name": "fleet", "uid": "f"}]},
        "spec": {"kubeconfig": {"inCluster": true}},
    })
}

/// A Spoke of the Hub `hub` that has resolved its managed cluster's name, or not.
fn spoke(name: &str, hub: &str, managed_cluster: Option<&str>) -> Value {
    let mut spoke = json!({
        "metadata": {"name": name, "namespace": "s", "uid": name, "generation": 1, "resourceVersion": "1"},
        "spec": {"hubRef": {"name": hub, "namespace": "n"}, "kubeconfig": {"inCluster": true}},
    });
    if let Some(managed_cluster) = managed_cluster {
        spoke["status"] = json!({"managedClusterName": managed_cluster});
    }
    spoke
}

impl Bench {
    /// Two Hubs, `h` and `g`; of `h` the Spokes `a` and `b`, of `g` the Spoke `c`.
    fn new() -> Self {
        let (fleets, fleet_writer) = Cache::new();
        let (hubs, mut hub_writer) = Cache::new();
        let (spokes, mut spoke_writer) = Cache::new();
        for name in ["g", "h"] {
            hub_writer.apply(Event::Apply(parsed(hub(name, 1))));
        }
        for (name, hub, cluster) in [("a", "h", Some("a")), ("b", "h", None), ("c", "g", Some("a"))] {
            spoke_writer.apply(Event::Apply(parsed(spoke(name, hub, cluster))));
        }
        let caches = Caches { fleets, hubs, spokes };
        Self {
            wakes: Wakes { caches, queues: Queues::default() },
            fleets: fleet_writer,
            hubs: hub_writer,
            spokes: spoke_writer,
        }
    }

    /// Who has been woken, as `kind name`, sorted; nobody is woken afterwards.
    fn woken(&self) -> Vec<String> {
        fn drain<K: Watched>(queue: &Queue<ObjectRef<K>>) -> Vec<String> {
            let mut work = queue.lock();
            let now = tokio::time::Instant::now();
            let mut woken = Vec::new();
            while let Some(key) = work.take() {
                woken.push(format!("{} {}", K::kind(&()), key.name));
                work.finish(key, None, now);
            }
            woken.sort();
            woken
        }
        let queues = &self.wakes.queues;
        [drain(&queues.fleets), drain(&queues.hubs), drain(&queues.spokes)].concat()
    }
}

#[test]
fn a_fleet_wakes_itself_but_not_by_its_status() {
    let mut bench = Bench::new();
    let fleet = |version: u32, generation: u32| {
        let object = json!({
            "metadata": {"name": "fleet", "namespace": "n", "uid": "f", "generation": generation,
                "resourceVersion": version.to_string()},
            "spec": {"hub": {"kubeconfig": {"inCluster": true}}, "spokes": []},
        });
        Event::Apply(parsed(object))
    };
    for (version, generation, expected) in
        [(1, 1, vec!["FleetConfig fleet"]), (2, 1, vec![]), (3, 2, vec!["FleetConfig fleet"])]
    {
        for change in bench.fleets.apply(fleet(version, generation)) {
            bench.wakes.fleet_changed(&change);
        }
        assert_eq!(bench.woken(), expected, "version {version}");
    }
}

#[test]
fn a_hub_wakes_its_fleet_and_its_spokes() {
    let mut bench = Bench::new();
    for change in bench.hubs.apply(Event::Apply(parsed(hub("h", 2)))) {
        bench.wakes.hub_changed(&change);
    }
    assert_eq!(bench.woken(), ["FleetConfig fleet", "Spoke a", "Spoke b"], "by its status, not itself");

    let mut changed = hub("h", 3);
    changed["metadata"]["generation"] = 2.into();
    for change in bench.hubs.apply(Event::Apply(parsed(changed))) {
        bench.wakes.hub_changed(&change);
    }
    assert_eq!(bench.woken(), ["FleetConfig fleet", "Hub h", "Spoke a", "Spoke b"]);

    for change in bench.hubs.apply(Event::Delete(parsed(hub("h", 4)))) {
        bench.wakes.hub_changed(&change);
    }
    let expected = ["FleetConfig fleet", "Hub g", "Hub h", "Spoke a", "Spoke b"];
    assert_eq!(bench.woken(), expected, "and a Hub that may have waited for its cluster");
}

#[test]
fn a_spoke_wakes_the_hubs_that_it_names_and_has_named() {
    let mut bench = Bench::new();
    let mut status = spoke("a", "h", Some("a"));
    status["metadata"]["resourceVersion"] = "2".into();
    for change in bench.spokes.apply(Event::Apply(parsed(status))) {
        bench.wakes.spoke_changed(&change);
    }
    assert_eq!(bench.woken(), [""; 0], "a status concerns nobody but its fleet, which it has not");

    let mut moved = spoke("a", "g", Some("a"));
    moved["metadata"]["resourceVersion"] = "3".into();
    moved["metadata"]["generation"] = 2.into();
    for change in bench.spokes.apply(Event::Apply(parsed(moved.clone()))) {
        bench.wakes.spoke_changed(&change);
    }
    assert_eq!(bench.woken(), ["Hub g", "Hub h", "Spoke a"]);

    for change in bench.spokes.apply(Event::Delete(parsed(moved))) {
        bench.wakes.spoke_changed(&change);
    }
    assert_eq!(bench.woken(), ["Hub g", "Spoke a"]);
}

fn changed<K: Watched>(before: Option<Value>, after: Option<Value>, name: &str) -> Signal<K> {
    let entry = |object| Entry::Valid(std::sync::Arc::new(parsed::<K>(object).0.unwrap()));
    Signal::Changed(Change { key: ObjectRef::new(name), before: before.map(entry), after: after.map(entry) })
}

#[test]
fn a_hub_cluster_wakes_the_spokes_of_the_hubs_that_hold_it() {
    let bench = Bench::new();
    let holders = [ObjectRef::new("h").within("n")];
    let tell = |signal: HubSignal| {
        bench.wakes.hub_cluster_changed(&signal, &holders);
        bench.woken()
    };
    let cluster = |name: &str| json!({"metadata": {"name": name}, "spec": {}});
    let update =
        |name: &str| HubSignal::ManagedCluster(changed(Some(cluster(name)), Some(cluster(name)), name));
    assert_eq!(tell(update("a")), ["Spoke a", "Spoke b"], "b has no name yet; c is of another hub");
    assert_eq!(tell(update("x")), ["Spoke b"]);
    let gone = HubSignal::ManagedCluster(changed(Some(cluster("a")), None, "a"));
    assert_eq!(tell(gone), ["Hub h", "Spoke a", "Spoke b"]);

    let csr = |cluster: &str| {
        json!({"metadata": {"name": "csr", "labels": {"open-cluster-management.io/cluster-name": cluster}},
            "spec": {"request": "", "signerName": "s"}})
    };
    assert_eq!(tell(HubSignal::Csr(changed(None, Some(csr("a")), "csr"))), ["Spoke a", "Spoke b"]);

    let manager = json!({"metadata": {"name": "cluster-manager"}, "spec": {}});
    assert_eq!(tell(HubSignal::ClusterManager(changed(None, Some(manager), "cluster-manager"))), ["Hub h"]);

    let ready = HubSignal::ManagedCluster(Signal::State(CacheState::Ready));
    assert_eq!(tell(ready), ["Hub h", "Spoke a", "Spoke b"]);
}

/// What becomes of an object of this name of which only the metadata is watched.
fn appears<K>(
    writer: &mut CacheWriter<PartialObjectMeta<K>>,
    namespace: &str,
    name: &str,
) -> Change<PartialObjectMeta<K>>
where
    PartialObjectMeta<K>: Watched,
{
    let object =
        json!({"metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}});
    writer.apply(Event::Apply(parsed(object))).pop().expect("a change")
}

#[test]
fn a_config_map_wakes_whoever_takes_values_from_it() {
    let mut bench = Bench::new();
    let mut with_values = hub("h", 2);
    with_values["spec"]["clusterManager"] = json!({"valuesFrom": {"name": "values", "key": "k"}});
    bench.hubs.apply(Event::Apply(parsed(with_values)));
    let mut spoke = spoke("c", "g", Some("c"));
    spoke["metadata"]["resourceVersion"] = "2".into();
    spoke["spec"]["klusterlet"] = json!({"valuesFrom": {"name": "values", "key": "k"}});
    bench.spokes.apply(Event::Apply(parsed(spoke)));
    let (_maps, mut maps) = Cache::new();
    bench.wakes.config_map_changed(&appears::<ConfigMap>(&mut maps, "n", "values"));
    assert_eq!(bench.woken(), ["Hub h", "Spoke a", "Spoke b"], "the hub's, and what hangs on them");
    bench.wakes.config_map_changed(&appears::<ConfigMap>(&mut maps, "s", "values"));
    assert_eq!(bench.woken(), ["Spoke c"], "the spoke's");
    bench.wakes.config_map_changed(&appears::<ConfigMap>(&mut maps, "n", "other"));
    assert_eq!(bench.woken(), [""; 0], "nobody's");
}

#[test]
fn a_secret_wakes_whose_kubeconfig_it_holds() {
    let mut bench = Bench::new();
    for (name, reference) in
        [("a", json!({"name": "kubeconfig"})), ("b", json!({"name": "kubeconfig", "namespace": "elsewhere"}))]
    {
        let mut spoke = spoke(name, "h", None);
        spoke["metadata"]["resourceVersion"] = "2".into();
        spoke["spec"]["kubeconfig"] = json!({"secretReference": reference});
        bench.spokes.apply(Event::Apply(parsed(spoke)));
    }
    let (_secrets, mut secrets) = Cache::new();
    bench.wakes.secret_changed(&appears::<Secret>(&mut secrets, "s", "kubeconfig"));
    assert_eq!(bench.woken(), ["Spoke a"], "in its own namespace");
    bench.wakes.secret_changed(&appears::<Secret>(&mut secrets, "elsewhere", "kubeconfig"));
    assert_eq!(bench.woken(), ["Spoke b"], "in the namespace that it names");
}
