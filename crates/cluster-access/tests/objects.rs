//! What single calls send, and what they make of the answers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use cluster_access::{Deleted, Failure, Force, Manifest, ObjectKey, Presence, PropagationPolicy};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::ListParams;
use kube::core::ObjectMeta;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use support::cluster;

fn key() -> ObjectKey {
    ObjectKey::namespaced::<ConfigMap>("ns", "a")
}

fn manifest() -> Manifest {
    Manifest::of_value::<ConfigMap>(json!({"metadata": {"name": "a", "namespace": "ns"}, "data": {"k": "v"}}))
        .unwrap()
}

fn not_found() -> (u16, Value) {
    (
        404,
        json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "configmaps \"a\" not found",
            "details": {"name": "a", "kind": "configmaps"}}),
    )
}

#[tokio::test]
async fn a_missing_object_and_a_missing_kind_are_none() {
    let (cluster, _) = cluster(|seen| match seen.path.as_str() {
        "/api/v1/namespaces/ns/configmaps/a" => not_found(),
        _ => (404, json!("404 page not found\n")),
    });
    assert!(cluster.get(&key()).await.unwrap().is_none());
    assert!(cluster.get(&ObjectKey::cluster::<Namespace>("x")).await.unwrap().is_none());
    assert!(cluster.list::<Namespace>(None, &ListParams::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_404_of_a_proxy_is_not_a_missing_object() {
    let (cluster, _) = cluster(|_| (404, json!("<html>Not Found</html>")));
    let error = cluster.get(&key()).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::Unintelligible { .. }), "{error}");
}

#[tokio::test]
async fn an_object_is_read_into_a_view_of_it() {
    #[derive(Deserialize)]
    struct View {
        metadata: ObjectMeta,
    }
    let (cluster, log) = cluster(|_| (200, json!({"metadata": {"name": "a"}, "data": {"k": "v"}})));
    let view: View = cluster.get_as(&key()).await.unwrap().unwrap();
    assert_eq!(view.metadata.name.as_deref(), Some("a"));
    assert_eq!(log.lines(), ["GET /api/v1/namespaces/ns/configmaps/a"]);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_not_quoted() {
    for body in [
        json!({"metadata": {"name": 7}, "data": "s3cr3t"}),
        json!("<html>s3cr3t"),
        json!({"metadata": "s3cr3t"}),
    ] {
        let (cluster, _) = cluster(move |_| (200, body.clone()));
        let error = cluster.get(&ObjectKey::namespaced::<Secret>("ns", "a")).await.unwrap_err();
        assert!(matches!(error.failure(), Failure::Unintelligible { .. }));
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        assert!(error.to_string().starts_with("reading Secret ns/a: "), "{error}");
    }
}

#[tokio::test]
async fn a_name_cannot_reach_another_object() {
    let (cluster, log) = cluster(|_| (200, json!({})));
    for name in ["", ".", "..", "a/status", "a?x", "a%2fstatus", "a#b", "ä"] {
        let key = ObjectKey::namespaced::<ConfigMap>("ns", name);
        assert!(cluster.get(&key).await.is_err(), "{name}");
        assert!(cluster.delete(&key, None, PropagationPolicy::Background).await.is_err(), "{name}");
    }
    assert!(cluster.get(&ObjectKey::namespaced::<ConfigMap>("../x", "a")).await.is_err());
    assert!(log.all().is_empty());
    assert!(cluster.get(&ObjectKey::cluster::<Namespace>("system:a.b-c")).await.is_ok());
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let (cluster, log) = cluster(|seen| {
        let page = |name: &str, next: &str| json!({"metadata": {"continue": next}, "items": [{"metadata": {"name": name}}]});
        (200, if seen.query.contains("continue=two") { page("b", "") } else { page("a", "two") })
    });
    let names: Vec<_> = cluster
        .list::<ConfigMap>(Some("ns"), &ListParams::default().labels("x=y"))
        .await
        .unwrap()
        .into_iter()
        .map(|object| object.metadata.name.unwrap())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        log.all()
            .iter()
            .all(|seen| seen.query.contains("labelSelector=x%3Dy") && seen.query.contains("limit=250"))
    );
}

#[tokio::test]
async fn an_apply_is_a_server_side_apply_by_its_manager() {
    let (cluster, log) = cluster(|seen| (200, seen.body.clone()));
    cluster.apply(&manifest(), "us", Force::Force).await.unwrap();
    cluster.apply(&manifest(), "us", Force::Shared).await.unwrap();
    let [forced, shared] = log.all().try_into().unwrap();
    assert_eq!(forced.line(), "PATCH /api/v1/namespaces/ns/configmaps/a");
    assert_eq!(forced.content_type, "application/apply-patch+yaml");
    assert!(
        forced.query.contains("fieldManager=us") && forced.query.contains("force=true"),
        "{}",
        forced.query
    );
    assert!(!shared.query.contains("force"), "{}", shared.query);
    assert_eq!(forced.body, manifest().body);
}

#[tokio::test]
async fn a_status_is_applied_to_its_subresource() {
    let (cluster, log) = cluster(|seen| (200, seen.body.clone()));
    let read = ObjectMeta {
        uid: Some("u".to_owned()),
        resource_version: Some("7".to_owned()),
        ..ObjectMeta::default()
    };
    cluster.apply_status(&key(), &read, json!({"phase": "Running"}), "us").await.unwrap();
    let [seen] = log.all().try_into().unwrap();
    assert_eq!(seen.line(), "PATCH /api/v1/namespaces/ns/configmaps/a/status");
    assert_eq!(
        seen.body,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7"}, "status": {"phase": "Running"}})
    );
}

#[tokio::test]
async fn a_repair_is_for_the_object_that_was_seen() {
    let (cluster, log) = cluster(|seen| match seen.method.as_str() {
        "GET" => (
            200,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns", "uid": "u"}}),
        ),
        _ => (200, seen.body.clone()),
    });
    cluster.ensure(&[manifest()], "us", Presence::Unknown).await.unwrap();
    let [_read, repair] = log.all().try_into().unwrap();
    assert_eq!(repair.line(), "PATCH /api/v1/namespaces/ns/configmaps/a");
    assert_eq!(repair.body["metadata"]["uid"], "u", "an apply without it would make the object anew");
}

#[tokio::test]
async fn a_creation_is_posted_and_a_trial_is_dry() {
    let (cluster, log) = cluster(|seen| (201, seen.body.clone()));
    cluster.create(&manifest(), "us").await.unwrap();
    cluster.create_dry_run(&manifest(), "us").await.unwrap();
    let [real, trial] = log.all().try_into().unwrap();
    assert_eq!(real.line(), "POST /api/v1/namespaces/ns/configmaps");
    assert!(!real.query.contains("dryRun"));
    assert!(trial.query.contains("dryRun=All"));
}

#[tokio::test]
async fn a_failed_test_of_a_json_patch_is_a_stale_object() {
    let (cluster, log) = cluster(|_| {
        (
            422,
            json!({"kind": "Status", "code": 422, "reason": "Invalid", "details": {},
            "message": "the server rejected our request due to an error in our request"}),
        )
    });
    let operations = [json!({"op": "test", "path": "/metadata/uid", "value": "1"})];
    let error = cluster.json_patch(&key(), &operations, "us").await.unwrap_err();
    assert!(matches!(error.failure(), Failure::Stale { .. }));
    assert_eq!(log.all()[0].content_type, "application/json-patch+json");
    let nonsense = cluster.json_patch(&key(), &[json!({"op": "rob"})], "us").await.unwrap_err();
    assert!(matches!(nonsense.failure(), Failure::Invalid { .. }));
    assert_eq!(log.all().len(), 1);
}

#[tokio::test]
async fn a_delete_tells_what_became_of_the_object() {
    let outcome = |status: u16, body: Value| async move {
        let (cluster, log) = cluster(move |_| (status, body.clone()));
        let outcome = cluster.delete(&key(), Some("u1"), PropagationPolicy::Foreground).await;
        let [seen] = log.all().try_into().unwrap();
        assert_eq!(seen.body["preconditions"], json!({"uid": "u1"}));
        assert_eq!(seen.body["propagationPolicy"], json!("Foreground"));
        outcome
    };
    let gone = outcome(200, json!({"kind": "Status", "status": "Success", "metadata": {}})).await;
    assert_eq!(gone.unwrap(), Deleted::Now);
    let returned = outcome(200, json!({"kind": "Service", "metadata": {"name": "a"}})).await;
    assert_eq!(returned.unwrap(), Deleted::Now, "some kinds answer with what was deleted");
    let marked = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["f"]},
        "spec": {"finalizers": ["kubernetes"]}});
    let pending = outcome(200, marked).await;
    assert_eq!(pending.unwrap(), Deleted::Pending { finalizers: vec!["f".into(), "kubernetes".into()] });
    let (status, body) = not_found();
    assert_eq!(outcome(status, body).await.unwrap(), Deleted::Gone);
    let namesake = outcome(
        409,
        json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "Precondition failed: UID"}),
    )
    .await;
    assert!(matches!(namesake.unwrap_err().failure(), Failure::Stale { .. }));
}

