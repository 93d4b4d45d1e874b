//! What is on the ManagedCluster, and what goes again.

use serde_json::json;

use super::*;
use crate::spoke::managed_cluster::{APPLIED_KEYS, APPLIED_TAINTS};

fn settled(metadata: Value) -> World {
    let mut world = world(false);
    world.want(metadata);
    world.settle();
    world
}

fn live(world: &World) -> &ManagedCluster {
    world.ready.managed_cluster.as_ref().expect("a ManagedCluster")
}

fn label<'a>(world: &'a World, key: &str) -> Option<&'a str> {
    live(world).metadata.labels.as_ref()?.get(key).map(String::as_str)
}

fn taints(world: &World) -> Vec<String> {
    live(world).spec.taints.iter().flatten().map(|taint| taint.key.clone()).collect()
}

fn taint_by_others(world: &mut World, key: &str) {
    let taint = json!({ "key": key, "effect": "NoSelect", "timeAdded": "2026-01-01T00:00:00Z" });
    let taint = serde_json::from_value(taint).expect("a taint");
    world.ready.managed_cluster.as_mut().expect("one").spec.taints.get_or_insert_default().push(taint);
}

#[test]
fn labels_annotations_and_set_that_are_no_longer_wanted_go_and_others_stay() {
    let mut world = settled(json!({
        "labels": { "region": "north", "kept": "yes" },
        "annotations": { "note": "mine" },
        "clusterSet": "blue",
    }));
    assert_eq!(label(&world, "region"), Some("north"));
    let labels = world.ready.managed_cluster.as_mut().expect("one").metadata.labels.get_or_insert_default();
    labels.insert("theirs".to_owned(), "yes".to_owned());
    assert_eq!(world.plan().steps, []);

    world.want(json!({ "labels": { "kept": "yes" } }));
    world.settle();
    for gone in ["region", "cluster.open-cluster-management.io/clusterset"] {
        assert_eq!(label(&world, gone), None, "{gone}");
    }
    let annotations = live(&world).metadata.annotations.clone().expect("annotations");
    assert!(!annotations.contains_key("note"));
    assert!(annotations.contains_key(APPLIED_KEYS));
    assert_eq!((label(&world, "kept"), label(&world, "theirs")), (Some("yes"), Some("yes")));

    world.spoke.spec.managed_cluster = None;
    world.settle();
    assert_eq!((label(&world, "kept"), label(&world, "theirs")), (None, Some("yes")));
}

/// The steps are applies without force, so what another manager owns as well is kept by the API server.
#[test]
fn nothing_of_it_is_forced() {
    let mut world = settled(json!({ "labels": { "region": "north" } }));
    world.spoke.spec.managed_cluster = None;
    let steps = world.plan().steps;
    assert!(matches!(steps.as_slice(), [Step::ApplyShared { .. }]), "{steps:?}");
}

#[test]
fn a_cluster_of_an_earlier_version_is_written_once() {
    let mut world = settled(json!({ "labels": { "region": "north" } }));
    let annotations = world.ready.managed_cluster.as_mut().expect("one").metadata.annotations.as_mut();
    annotations.expect("annotations").remove(APPLIED_KEYS);
    assert_eq!(world.settle().len(), 1);
}

#[test]
fn taints_of_ours_go_and_those_of_others_stay() {
    let taint = |key: &str| json!({ "key": key, "effect": "NoSelect" });
    let mut world = world(false);
    world.settle();
    taint_by_others(&mut world, "theirs");
    taint_by_others(&mut world, "both");
    world.want(json!({ "taints": [taint("both"), taint("mine"), taint("kept")] }));
    world.settle();
    assert_eq!(taints(&world), ["theirs", "both", "mine", "kept"]);
    let stamped = live(&world).spec.taints.iter().flatten().filter(|taint| taint.time_added.is_some());
    assert_eq!(stamped.count(), 2, "what others wrote is written back as it was");

    world.want(json!({ "taints": [taint("kept")] }));
    world.settle();
    assert_eq!(taints(&world), ["theirs", "both", "kept"]);

    world.spoke.spec.managed_cluster = None;
    world.settle();
    assert_eq!(taints(&world), ["theirs", "both"]);
    let annotations = live(&world).metadata.annotations.as_ref().expect("annotations");
    assert!(!annotations.contains_key(APPLIED_TAINTS));
}

#[test]
fn a_taint_that_somebody_took_away_and_put_back_after_we_gave_it_up_is_theirs() {
    let mut world = settled(json!({ "taints": [{ "key": "shared", "effect": "NoSelect" }] }));
    world.ready.managed_cluster.as_mut().expect("one").spec.taints = None;
    world.spoke.spec.managed_cluster = None;
    world.settle();
    taint_by_others(&mut world, "shared");
    assert_eq!(world.plan().steps, []);
}

#[test]
fn a_memory_that_cannot_be_read_takes_nothing_away() {
    let mut world = settled(json!({ "taints": [{ "key": "mine", "effect": "NoSelect" }] }));
    let annotations = world.ready.managed_cluster.as_mut().expect("one").metadata.annotations.as_mut();
    annotations.expect("annotations").insert(APPLIED_TAINTS.to_owned(), "]{".to_owned());
    world.spoke.spec.managed_cluster = None;
    world.settle();
    assert_eq!(taints(&world), ["mine"]);
}

#[test]
fn users_cannot_write_our_memory() {
    let world = settled(json!({ "annotations": { APPLIED_KEYS: "{}", APPLIED_TAINTS: "[]" } }));
    let annotations = live(&world).metadata.annotations.as_ref().expect("annotations");
    assert_ne!(annotations[APPLIED_KEYS], "{}");
    assert!(!annotations.contains_key(APPLIED_TAINTS));
}
