//! Sets of objects on an in-memory API server: written once, in order, and not again; deleted in
//! reverse, and only when ours.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod support;

use std::collections::HashSet;

use cluster_access::{
    AccessOptions, Cluster, Executor, Failure, Ledger, Manifest, ObjectKey, Presence, drift,
};
use fleet_plan::manifests::inventory::{Inventory, OWNER_UID};
use fleet_plan::plan::{Step, Target};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{ApiResource, GroupVersionKind};
use memory_apiserver::{MemoryApiServer, StopAt, StopMode, Verb};
use serde_json::{Value, json};

const US: &str = "us";

fn labels() -> Vec<(String, String)> {
    vec![("owner".to_owned(), "us".to_owned())]
}

fn widget_kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("example.com", "v1", "Widget"))
}

/// An operator with what it needs and its custom resource, deliberately out of order.
fn operator() -> Vec<Manifest> {
    let meta = |name: &str, namespace: Option<&str>| match namespace {
        Some(namespace) => json!({"name": name, "namespace": namespace, "labels": {"owner": "us"}}),
        None => json!({"name": name, "labels": {"owner": "us"}}),
    };
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta("w", None),
        "spec": {"size": 1, "on": false}});
    let key = ObjectKey { resource: widget_kind(), namespace: None, name: "w".to_owned() };
    vec![
        Manifest { key, body: widget },
        Manifest::of_value::<Deployment>(json!({"metadata": meta("operator", Some("ns")), "spec": {
            "selector": {"matchLabels": {"app": "o"}},
            "template": {"metadata": {"labels": {"app": "o"}}, "spec": {"containers": [{"name": "o", "image": "o:1"}]}},
        }}))
        .unwrap(),
        Manifest::of_value::<ServiceAccount>(json!({"metadata": meta("operator", Some("ns"))})).unwrap(),
        Manifest::of_value::<Secret>(json!({"metadata": meta("pull", Some("ns")), "data": {"k": "dg=="}})).unwrap(),
        Manifest::of_value::<ClusterRole>(json!({"metadata": meta("operator", None),
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}))
        .unwrap(),
        Manifest::of_value::<Namespace>(json!({"metadata": meta("ns", None)})).unwrap(),
        Manifest::of_value::<CustomResourceDefinition>(json!({"metadata": meta("widgets.example.com", None), "spec": {
            "group": "example.com", "scope": "Cluster",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        }}))
        .unwrap(),
    ]
}

fn keys(set: &[Manifest]) -> Vec<ObjectKey> {
    set.iter().map(|manifest| manifest.key.clone()).collect()
}

fn open(server: &MemoryApiServer) -> Cluster {
    Cluster::from_client(server.client(), &AccessOptions::default())
}

/// Kinds in the order in which requests of a verb arrived.
fn order(server: &MemoryApiServer, verb: Verb) -> Vec<String> {
    let requests = server.requests_where(|request| request.verb == verb);
    requests.into_iter().map(|request| request.info.resource).collect()
}

fn position(order: &[String], kind: &str) -> usize {
    order.iter().position(|it| it == kind).unwrap_or_else(|| panic!("no {kind} in {order:?}"))
}

#[tokio::test]
async fn an_absent_set_is_written_in_order_without_a_look() {
    let server = MemoryApiServer::new();
    let report = open(&server).ensure(&operator(), US, Presence::Absent).await.unwrap();
    assert!(report.is_complete());
    assert_eq!((report.applied.len(), report.unchanged), (7, 0));
    assert!(order(&server, Verb::Get).is_empty());
    let writes = order(&server, Verb::Patch);
    let (last, before) = writes.split_last().unwrap();
    assert_eq!(last, "widgets");
    assert_eq!(before.last().unwrap(), "deployments");
    for support in ["serviceaccounts", "secrets", "clusterroles"] {
        assert!(position(&writes, "namespaces") < position(&writes, support));
        assert!(position(&writes, "customresourcedefinitions") < position(&writes, support));
    }
    let widget = operator()[0].key.clone();
    assert_eq!(report.live(&widget).unwrap().data["spec"]["size"], 1);
}

