//! Where each field of a FleetConfig goes. A field that is not in the table, or does not arrive, or
//! arrives without having been sent, fails.

use std::collections::BTreeMap;

use fleetconfig_api::common::{DeletionPolicy, Singleton};
use fleetconfig_api::v1alpha1::FleetConfig;
use serde_json::{Value, json};

use crate::compose::children::{Children, compose, is_child};

/// Sets every field of a FleetConfig; the API's own tests see to that.
const EVERY_FIELD: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../fleetconfig-api/fixtures/accepted/fleetconfig-every-field.yaml"
));

/// Fields of the FleetConfig and where they go in the Hub.
const TO_HUB: &[(&str, &str)] = &[
    ("/spec/hub/name", "/metadata/name"),
    ("/spec/hub/kubeconfig", "/spec/kubeconfig"),
    ("/spec/hub/clusterManager", "/spec/clusterManager"),
    ("/spec/hub/apiServer", "/spec/apiServer"),
    ("/spec/hub/ca", "/spec/ca"),
    ("/spec/hub/createNamespace", "/spec/createNamespace"),
    ("/spec/hub/force", "/spec/force"),
    ("/spec/hub/paused", "/spec/paused"),
    ("/spec/hub/deletionPolicy", "/spec/deletionPolicy"),
    ("/spec/registrationAuth", "/spec/registrationAuth"),
    ("/spec/addOnConfigs", "/spec/addOnConfigs"),
    ("/spec/hubAddOns", "/spec/hubAddOns"),
    ("/spec/timeout", "/spec/timeout"),
    ("/spec/logVerbosity", "/spec/logVerbosity"),
];

/// Fields of the FleetConfig and where they go in its Spoke.
const TO_SPOKE: &[(&str, &str)] = &[
    ("/spec/hub/name", "/spec/hubRef/name"),
    ("/metadata/namespace", "/spec/hubRef/namespace"),
    ("/spec/timeout", "/spec/timeout"),
    ("/spec/logVerbosity", "/spec/logVerbosity"),
    ("/spec/spokes/0/name", "/metadata/name"),
    ("/spec/spokes/0/name", "/spec/managedClusterName"),
    ("/spec/spokes/0/kubeconfig", "/spec/kubeconfig"),
    ("/spec/spokes/0/managedCluster", "/spec/managedCluster"),
    ("/spec/spokes/0/createNamespace", "/spec/createNamespace"),
    ("/spec/spokes/0/syncLabels", "/spec/syncLabels"),
    ("/spec/spokes/0/proxyUrl", "/spec/proxyUrl"),
    ("/spec/spokes/0/proxyCa", "/spec/proxyCa"),
    ("/spec/spokes/0/clusterARN", "/spec/clusterARN"),
    ("/spec/spokes/0/addOns", "/spec/addOns"),
    ("/spec/spokes/0/cleanupConfig", "/spec/cleanupConfig"),
    ("/spec/spokes/0/paused", "/spec/paused"),
    ("/spec/spokes/0/deletionPolicy", "/spec/deletionPolicy"),
    ("/spec/spokes/0/klusterlet/purgeOperator", "/spec/cleanupConfig/purgeKlusterletOperator"),
    ("/spec/spokes/0/klusterlet", "/spec/klusterlet"),
];

/// Fields that go nowhere by themselves: where the ClusterManager wins, and what is summed up with
/// another (both are tested below).
const NOWHERE: &[&str] = &["/spec/hub/singleton", "/spec/paused"];

fn every_field() -> FleetConfig {
    let mut fleet: FleetConfig = serde_saphyr::from_str(EVERY_FIELD).unwrap();
    fleet.metadata.namespace = Some("fleet".into());
    fleet.metadata.uid = Some("fleet-uid".into());
    fleet
}