#[tokio::test]
async fn an_approval_holds_only_for_the_csr_that_was_judged() {
    let (cluster, log) = cluster(|_| (200, json!({})));
    cluster.approve_csr("csr-1", "42", "Why", "because").await.unwrap();
    let [seen] = log.all().try_into().unwrap();
    assert_eq!(seen.line(), "PATCH /apis/certificates.k8s.io/v1/certificatesigningrequests/csr-1/approval");
    assert_eq!(seen.content_type, "application/merge-patch+json");
    assert_eq!(seen.body["metadata"]["resourceVersion"], "42");
    assert_eq!(
        seen.body["status"]["conditions"],
        json!([{"type": "Approved", "status": "True", "reason": "Why", "message": "because"}])
    );
}

#[tokio::test]
async fn a_minted_token_is_held_back_from_debug() {
    let (cluster, log) = cluster(|_| {
        (201, json!({"status": {"token": "s3cr3t", "expirationTimestamp": "2026-01-01T00:10:00Z"}}))
    });
    let minted = cluster.mint_token("ns", "sa", 600).await.unwrap();
    assert_eq!(minted.secret.expose_secret(), "s3cr3t");
    assert_eq!(minted.expires_at.to_string(), "2026-01-01T00:10:00Z");
    assert!(!format!("{minted:?}").contains("s3cr3t"));
    let [seen] = log.all().try_into().unwrap();
    assert_eq!(seen.line(), "POST /api/v1/namespaces/ns/serviceaccounts/sa/token");
    assert_eq!(seen.body["spec"], json!({"expirationSeconds": 600}));
}