#[tokio::test]
async fn a_set_that_is_as_declared_is_not_written_again() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    server.clear_requests();
    let report = cluster.ensure(&operator(), US, Presence::Unknown).await.unwrap();
    assert_eq!((report.applied.len(), report.unchanged), (0, 7));
    assert_eq!(server.requests().len(), 7);
    assert!(server.requests().iter().all(|request| !request.is_write()));
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    // Somebody takes a right away from the role, and we want another image and no pull secret data.
    let role = ApiResource::erase::<ClusterRole>(&());
    server.direct().merge(&role, "", "operator", "", json!({"rules": []})).unwrap();
    let mut set = operator();
    set[1].body["spec"]["template"]["spec"]["containers"][0]["image"] = json!("o:2");
    set[3].body.as_object_mut().unwrap().remove("data");
    server.clear_requests();
    let report = cluster.ensure(&set, US, Presence::Unknown).await.unwrap();
    assert_eq!(order(&server, Verb::Patch), ["secrets", "clusterroles", "deployments"]);
    assert_eq!((report.applied.len(), report.unchanged), (3, 4));
    let rules = server.direct().get(&role, "", "operator").unwrap();
    assert_eq!(rules["rules"][0]["resources"], json!(["pods"]));
    let secret = server.direct().get(&ApiResource::erase::<Secret>(&()), "ns", "pull").unwrap();
    assert_eq!(secret.get("data"), None);
}

#[tokio::test]
async fn a_known_set_costs_no_request_until_it_is_struck_out() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    let ledger = Ledger::default();
    let now = Timestamp::UNIX_EPOCH;
    let ensure = async |set: &[Manifest]| {
        server.clear_requests();
        cluster.ensure_unless_known(&ledger, "operator", set, US, Presence::Unknown, now).await.unwrap()
    };
    ensure(&operator()).await;
    let again = ensure(&operator()).await;
    assert_eq!(again.unchanged, 7);
    assert!(server.requests().is_empty());
    let mut other = operator();
    other[0].body["spec"]["size"] = json!(2);
    ensure(&other).await;
    assert_eq!(order(&server, Verb::Patch), ["widgets"]);
    ledger.invalidate(&cluster.uid().await.unwrap(), "operator");
    ensure(&other).await;
    assert_eq!(server.requests().len(), 7);
}

#[tokio::test]
async fn labels_of_a_shared_namespace_are_not_fought_over() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    let theirs = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "labels": {"owner": "them"}}});
    server.direct().acting_as(memory_apiserver::Identity::admin(), "them").apply(theirs).unwrap();
    let error = cluster.ensure(&operator(), US, Presence::Unknown).await.unwrap_err();
    let Failure::Conflict { managers, fields } = error.failure() else { panic!("{error:?}") };
    assert_eq!(managers, &["them"]);
    assert_eq!(fields, &[".metadata.labels.owner"]);
}

/// A cluster that is the hub of one fleet and a spoke of another.
#[tokio::test]
async fn a_namespace_that_another_owner_holds_is_used_without_our_labels() {
    let namespace = |owner: &str| {
        let inventory = Inventory::of("Spoke", "fleets", owner, owner);
        let labels: serde_json::Map<String, Value> =
            inventory.labels().iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        Manifest::of_value::<Namespace>(json!({"metadata": {"name": "both", "labels": labels}})).unwrap()
    };
    for presence in [Presence::Absent, Presence::Unknown] {
        let server = MemoryApiServer::new();
        let cluster = open(&server);
        cluster.ensure(&[namespace("first")], "them", Presence::Absent).await.unwrap();
        cluster.ensure(&[namespace("second")], US, presence).await.unwrap();
        server.clear_requests();
        let report = cluster.ensure(&[namespace("second")], US, Presence::Unknown).await.unwrap();
        assert_eq!(report.unchanged, 1, "a guest writes once");
        let live = server.direct().get(&namespace("first").key.resource, "", "both").unwrap();
        assert_eq!(live["metadata"]["labels"][OWNER_UID], "first");
        // One of ours that took the place of another of the same engine is its owner, not a guest.
        cluster.ensure(&[namespace("third")], "them", Presence::Unknown).await.unwrap();
        let live = server.direct().get(&namespace("first").key.resource, "", "both").unwrap();
        assert_eq!(live["metadata"]["labels"][OWNER_UID], "third");
    }
}

#[tokio::test]
async fn an_object_on_its_way_out_is_waited_for() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let held = json!({"metadata": {"finalizers": ["example.com/held"]}});
    server.direct().merge(&widget_kind(), "", "w", "", held).unwrap();
    server.direct().delete(&widget_kind(), "", "w").unwrap();
    let ledger = Ledger::default();
    for _ in 0..2 {
        let now = Timestamp::UNIX_EPOCH;
        let report = cluster.ensure_unless_known(&ledger, "o", &operator(), US, Presence::Unknown, now).await;
        assert_eq!(report.unwrap().pending, Some(operator()[0].key.clone()));
    }
    server.direct().merge(&widget_kind(), "", "w", "", json!({"metadata": {"finalizers": null}})).unwrap();
    let report = cluster.ensure(&operator(), US, Presence::Unknown).await.unwrap();
    assert_eq!(report.applied, [operator()[0].key.clone()]);
}

