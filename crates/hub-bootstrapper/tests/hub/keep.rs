//! Passes over a hub that is an API server in memory.

use std::time::Duration;

use cluster_access::{AccessOptions, Cluster, ClusterUid};
use fleet_plan::hub::facts::{Owner, ValuesText};
use fleet_plan::manifests::inventory::OWNER_UID;
use fleet_plan::plan::Wake;
use fleetconfig_api::v1beta1::Hub;
use hub_bootstrapper::{HubBootstrapper, HubPass};
use jiff::SignedDuration;
use memory_apiserver::{Fault, Verb};
use ocm_api::operator::v1::ClusterManager;
use serde_json::json;

use super::support::*;

/// A Hub whose chart values name a build of the user's own.
fn own_build() -> Hub {
    let mut hub = hub("uid-1");
    let values = json!({"images": {"tag": "own-build"}});
    let manager = hub.spec.cluster_manager.as_mut().unwrap();
    manager.values = Some(serde_json::from_value(values).unwrap());
    hub
}

#[tokio::test]
async fn a_build_of_ones_own_is_kept_at_the_release_that_was_resolved() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (mut hub, engine) = (own_build(), engine(&server));
    let first = pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(first.verdict.bundle_version.as_deref(), Some("v1.2.1"));
    let image = manager(&server).unwrap()["spec"]["registrationImagePullSpec"].clone();
    assert_eq!(image, "quay.io/open-cluster-management/registration:own-build");
    report(&mut hub, &first);
    let second = pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(ready(&second.verdict), (true, "ReconcileSuccess"));
    assert_eq!(second.verdict.bundle_version.as_deref(), Some("v1.2.1"));
    // What was resolved stands, also where it is not what a new hub would get.
    hub.status.as_mut().unwrap().bundle_version = Some("v1.3.1".to_owned());
    let third = pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(third.verdict.bundle_version.as_deref(), Some("v1.3.1"));
}

#[tokio::test]
async fn a_first_pass_that_was_cut_off_before_its_status_was_written_can_be_repeated() {
    let server = bare();
    play_ocm(&server);
    let hub = own_build();
    pass(&engine(&server), &server, &hub).await.unwrap();
    let again = pass(&engine(&server), &server, &hub).await.unwrap();
    assert_eq!(again.verdict.bundle_version.as_deref(), Some("v1.2.1"));
}

#[tokio::test]
async fn an_unknown_build_of_somebody_else_is_not_replaced_without_being_asked() {
    let server = bare();
    pass(&engine(&server), &server, &own_build()).await.unwrap();
    server.clear_requests();
    let outcome = pass(&engine(&server), &server, &hub("uid-1")).await.unwrap();
    assert_eq!(ready(&outcome.verdict), (false, "BundleUnknown"));
    assert_eq!(writes(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_hub_that_is_as_declared_is_left_alone() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (hub, engine) = (hub("uid-1"), engine(&server));
    pass(&engine, &server, &hub).await.unwrap();
    pass(&engine, &server, &hub).await.unwrap();
    server.clear_requests();
    for minutes in [1, 9] {
        let now = server.now() + SignedDuration::from_mins(minutes);
        let outcome = pass_at(&engine, &hub, now).await.unwrap();
        assert_eq!(ready(&outcome.verdict), (true, "ReconcileSuccess"));
        // Without a watch the ClusterManager is read; nothing else is.
        assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
        server.clear_requests();
    }
    // What is remembered for ten minutes is read again then, once.
    let later = server.now() + SignedDuration::from_mins(11);
    pass_at(&engine, &hub, later).await.unwrap();
    assert!(server.requests().len() > 1);
    assert_eq!(writes(&server), Vec::<String>::new());
    server.clear_requests();
    pass_at(&engine, &hub, later + SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
}

#[tokio::test]
async fn a_cluster_manager_that_was_changed_or_deleted_is_put_back_by_the_next_pass() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (hub, engine) = (hub("uid-1"), engine(&server));
    pass(&engine, &server, &hub).await.unwrap();
    pass(&engine, &server, &hub).await.unwrap();
    let declared = manager(&server).unwrap()["spec"].clone();
    let direct = server.direct();

    let patch = json!({"spec": {"workImagePullSpec": "registry.example/work:other"}});
    direct.merge(&manager_kind(), "", MANAGER, "", patch).unwrap();
    assert_ne!(manager(&server).unwrap()["spec"], declared);
    pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(manager(&server).unwrap()["spec"], declared);

    direct.delete(&manager_kind(), "", MANAGER).unwrap();
    assert_eq!(manager(&server), None);
    pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(manager(&server).unwrap()["spec"], declared);
}

/// A change of the Hub is written to the ClusterManager; what OCM said before is no answer to it, also
/// while the watch is behind.
#[tokio::test]
async fn a_hub_that_was_changed_is_not_ready_before_ocm_has_seen_the_change() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (mut hub, engine) = (hub("uid-1"), engine(&server));
    pass(&engine, &server, &hub).await.unwrap();
    let seen = || Some(serde_json::from_value(manager(&server).unwrap()).unwrap());
    let watched = async |hub: &Hub, cluster_manager| {
        let now = server.now();
        let values = ValuesText::NotNamed;
        let pass =
            HubPass { hub, values, cluster_manager: Some(cluster_manager), was_initialized: true, now };
        engine.keep(&pass, &|_| true).await.unwrap().verdict
    };
    let old: Option<ClusterManager> = seen();
    assert_eq!(ready(&watched(&hub, old.clone()).await), (true, "ReconcileSuccess"));

    hub.spec.cluster_manager.as_mut().unwrap().source.registry = "mirror.example/ocm".to_owned();
    assert_eq!(ready(&watched(&hub, old.clone()).await), (false, "HubProgressing"));
    assert_ne!(seen(), old, "it was written");
    assert_eq!(ready(&watched(&hub, old).await), (false, "HubProgressing"), "the watch is behind");
    assert_eq!(ready(&watched(&hub, seen()).await), (true, "ReconcileSuccess"));
}

#[tokio::test]
async fn a_claim_that_was_deleted_by_hand_is_laid_again_when_the_hub_is_next_compared() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (hub, engine) = (hub("uid-1"), engine(&server));
    pass(&engine, &server, &hub).await.unwrap();
    let claim = fleet_plan::hub::desire::claim_key();
    assert!(server.direct().get(&claim.resource, "", &claim.name).is_some());
    server.direct().delete(&claim.resource, "", &claim.name).unwrap();
    let later = server.now() + SignedDuration::from_mins(11);
    let outcome = pass_at(&engine, &hub, later).await.unwrap();
    assert_eq!(ready(&outcome.verdict), (true, "ReconcileSuccess"));
    let again = server.direct().get(&claim.resource, "", &claim.name).unwrap();
    assert!(again["metadata"]["labels"].as_object().is_some_and(|labels| labels.len() >= 4), "{again}");
}