#[tokio::test]
async fn a_cluster_is_asked_once_who_it_is() {
    let (cluster, log) = cluster(|_| (200, json!({"metadata": {"uid": "u-1"}})));
    assert_eq!(cluster.uid().await.unwrap().as_str(), "u-1");
    assert_eq!(cluster.clone().uid().await.unwrap().as_str(), "u-1");
    assert_eq!(log.lines(), ["GET /api/v1/namespaces/kube-system"]);
}

#[tokio::test]
async fn a_cluster_that_could_not_tell_is_asked_again() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let up = Arc::new(AtomicBool::new(false));
    let state = up.clone();
    let (cluster, _) = cluster(move |_| match state.load(Ordering::SeqCst) {
        true => (200, json!({"metadata": {"uid": "u-1"}})),
        false => (
            503,
            json!({"kind": "Status", "code": 503, "reason": "ServiceUnavailable", "message": "starting"}),
        ),
    });
    assert!(cluster.uid().await.unwrap_err().is_transient());
    up.store(true, Ordering::SeqCst);
    assert_eq!(cluster.uid().await.unwrap().as_str(), "u-1");
}

#[tokio::test]
async fn a_providers_version_is_understood() {
    let (cluster, _) =
        cluster(|_| (200, json!({"major": "1", "minor": "35+", "gitVersion": "v1.35.2-gke.1"})));
    let version = cluster.server_version().await.unwrap();
    assert_eq!((version.major, version.minor, version.git_version.as_str()), (1, 35, "v1.35.2-gke.1"));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    use kube::client::Body;
    let never = tower::service_fn(|_: http::Request<Body>| {
        std::future::pending::<Result<http::Response<Body>, std::convert::Infallible>>()
    });
    let options = cluster_access::AccessOptions::default();
    let cluster = cluster_access::Cluster::from_client(kube::Client::new(never, "default"), &options);
    let error = cluster.get(&key()).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::Timeout { after } if *after == options.request_timeout));
    assert!(error.is_transient());
}
