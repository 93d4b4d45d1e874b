//! Which release `bundleVersion: default` means.

use fleetconfig_api::v1beta1::HubStatus;
use serde_json::json;

use super::*;
use crate::hub::desire::desired_hub;
use crate::hub::plan::Refusal;

/// A Hub whose status says this release was resolved on [`CLUSTER`], with these images.
fn before(release: Option<&str>, images: serde_json::Value) -> Hub {
    let mut hub = hub();
    let values = json!({ "images": images });
    if let Some(manager) = hub.spec.cluster_manager.as_mut() {
        manager.values = Some(serde_json::from_value(values).unwrap());
    }
    hub.status = Some(HubStatus {
        cluster_uid: Some(CLUSTER.into()),
        bundle_version: release.map(str::to_owned),
        ..HubStatus::default()
    });
    hub
}

fn running(tag: &str) -> HubFacts {
    let manager = ClusterManagerSeen { running_tag: Some(tag.into()), ..manager(WORKING) };
    HubFacts { claim: Claim::Ours, cluster_manager: Some(manager), ..bare() }
}

fn release(hub: &Hub, facts: &HubFacts) -> Result<String, Refusal> {
    desired_hub(hub, facts).map(|desired| desired.bundle_version)
}

#[test]
fn what_was_resolved_stands_whatever_the_images_are_called() {
    let own = json!({ "tag": "own-build" });
    assert_eq!(release(&before(Some("v1.3.0"), own.clone()), &running("own-build")).unwrap(), "v1.3.0");
    assert_eq!(release(&before(Some("v1.3.0"), own), &bare()).unwrap(), "v1.3.0");
    assert_eq!(release(&before(Some("v1.3.0"), json!({})), &running("v1.2.0")).unwrap(), "v1.3.0");
    let overridden = json!({ "overrides": { "registrationImage": "registry.example/registration:v1.3.1" } });
    assert_eq!(release(&before(Some("v1.2.0"), overridden), &running("v1.3.1")).unwrap(), "v1.2.0");
}

#[test]
fn a_tag_counts_where_nothing_was_resolved() {
    assert_eq!(release(&before(None, json!({})), &running("v1.3.0")).unwrap(), "v1.3.0");
    assert_eq!(release(&before(Some("v9.9.9"), json!({})), &running("v1.3.0")).unwrap(), "v1.3.0");
    assert_eq!(release(&before(None, json!({})), &bare()).unwrap(), "v1.2.1");
    let refusal = release(&before(None, json!({})), &running("own-build")).unwrap_err();
    assert!(refusal.message.contains("own-build"), "{}", refusal.message);
    // The release as a tag of one's own: it is one all the same.
    let tagged = json!({ "tag": "v1.3.1" });
    assert_eq!(release(&before(None, tagged), &running("v1.3.1")).unwrap(), "v1.3.1");
}

#[test]
fn a_tag_that_the_values_choose_is_no_release() {
    let own = json!({ "tag": "own-build" });
    assert_eq!(release(&before(None, own), &running("own-build")).unwrap(), "v1.2.1");
    let overridden = json!({ "overrides": { "registrationImage": "registry.example/registration:v1.3.1" } });
    assert_eq!(release(&before(None, overridden), &running("v1.3.1")).unwrap(), "v1.2.1");
}

#[test]
fn what_was_resolved_for_another_cluster_says_nothing() {
    let hub = before(Some("v1.3.1"), json!({}));
    let facts = HubFacts { cluster_uid: "cluster-2".into(), ..bare() };
    assert_eq!(release(&hub, &facts).unwrap(), "v1.2.1");
    assert_eq!(release(&hub, &bare()).unwrap(), "v1.3.1");
}

#[test]
fn a_release_that_is_asked_for_is_taken_whatever_runs() {
    let mut hub = before(Some("v1.3.1"), json!({}));
    if let Some(manager) = hub.spec.cluster_manager.as_mut() {
        manager.source.bundle_version = "1.2.0".into();
    }
    assert_eq!(release(&hub, &running("v1.3.1")).unwrap(), "v1.2.0");
}