#[tokio::test]
async fn a_silent_webhook_is_asked_once_in_a_pass_and_again_after_a_second() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let silent = server.inject(Fault::refuse(503).when(|request| request.dry_run));
    let (hub, engine) = (hub("uid-1"), engine(&server));
    let outcome = pass(&engine, &server, &hub).await.unwrap();
    // The first pass makes the hub, and in it OCM is ready at once here.
    assert_eq!(ready(&outcome.verdict), (false, "WebhooksNotReady"));
    assert_eq!(outcome.wake, Wake::After(Duration::from_secs(1)));
    assert!(!outcome.verdict.takes_spokes);
    assert_eq!(probes(&server).len(), 1);

    silent.remove();
    let outcome = pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(ready(&outcome.verdict), (true, "ReconcileSuccess"));
    assert_eq!(outcome.wake, Wake::OnEvent);
    assert_eq!(probes(&server).len(), 2);
    // Heard once is enough for this generation of the ClusterManager.
    pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(probes(&server).len(), 2);
}

#[tokio::test]
async fn of_two_hubs_one_gets_the_cluster_and_the_other_writes_nothing() {
    let server = bare();
    pass(&engine(&server), &server, &hub("uid-1")).await.unwrap();
    server.clear_requests();
    let outcome = pass(&engine(&server), &server, &hub("uid-2")).await.unwrap();
    assert_eq!(ready(&outcome.verdict), (false, "HubAlreadyClaimed"));
    assert_eq!(writes(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_claim_whose_holder_is_gone_is_taken_over() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    pass(&engine(&server), &server, &hub("uid-1")).await.unwrap();
    let heir = hub("uid-2");
    let pass = async |engine: &HubBootstrapper| {
        let pass = HubPass {
            hub: &heir,
            values: ValuesText::NotNamed,
            cluster_manager: None,
            was_initialized: false,
            now: server.now(),
        };
        engine.keep(&pass, &|owner| owner.uid != "uid-1").await.unwrap()
    };
    // One engine: a new one would not know that the webhooks have answered.
    let taker = engine(&server);
    let mut last = pass(&taker).await;
    for _ in 0..3 {
        last = pass(&taker).await;
    }
    assert_eq!(ready(&last.verdict), (true, "ReconcileSuccess"));
    let claim = fleet_plan::hub::desire::claim_key();
    let taken = server.direct().get(&claim.resource, "", &claim.name).unwrap();
    assert_eq!(taken["metadata"]["labels"][OWNER_UID], "uid-2");
}

/// Two operators in two clusters, with Hubs that lead to one cluster: neither sees the other's Hub.
#[tokio::test]
async fn a_claim_of_a_hub_in_another_cluster_is_not_taken_over() {
    let server = bare();
    let cluster = || Cluster::from_client(server.client(), &AccessOptions::default());
    let engine = |home: &str| HubBootstrapper::of_hub_in(&ClusterUid::from(home.to_owned()), cluster());
    let gone = |_: &Owner| false;
    for (home, uid, is_taken) in [("a", "uid-1", false), ("b", "uid-2", true)] {
        let hub = hub(uid);
        let pass = HubPass {
            hub: &hub,
            values: ValuesText::NotNamed,
            cluster_manager: None,
            was_initialized: false,
            now: server.now(),
        };
        let outcome = engine(home).keep(&pass, &gone).await.unwrap();
        assert_eq!(ready(&outcome.verdict).1 == "HubAlreadyClaimed", is_taken);
    }
}

#[tokio::test]
async fn a_pass_that_failed_half_way_is_continued_by_the_next() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let (hub, engine) = (hub("uid-1"), engine(&server));
    let broken = server.inject(
        Fault::refuse(500).when(|request| request.verb == Verb::Patch && request.resource == "deployments"),
    );
    let error = pass(&engine, &server, &hub).await.unwrap_err();
    assert_eq!(error.reason().as_str(), "ClusterUnreachable");
    assert_eq!(manager(&server), None);
    broken.remove();
    pass(&engine, &server, &hub).await.unwrap();
    let outcome = pass(&engine, &server, &hub).await.unwrap();
    assert_eq!(ready(&outcome.verdict), (true, "ReconcileSuccess"));
}
