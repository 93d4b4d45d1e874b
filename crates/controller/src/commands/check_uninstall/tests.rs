//! Against an API server in memory.

use cluster_access::{AccessOptions, Cluster};
use memory_apiserver::{Fault, MemoryApiServer};
use serde_json::json;

use super::*;
use crate::commands::install_crds;

fn cluster(server: &MemoryApiServer) -> Cluster {
    Cluster::from_client(server.client(), &AccessOptions::default())
}

fn spoke(server: &MemoryApiServer, namespace: &str, name: &str) {
    let direct = server.direct();
    let _ = direct.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
    direct
        .create(json!({
            "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Spoke",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"hubRef": {"name": "hub", "namespace": namespace}, "kubeconfig": {"inCluster": true}},
        }))
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_in_the_way_when_there_is_nothing() {
    let server = MemoryApiServer::new();
    run(&cluster(&server), &[]).await.unwrap();
    install_crds::run(&cluster(&server), 60).await.unwrap();
    run(&cluster(&server), &[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_named_and_only_in_our_namespaces() {
    let server = MemoryApiServer::new();
    install_crds::run(&cluster(&server), 60).await.unwrap();
    spoke(&server, "fleet", "paris");
    let error = run(&cluster(&server), &[]).await.unwrap_err().to_string();
    assert!(error.contains("\n  Spoke fleet/paris"), "{error}");
    run(&cluster(&server), &["other".to_owned()]).await.unwrap();
    let error =
        run(&cluster(&server), &["other".to_owned(), "fleet".to_owned()]).await.unwrap_err().to_string();
    assert!(error.contains("Spoke fleet/paris"), "{error}");
    for number in 0..60 {
        spoke(&server, "fleet", &format!("s{number}"));
    }
    let error = run(&cluster(&server), &[]).await.unwrap_err().to_string();
    assert!(error.ends_with("and 11 more"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn when_it_cannot_be_known_the_answer_is_no() {
    let server = MemoryApiServer::new();
    server.inject(Fault::refuse(403));
    let error = run(&cluster(&server), &[]).await.unwrap_err();
    assert!(format!("{error:#}").contains("not known whether there are spokes"), "{error:#}");
}
