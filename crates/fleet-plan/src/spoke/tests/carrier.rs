//! How a klusterlet is handed over to the spoke's own agent, and what comes of a change after that.

use fleetconfig_api::common::KlusterletCarrier;

use super::render::plan;
use super::*;
use crate::manifests::{CARRIER_MANAGER, CARRIER_WORK, carried_content};
use ocm_api::work::v1::ManifestWorkSpec;

/// A spoke that is Ready, and keeps no kubeconfig.
fn member() -> World {
    let mut world = world(false);
    world.settle();
    world.joined(Some("True"));
    world.credential();
    world.settle();
    world.reachable = false;
    world
}

fn change(world: &mut World) {
    world.spoke.spec.klusterlet.feature_gates = "ClusterClaim=false".to_owned();
}

#[test]
fn every_way_of_a_change() {
    let mut text = String::new();
    let mut show = |title: &str, world: &mut World| text.push_str(&plan(title, &world.pass()));

    let mut world = member();
    show("kept: nothing to do", &mut world);
    change(&mut world);
    show("a change goes into the works", &mut world);
    show("the agent has applied it", &mut world);

    let mut broken = member();
    broken.fails = Some(broken.now);
    change(&mut broken);
    broken.pass();
    show("the agent fails to apply it", &mut broken);
    broken.later(3);
    show("it fails for long, and there is no kubeconfig", &mut broken);
    broken.reachable = true;
    show("it fails for long, and there is a kubeconfig", &mut broken);
    show("the kubeconfig has brought it", &mut broken);
    broken.fails = None;
    broken.agent();
    show("the agent can again", &mut broken);

    let mut silent = member();
    silent.joined(Some("Unknown"));
    show("the agent is silent", &mut silent);
    change(&mut silent);
    show("a change for a silent agent, without a kubeconfig", &mut silent);
    silent.reachable = true;
    show("a change for a silent agent, with a kubeconfig", &mut silent);

    let mut edited = member();
    edited.ready.carrier[0].content = "edited".to_owned();
    show("somebody has edited a work", &mut edited);

    let mut gone = member();
    gone.ready.carrier.clear();
    show("somebody has deleted the works", &mut gone);

    let mut forgotten = member();
    forgotten.progress = Progress::default();
    show("the status was lost", &mut forgotten);

    let mut off = member();
    off.spoke.spec.klusterlet.carrier = Some(KlusterletCarrier::Kubeconfig);
    show("works are not wanted any more", &mut off);
    show("and are gone", &mut off);
    insta::assert_snapshot!("carrier", text);
}

/// What the works hold is what is applied at the join; only so does a hand-over change nothing.
#[test]
fn the_works_hold_what_was_applied() {
    let context = SpokeContext {
        hub: &world(false).hub,
        hub_bundle: "v1.2.1",
        cluster_name: CLUSTER,
        values: &ValuesText::NotNamed,
        hub_values: &ValuesText::NotNamed,
        is_hub: false,
    };
    let desired = desired_spoke(&world(false).spoke, context).expect("a Spoke");
    let carried: Vec<&Value> = desired
        .works
        .iter()
        .flat_map(|work| work.body["spec"]["workload"]["manifests"].as_array().expect("manifests"))
        .collect();
    let applied: Vec<&Value> =
        desired.foundation.iter().chain(&desired.klusterlet).map(|manifest| &manifest.body).collect();
    for body in &carried {
        assert!(applied.contains(body), "{body}");
    }
    let left: Vec<&str> = applied
        .iter()
        .filter(|body| !carried.contains(body))
        .map(|body| body["metadata"]["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(left, ["open-cluster-management-agent"], "the operator makes the agents' namespace");
    let size: usize = carried.iter().map(|body| body.to_string().len()).sum();
    assert!(size < 100 * 1024, "OCM takes 500 KiB: {size}");
    let main = desired.works.iter().find(|work| work.key.name == CARRIER_WORK).expect("the work");
    let configs = main.body["spec"]["manifestConfigs"].as_array().expect("configs");
    assert_eq!(configs.len(), carried.len() - 1, "one for each object, the CRD has its own work");
    for config in configs {
        let apply = &config["updateStrategy"]["serverSideApply"];
        assert_eq!((&apply["fieldManager"], &apply["force"]), (&json!(CARRIER_MANAGER), &json!(true)));
    }
    assert_eq!(main.body["spec"]["deleteOption"]["propagationPolicy"], "Orphan");
}

/// The API server writes whole numbers without a fraction, and fills in what we left out.
#[test]
fn a_work_that_was_read_has_the_content_of_the_one_that_was_written() {
    for manifest in member().desired().works {
        let written = content_of(&manifest).expect("a work");
        let mut read = manifest.body["spec"].clone();
        let text = read.to_string().replace("180.0", "180");
        read = serde_json::from_str(&text).expect("JSON");
        for config in read["manifestConfigs"].as_array_mut().expect("configs") {
            config["feedbackScrapeType"] = json!("Poll");
        }
        let mut read: ManifestWorkSpec = serde_json::from_value(read).expect("a work");
        assert_eq!(carried_content(&read), written);
        read.delete_option = None;
        assert_ne!(carried_content(&read), written);
    }
}