#[tokio::test]
async fn a_crash_at_any_request_leaves_what_the_next_run_completes() {
    for mode in [StopMode::BeforeRequest, StopMode::BeforeResponse] {
        for k in 1.. {
            let server = MemoryApiServer::new();
            let cluster = open(&server);
            server.stop_at(StopAt::request(k, mode));
            let first = cluster.ensure(&operator(), US, Presence::Unknown).await;
            if !server.stopped() {
                assert!(first.is_ok());
                assert!(k > 14, "fewer requests than objects: {k}");
                break;
            }
            server.resume();
            let report = cluster.ensure(&operator(), US, Presence::Unknown).await.unwrap();
            assert!(report.is_complete());
            for manifest in operator() {
                let live = cluster.get(&manifest.key).await.unwrap().unwrap();
                assert_eq!(drift(&manifest, &live, US), None, "{} after {k} {mode:?}", manifest.key);
            }
        }
    }
}

/// A kind that is served only some time after its definition was written, as on a real server.
#[tokio::test]
async fn a_custom_resource_waits_for_its_kind_by_the_events_of_its_definition() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let definition = |established: &str| {
        let conditions = json!([{"type": "Established", "status": established}]);
        json!({"metadata": {"name": "widgets.example.com", "resourceVersion": "7"}, "status": {"conditions": conditions}})
    };
    let event = |established| json!({"type": "MODIFIED", "object": definition(established)}).to_string();
    let events = format!("{}\n{}\n{}\n", event("False"), event("True"), event("True"));
    let seen_first = definition("False");
    let tries = Arc::new(AtomicUsize::new(0));
    let (cluster, log) = support::cluster(move |seen| match seen.line().as_str() {
        "PATCH /apis/example.com/v1/widgets/w" => match tries.fetch_add(1, Ordering::SeqCst) {
            // Before it is established, and just after: the server's own watch lags behind ours.
            0 | 1 => (404, json!("404 page not found\n")),
            _ => (200, seen.body.clone()),
        },
        "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com" => {
            (200, seen_first.clone())
        }
        "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions" => (200, json!(events)),
        _ => (200, seen.body.clone()),
    });
    let set = [operator().remove(6), operator().remove(0)];
    let report = cluster.ensure(&set, US, Presence::Absent).await.unwrap();
    assert!(report.is_complete());
    let watch = &log.all()[3];
    assert!(
        watch.query.contains("watch=true") && watch.query.contains("resourceVersion=7"),
        "{}",
        watch.query
    );
    assert!(watch.query.contains("fieldSelector=metadata.name%3Dwidgets.example.com"), "{}", watch.query);
    assert_eq!(log.all().len(), 6, "definition, try, look, watch, try, try: {:?}", log.lines());
}

/// Only the deadline ends the wait: time is paused, so it passes at once.
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_defined_and_never_served_is_pending() {
    for established in ["False", "True"] {
        let definition = json!({"metadata": {"name": "widgets.example.com", "resourceVersion": "7"},
            "status": {"conditions": [{"type": "Established", "status": established}]}});
        let (cluster, _) = support::cluster(move |seen| match seen.path.as_str() {
            "/apis/example.com/v1/widgets/w" => (404, json!("404 page not found\n")),
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com" => {
                (200, definition.clone())
            }
            _ => (200, json!("")),
        });
        let set = [operator().remove(0)];
        let report = cluster.ensure(&set, US, Presence::Absent).await.unwrap();
        assert_eq!(report.pending, Some(set[0].key.clone()));
    }
}

#[tokio::test]
async fn a_kind_that_is_not_defined_is_an_error() {
    let server = MemoryApiServer::new();
    let error = open(&server).ensure(&operator()[..1], US, Presence::Absent).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::NotServed), "{error}");
    assert_eq!(error.to_string(), "applying Widget w: the cluster does not serve this kind");
}

#[tokio::test]
async fn an_operator_is_installed_although_its_custom_resource_is_on_its_way_out() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let held = json!({"metadata": {"finalizers": ["example.com/held"]}});
    server.direct().merge(&widget_kind(), "", "w", "", held).unwrap();
    server.direct().delete(&widget_kind(), "", "w").unwrap();
    server.direct().delete(&ApiResource::erase::<Deployment>(&()), "ns", "operator").unwrap();
    let report = cluster.ensure(&operator(), US, Presence::Unknown).await.unwrap();
    assert_eq!(report.pending, Some(operator()[0].key.clone()));
    assert_eq!(report.applied, [operator()[1].key.clone()], "it has to remove the finalizer");
}

#[tokio::test]
async fn a_set_is_deleted_in_reverse() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let report = cluster.delete_set(&keys(&operator()), &labels()).await.unwrap();
    let deletes = order(&server, Verb::Delete);
    assert_eq!(deletes[..2], ["widgets", "deployments"]);
    assert!(position(&deletes, "clusterroles") < position(&deletes, "namespaces"));
    let rest = if report.is_complete() {
        report
    } else {
        // A namespace and a definition may take a moment.
        cluster.delete_set(&keys(&operator()), &labels()).await.unwrap()
    };
    assert!(rest.is_complete(), "{rest:?}");
    assert!(cluster.get(&operator()[5].key).await.unwrap().is_none());
}

