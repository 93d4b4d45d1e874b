//! What is told about objects of every kind, and that nothing is told about good ones.

use serde_json::{Value, json};

use super::*;

fn hub(spec: Value) -> Hub {
    serde_json::from_value(json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Hub",
        "metadata": {"name": "hub", "namespace": "fleet"}, "spec": spec,
    }))
    .unwrap()
}

fn spoke(spec: Value) -> Spoke {
    let mut spec = spec;
    spec["hubRef"] = json!({"name": "hub", "namespace": "fleet"});
    spec["kubeconfig"] = json!({"secretReference": {"name": "paris"}});
    serde_json::from_value(json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Spoke",
        "metadata": {"name": "paris", "namespace": "fleet"}, "spec": spec,
    }))
    .unwrap()
}

#[test]
fn what_can_be_carried_out_is_not_talked_about() {
    let good = hub(json!({"kubeconfig": {"inCluster": true}, "clusterManager": {}}));
    assert_eq!(hub_warnings(&good), [""; 0]);
    assert_eq!(spoke_warnings(&spoke(json!({}))), [""; 0]);
    let fleet: FleetConfig = serde_json::from_value(json!({
        "metadata": {"name": "fleet", "namespace": "fleet"},
        "spec": {"hub": {"clusterManager": {}, "kubeconfig": {"inCluster": true}},
            "spokes": [{"name": "paris", "kubeconfig": {"secretReference": {"name": "paris"}}}]},
    }))
    .unwrap();
    assert_eq!(fleet_warnings(&fleet), [""; 0]);
}

#[test]
fn refusals_are_told_with_their_reason_and_field() {
    let singleton = hub(json!({"kubeconfig": {"inCluster": true}, "singleton": {}}));
    let told = hub_warnings(&singleton);
    assert!(told[0].starts_with("NotYetSupported: spec.singleton"), "{told:?}");

    let unknown = hub(json!({"kubeconfig": {"inCluster": true},
        "clusterManager": {"source": {"bundleVersion": "v9.9.9"}}}));
    let told = hub_warnings(&unknown);
    assert!(told[0].starts_with("BundleUnknown: spec.clusterManager.source"), "{told:?}");

    let hosted = spoke(json!({"klusterlet": {"mode": "Hosted"}}));
    let told = spoke_warnings(&hosted);
    assert!(told[0].starts_with("NotYetSupported: spec.klusterlet.mode"), "{told:?}");
}

#[test]
fn addons_are_told_about() {
    let with_addons = hub(json!({"kubeconfig": {"inCluster": true}, "clusterManager": {},
        "hubAddOns": [{"name": "argocd"}]}));
    let told = hub_warnings(&with_addons);
    assert!(told[0].starts_with("NotYetSupported: add-ons") && told[0].contains("argocd"), "{told:?}");
    let told = spoke_warnings(&spoke(json!({"addOns": [{"configName": "logs"}]})));
    assert!(told[0].starts_with("NotYetSupported: add-ons") && told[0].contains("logs"), "{told:?}");
}

#[test]
fn an_entry_of_a_fleet_is_named() {
    let entry = |name: &str, mode: &str| {
        json!({"name": name, "klusterlet": {"mode": mode},
            "kubeconfig": {"secretReference": {"name": name}}})
    };
    let many: Vec<Value> = (0..1000).map(|number| entry(&format!("s{number}"), "Hosted")).collect();
    let fleet = |spokes: Value| -> FleetConfig {
        serde_json::from_value(json!({
            "metadata": {"name": "fleet", "namespace": "fleet"},
            "spec": {"hub": {"singleton": {}, "kubeconfig": {"inCluster": true}}, "spokes": spokes},
        }))
        .unwrap()
    };
    let told = fleet_warnings(&fleet(json!([entry("paris", "Default"), entry("rome", "Hosted")])));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("spec.hub: NotYetSupported"), "{told:?}");
    assert!(told[1].starts_with("spec.spokes[rome]: NotYetSupported"), "{told:?}");
    assert_eq!(fleet_warnings(&fleet(many.into())).len(), 1 + MOST_SPOKES);
}
