//! Waiting for a hub without an event loop, on an API server in memory.

use std::time::Duration;

use hub_bootstrapper::{HubError, ReportedHub};
use jiff::SignedDuration;
use memory_apiserver::Fault;

use super::support::*;

const OWNER_UID: &str = fleet_plan::manifests::inventory::OWNER_UID;

#[tokio::test(start_paused = true)]
async fn comes_back_with_what_a_spoke_needs_as_soon_as_ocm_is_ready() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let mut hub = embedded("hub");
    hub.spec.api_server = Some("https://hub.example:6443".to_owned());
    let begin = server.now();
    let ready: ReportedHub = engine(&server).until_ready(&hub, || server.now()).await.unwrap();
    assert_eq!(server.now(), begin, "nothing was waited for");
    assert_eq!(ready.bundle_version, "v1.2.1");
    assert_eq!(ready.endpoint.declared_server, hub.spec.api_server);
    assert!(!ready.cluster_uid.is_empty());
}

#[tokio::test(start_paused = true)]
async fn waits_for_ocm_and_is_woken_by_its_report() {
    let server = bare();
    serve_managed_clusters(&server);
    let (engine, hub) = (engine(&server), embedded("hub"));
    let wait = engine.until_ready(&hub, || server.now());
    let mut wait = std::pin::pin!(wait);
    let early = tokio::time::timeout(Duration::from_secs(600), wait.as_mut()).await;
    assert!(early.is_err(), "OCM has not reported, but the hub is ready");
    play_ocm(&server);
    // Any change of the ClusterManager; the stand-in reports on it.
    let label = serde_json::json!({"metadata": {"annotations": {"touched": "once"}}});
    server.direct().merge(&manager_kind(), "", MANAGER, "", label).unwrap();
    wait.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_webhook_is_asked_again_after_a_second_and_not_before() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    server.inject(Fault::refuse(503).when(|request| request.dry_run).times(3));
    engine(&server).until_ready(&embedded("hub"), || server.now()).await.unwrap();
    let asked: Vec<_> = probes(&server).iter().map(|probe| probe.at).collect();
    assert_eq!(asked.len(), 4);
    // The second question is the watch's: its beginning tells of the ClusterManager, which may have
    // changed since the first pass. From then on there is no event.
    for pair in asked[1..].windows(2) {
        let gap = pair[1].duration_since(pair[0]);
        assert!(gap >= SignedDuration::from_secs(1), "asked again after {gap}");
        assert!(gap < SignedDuration::from_millis(1100), "asked again after {gap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_without_a_uid_is_known_by_its_name() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    engine(&server).until_ready(&embedded("one"), || server.now()).await.unwrap();
    assert_eq!(manager(&server).unwrap()["metadata"]["labels"][OWNER_UID], "one");
    // The same name again, in another process: the hub is found made, and nothing is written.
    server.clear_requests();
    engine(&server).until_ready(&embedded("one"), || server.now()).await.unwrap();
    assert_eq!(writes(&server), Vec::<String>::new());
    // Another name is another owner, who is taken to exist.
    let error = engine(&server).until_ready(&embedded("two"), || server.now()).await.unwrap_err();
    assert!(matches!(&error, HubError::Refused { message, .. } if message.contains("/one")), "{error}");
    assert_eq!(error.reason().as_str(), "HubAlreadyClaimed");
    assert_eq!(writes(&server), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_label_is_shortened() {
    let server = bare();
    play_ocm(&server);
    serve_managed_clusters(&server);
    let long = "h".repeat(100);
    engine(&server).until_ready(&embedded(&long), || server.now()).await.unwrap();
    let uid = manager(&server).unwrap()["metadata"]["labels"][OWNER_UID].as_str().unwrap().to_owned();
    assert!(uid.len() <= 63 && uid.starts_with("hhh"), "{uid}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_cannot_be_carried_out_is_refused_at_once_and_nothing_is_written() {
    let server = bare();
    let mut hub = embedded("hub");
    hub.spec.cluster_manager = None;
    hub.spec.singleton = Some(Default::default());
    let error = engine(&server).until_ready(&hub, || server.now()).await.unwrap_err();
    assert!(matches!(error, HubError::Refused { .. }), "{error}");
    assert_eq!(error.reason().as_str(), "NotYetSupported");
    assert!(error.to_string().contains("spec.singleton"), "{error}");
    assert_eq!(writes(&server), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_answer_is_an_error_with_its_reason() {
    let server = bare();
    let credentials = server.inject(Fault::refuse(401));
    let error = engine(&server).until_ready(&embedded("hub"), || server.now()).await.unwrap_err();
    assert!(matches!(error, HubError::Observe(_)), "{error}");
    assert_eq!(error.reason().as_str(), "CredentialsRejected");
    credentials.remove();

    let writing = server.inject(Fault::refuse(403).when(|request| request.is_write()));
    let error = engine(&server).until_ready(&embedded("hub"), || server.now()).await.unwrap_err();
    assert!(matches!(error, HubError::Execute(_)), "{error}");
    assert_eq!(error.reason().as_str(), "PermissionDenied");
    writing.remove();

    // What failed is continued by calling again.
    play_ocm(&server);
    serve_managed_clusters(&server);
    engine(&server).until_ready(&embedded("hub"), || server.now()).await.unwrap();
}