#[tokio::test]
async fn what_waits_for_a_finalizer_keeps_what_serves_it() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let held = json!({"metadata": {"finalizers": ["example.com/held"]}});
    server.direct().merge(&widget_kind(), "", "w", "", held).unwrap();
    for round in 0..2 {
        let report = cluster.delete_set(&keys(&operator()), &labels()).await.unwrap();
        let [remaining] = report.remaining.as_slice() else { panic!("{report:?}") };
        assert_eq!(remaining.key, operator()[0].key);
        assert_eq!(remaining.finalizers, ["example.com/held"]);
        assert_eq!(remaining.since.is_some(), round == 1);
        assert_eq!(report.waiting.len(), 6);
        assert_eq!(order(&server, Verb::Delete), ["widgets"]);
    }
    server.direct().merge(&widget_kind(), "", "w", "", json!({"metadata": {"finalizers": null}})).unwrap();
    let report = cluster.delete_set(&keys(&operator()), &labels()).await.unwrap();
    assert!(report.deleted.contains(&operator()[1].key), "{report:?}");
}

#[tokio::test]
async fn what_does_not_carry_our_labels_stays() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let role = ApiResource::erase::<ClusterRole>(&());
    server
        .direct()
        .merge(&role, "", "operator", "", json!({"metadata": {"labels": {"owner": "them"}}}))
        .unwrap();
    let role = operator()[4].key.clone();
    let report = cluster.delete_set(std::slice::from_ref(&role), &labels()).await.unwrap();
    assert_eq!(report.foreign, std::slice::from_ref(&role));
    let unlabelled = cluster.delete_set(&keys(&operator()), &[]).await.unwrap();
    assert_eq!(unlabelled.foreign.len(), 7, "without labels nothing is ours");
    assert!(order(&server, Verb::Delete).is_empty());
    assert!(cluster.get(&role).await.unwrap().is_some());
}

#[tokio::test]
async fn a_namesake_that_came_between_look_and_deletion_stays() {
    let ours = json!({"metadata": {"name": "a", "namespace": "ns", "uid": "1", "labels": {"owner": "us"}}});
    let (cluster, log) = support::cluster(move |seen| match seen.method.as_str() {
        "GET" => (200, ours.clone()),
        _ => (
            409,
            json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "Precondition failed"}),
        ),
    });
    let key = ObjectKey::namespaced::<ConfigMap>("ns", "a");
    let report = cluster.delete_set(std::slice::from_ref(&key), &labels()).await.unwrap();
    assert_eq!(report.foreign, [key]);
    assert_eq!(log.all()[1].content_type, "application/json");
    assert_eq!(log.all()[1].body["preconditions"], json!({"uid": "1"}));
}

#[tokio::test]
async fn only_what_is_ours_and_not_wanted_any_more_is_pruned() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let map = |name: &str, owner: &str| -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns", "labels": {"owner": owner}}})
    };
    for (name, owner) in [("kept", "us"), ("surplus", "us"), ("foreign", "them")] {
        server.direct().apply(map(name, owner)).unwrap();
    }
    let kinds = [
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::from_gvk(&GroupVersionKind::gvk("no.such", "v1", "Kind")),
    ];
    let keep = HashSet::from([ObjectKey::namespaced::<ConfigMap>("ns", "kept")]);
    let report = cluster.prune(&kinds, &labels(), &keep).await.unwrap();
    assert_eq!(report.deleted, [ObjectKey::namespaced::<ConfigMap>("ns", "surplus")]);
    assert!(report.is_complete());
    let left = server.direct().list(&kinds[0], "ns");
    let names: Vec<_> = left.iter().map(|map| map["metadata"]["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"kept") && names.contains(&"foreign") && !names.contains(&"surplus"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_step_deletes_what_carries_its_labels_and_nothing_without_labels() {
    let server = MemoryApiServer::new();
    let cluster = open(&server);
    cluster.ensure(&operator(), US, Presence::Absent).await.unwrap();
    let key = operator()[4].key.clone();
    let ledger = Ledger::default();
    let now = Timestamp::UNIX_EPOCH;
    let executor = Executor { hub: &cluster, spoke: None, manager: US, ledger: &ledger, now };
    let other = vec![("owner".to_owned(), "them".to_owned())];
    for (labels, stays) in [(Vec::new(), true), (other, true), (labels(), false), (labels(), false)] {
        let step = Step::DeleteOwned { target: Target::Hub, key: key.clone(), labels };
        executor.run(&[step]).await.unwrap();
        assert_eq!(cluster.get(&key).await.unwrap().is_some(), stays);
    }
}