/// Values of a document by their JSON pointer.
fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(path: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                fields.iter().for_each(|(key, value)| walk(&format!("{path}/{key}"), value, into));
            }
            Value::Array(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(at, value)| walk(&format!("{path}/{at}"), value, into));
            }
            _ => {
                into.insert(path.to_owned(), value.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk("", value, &mut found);
    found
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks one child against its table: returns the leaves of the FleetConfig that arrived.
fn arrived(fleet: &BTreeMap<String, Value>, child: &Value, table: &[(&str, &str)]) -> Vec<String> {
    let child = leaves(child);
    let mut found = Vec::new();
    let mut explained = Vec::new();
    for (path, value) in fleet {
        // Of two rows the longer one is about the field; one field may go to several places.
        let longest = table.iter().filter(|(from, _)| is_below(path, from)).map(|(from, _)| from.len()).max();
        for (from, to) in table.iter().filter(|(from, _)| is_below(path, from) && Some(from.len()) == longest)
        {
            let target = format!("{to}{}", &path[from.len()..]);
            assert_eq!(child.get(&target), Some(value), "{path} does not arrive at {target}");
            explained.push(target);
            found.push(path.clone());
        }
    }
    for (path, value) in &child {
        let known = path.starts_with("/metadata/") || path.starts_with("/apiVersion") || path == "/kind";
        assert!(known || explained.contains(path), "{path} = {value} comes from nowhere");
    }
    found
}

fn json_of(children: &Children) -> (Value, Value) {
    (serde_json::to_value(&children.hub).unwrap(), serde_json::to_value(&children.spokes[0]).unwrap())
}

#[test]
fn every_field_of_a_fleet_arrives_and_nothing_is_added() {
    let fleet = every_field();
    assert_eq!(fleet.spec.spokes.len(), 1);
    let source = serde_json::to_value(&fleet).unwrap();
    let mut given = leaves(&json!({ "spec": source["spec"] }));
    given.insert("/metadata/namespace".into(), "fleet".into());
    let (hub, spoke) = json_of(&compose(&fleet));
    let mut found = arrived(&given, &hub, TO_HUB);
    found.extend(arrived(&given, &spoke, TO_SPOKE));
    for path in given.keys() {
        let known = NOWHERE.iter().any(|nowhere| is_below(path, nowhere));
        assert!(known || found.contains(path), "{path} of the FleetConfig is lost");
    }
}

#[test]
fn a_singleton_arrives_unless_there_is_a_cluster_manager() {
    let mut fleet = every_field();
    let singleton = Singleton { name: "controlplane".into(), ..Singleton::default() };
    fleet.spec.hub.singleton = Some(singleton.clone());
    assert_eq!(compose(&fleet).hub.spec.singleton, None);
    fleet.spec.hub.cluster_manager = None;
    let hub = compose(&fleet).hub;
    assert_eq!((hub.spec.singleton, hub.spec.cluster_manager), (Some(singleton), None));
}

#[test]
fn a_child_is_paused_with_the_fleet_or_by_itself() {
    let cases = [
        (None, None, None),
        (None, Some(false), Some(false)),
        (None, Some(true), Some(true)),
        (Some(false), None, None),
        (Some(false), Some(true), Some(true)),
        (Some(true), None, Some(true)),
        (Some(true), Some(false), Some(true)),
    ];
    for (whole, own, expected) in cases {
        let mut fleet = every_field();
        fleet.spec.paused = whole;
        fleet.spec.hub.paused = own;
        fleet.spec.spokes[0].paused = own;
        let Children { hub, spokes } = compose(&fleet);
        assert_eq!((hub.spec.paused, spokes[0].spec.paused), (expected, expected), "{whole:?} {own:?}");
    }
}

#[test]
fn a_spoke_means_the_same_whatever_stands_beside_it() {
    let mut fleet = every_field();
    let alone = compose(&fleet).spokes.remove(0);
    let mut other = fleet.spec.spokes[0].clone();
    other.name = "south".into();
    other.deletion_policy = DeletionPolicy::Delete;
    other.klusterlet = Default::default();
    fleet.spec.spokes = vec![other, fleet.spec.spokes.remove(0)];
    let spokes = compose(&fleet).spokes;
    assert_eq!(spokes.len(), 2);
    assert_eq!(spokes[1], alone);
    assert_eq!(spokes[0].spec.managed_cluster_name.as_deref(), Some("south"));
    assert_eq!(spokes[0].spec.klusterlet.source, Some(Default::default()), "a FleetConfig always says it");
}

#[test]
fn children_are_owned_and_hold_their_finalizer_from_the_start() {
    let mut fleet = every_field();
    fleet.spec.hub.name = None;
    let Children { hub, spokes } = compose(&fleet);
    assert_eq!(hub.metadata.name, fleet.metadata.name, "without a name of its own, that of the FleetConfig");
    assert_eq!(Some(&spokes[0].spec.hub_ref.name), fleet.metadata.name.as_ref());
    for meta in [&hub.metadata, &spokes[0].metadata] {
        assert!(is_child(meta, &fleet));
        assert_eq!(meta.namespace.as_deref(), Some("fleet"));
        assert_eq!(meta.finalizers.as_ref().map(Vec::len), Some(1));
    }
    let stranger = FleetConfig::new("every-field", fleet.spec.clone());
    assert!(!is_child(&hub.metadata, &stranger), "the name alone proves nothing");
}
