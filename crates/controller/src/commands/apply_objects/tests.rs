//! Against an API server in memory.

use std::time::Duration;

use cluster_access::{AccessOptions, Cluster};
use kube::core::ApiResource;
use memory_apiserver::{Fault, Identity, MemoryApiServer, Verb};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::*;
use crate::commands::install_crds;
use fleetconfig_api::v1beta1::Hub;

fn cluster(server: &MemoryApiServer) -> Cluster {
    Cluster::from_client(server.client(), &AccessOptions::default())
}

async fn server() -> MemoryApiServer {
    let server = MemoryApiServer::new();
    install_crds::run(&cluster(&server), 60).await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}});
    server.direct().create(namespace).unwrap();
    server
}

const HUB: &str = "
# A comment, and nothing else.
---
apiVersion: fleetconfig.open-cluster-management.io/v1beta1
kind: Hub
metadata:
  name: hub
spec:
  kubeconfig:
    inCluster: true
  clusterManager: {}
  timeout: 100
";

/// Applies a text, as the command does a file.
async fn apply_text(server: &MemoryApiServer, text: &str, force: bool) -> anyhow::Result<()> {
    let manifests = manifests(text, "fleet")?;
    for manifest in &manifests {
        apply(&cluster(server), manifest, force, Patience::seconds(30))
            .await
            .map_err(|error| anyhow::anyhow!(told(&error)))?;
    }
    Ok(())
}

fn stored(server: &MemoryApiServer) -> Value {
    server.direct().get(&ApiResource::erase::<Hub>(&()), "fleet", "hub").unwrap()
}

#[tokio::test(start_paused = true)]
async fn objects_are_applied_and_a_second_time_changes_nothing() {
    let server = server().await;
    apply_text(&server, HUB, false).await.unwrap();
    let first = stored(&server);
    assert_eq!(first["spec"]["timeout"], 100);
    apply_text(&server, HUB, false).await.unwrap();
    assert_eq!(stored(&server), first);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_not_fought_unless_that_is_asked_for() {
    let server = server().await;
    apply_text(&server, HUB, false).await.unwrap();
    let user = server.direct().acting_as(Identity::admin(), "kubectl-edit");
    let kind = ApiResource::erase::<Hub>(&());
    user.merge(&kind, "fleet", "hub", "", json!({"spec": {"timeout": 200}})).unwrap();
    let error = apply_text(&server, HUB, false).await.unwrap_err().to_string();
    for word in ["Hub fleet/hub", "kubectl-edit", "timeout", "--force"] {
        assert!(error.contains(word), "{word} in {error}");
    }
    assert_eq!(stored(&server)["spec"]["timeout"], 200);
    let same = HUB.replace("timeout: 100", "timeout: 200");
    apply_text(&server, &same, false).await.unwrap();
    apply_text(&server, HUB, true).await.unwrap();
    assert_eq!(stored(&server)["spec"]["timeout"], 100);
}

#[tokio::test(start_paused = true)]
async fn what_helm_has_set_is_taken_over_and_goes_when_the_chart_drops_it() {
    let server = server().await;
    let helm = server.direct().acting_as(Identity::admin(), "helm");
    helm.create(json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Hub",
        "metadata": {"name": "hub", "namespace": "fleet"},
        "spec": {"kubeconfig": {"inCluster": true}, "clusterManager": {}, "timeout": 300, "apiServer": "https://old"},
    }))
    .unwrap();
    apply_text(&server, HUB, false).await.unwrap();
    let stored = stored(&server);
    assert_eq!(stored["spec"]["timeout"], 100);
    assert_eq!(stored["spec"].get("apiServer"), None);
    let managers = stored["metadata"]["managedFields"].to_string();
    assert!(!managers.contains("\"helm\""), "{managers}");
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_waited_for() {
    let server = server().await;
    let webhook = Fault::refuse(500).times(3);
    let silent = server.inject(webhook.when(|request| request.verb == Verb::Patch));
    apply_text(&server, HUB, false).await.unwrap();
    assert_eq!(silent.hits(), 3);

    let bare = MemoryApiServer::new();
    bare.direct()
        .create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}}))
        .unwrap();
    let later = bare.clone();
    let applied = tokio::spawn(async move { apply_text(&later, HUB, false).await });
    sleep_until(Instant::now() + Duration::from_secs(5)).await;
    install_crds::run(&cluster(&bare), 60).await.unwrap();
    applied.await.unwrap().unwrap();
}

#[test]
fn other_kinds_and_things_that_are_no_objects_are_refused() {
    let refused = |text: &str| format!("{:#}", manifests(text, "fleet").unwrap_err());
    let secret = "---\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n";
    let message = refused(secret);
    assert!(message.contains("object 1") && message.contains("\"Secret\" of \"v1\""), "{message}");
    let older = HUB.replace("v1beta1", "v1beta9");
    assert!(refused(&older).contains("v1beta9"));
    assert!(refused("- a\n").contains("not an object"));
    assert!(refused("a: [").contains("not YAML"));
    assert!(refused(&HUB.replace("name: hub", "labels: {}")).contains("metadata.name"));
    assert!(manifests("", "fleet").unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_file_is_named_when_it_is_missing() {
    let server = MemoryApiServer::new();
    let file = Path::new("/nonexistent/objects.yaml");
    let error = run(&cluster(&server), "fleet", file, 1, false).await.unwrap_err();
    assert!(format!("{error:#}").contains("/nonexistent/objects.yaml"), "{error:#}");
}
