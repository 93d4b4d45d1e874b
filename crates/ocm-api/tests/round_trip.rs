//! The types lose nothing: a full object survives being read and written, and a partial one gains
//! nothing that it would then own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this file is all tests")]

use ocm_api::addon::v1alpha1::{ClusterManagementAddOn, ManagedClusterAddOn};
use ocm_api::cluster::v1::{ManagedCluster, ManagedClusterSpec};
use ocm_api::crds::{cluster_manager_crd, klusterlet_crd};
use ocm_api::operator::v1::{ClusterManager, ClusterManagerSpec, Klusterlet, KlusterletSpec};
use ocm_api::work::v1::{AppliedManifestWork, ManifestWork, ManifestWorkSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const CLUSTER_MANAGER: &str = include_str!("fixtures/cluster-manager.yaml");
const KLUSTERLET: &str = include_str!("fixtures/klusterlet.yaml");

fn round_trip<K: Serialize + DeserializeOwned>(yaml: &str) {
    let fixture: Value = serde_saphyr::from_str(yaml).unwrap();
    let typed: K = serde_json::from_value(fixture.clone()).unwrap();
    let written = serde_json::to_value(&typed).unwrap();
    assert_eq!(written, fixture, "{}", std::any::type_name::<K>());
}

#[test]
fn full_objects_survive_the_types() {
    round_trip::<ClusterManager>(CLUSTER_MANAGER);
    round_trip::<Klusterlet>(KLUSTERLET);
    round_trip::<ManagedCluster>(include_str!("fixtures/managed-cluster.yaml"));
    round_trip::<ManifestWork>(include_str!("fixtures/manifest-work.yaml"));
    round_trip::<AppliedManifestWork>(include_str!("fixtures/applied-manifest-work.yaml"));
    round_trip::<ManagedClusterAddOn>(include_str!("fixtures/managed-cluster-add-on.yaml"));
    round_trip::<ClusterManagementAddOn>(include_str!("fixtures/cluster-management-add-on.yaml"));
}

/// Keeps "full" honest: a field added to the types has to be added to the fixture.
#[test]
fn the_fixtures_set_every_field_of_the_schemas() {
    for (crd, yaml) in [(cluster_manager_crd(), CLUSTER_MANAGER), (klusterlet_crd(), KLUSTERLET)] {
        let fixture: Value = serde_saphyr::from_str(yaml).unwrap();
        let crd = serde_json::to_value(crd).unwrap();
        let mut unset = Vec::new();
        find_unset(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &[&fixture], "", &mut unset);
        assert!(unset.is_empty(), "the fixture does not set {unset:#?}");
    }
}

/// `values` are all values that the fixture has at `path`: several when a list lies above.
fn find_unset(schema: &Value, values: &[&Value], path: &str, unset: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let inner: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
        if inner.is_empty() {
            unset.push(path);
        } else {
            find_unset(property, &inner, &path, unset);
        }
    }
    if schema["items"].is_object() {
        let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
        find_unset(&schema["items"], &items, &format!("{path}[]"), unset);
    }
}

/// A server-side apply owns every field that it names.
#[test]
fn an_empty_spec_names_no_field() {
    assert_eq!(serde_json::to_value(ClusterManagerSpec::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(KlusterletSpec::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(ManagedClusterSpec::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(ManifestWorkSpec::default()).unwrap(), json!({}));
}

/// What somebody set explicitly stays explicit, however much it looks like nothing.
#[test]
fn explicit_false_zero_and_empty_are_kept() {
    let spec = json!({ "hubAcceptsClient": false, "leaseDurationSeconds": 0, "taints": [] });
    let typed: ManagedClusterSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);

    let spec = json!({ "clusterName": "", "deployOption": { "mode": "" } });
    let typed: KlusterletSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), spec);
}

/// One object of a newer OCM must not make a list of them unreadable.
#[test]
fn unknown_fields_and_words_of_a_newer_ocm_are_survived() {
    let cluster = json!({
        "apiVersion": "cluster.open-cluster-management.io/v1",
        "kind": "ManagedCluster",
        "metadata": { "name": "spoke-1" },
        "spec": { "novelty": 1, "taints": [{ "key": "a", "effect": "NoSelectAtNight" }] },
        "status": { "novelty": { "deep": true } },
    });
    let typed: ManagedCluster = serde_json::from_value(cluster).unwrap();
    assert_eq!(typed.metadata.name.as_deref(), Some("spoke-1"));
}
