//! Against an API server in memory.

use cluster_access::{AccessOptions, Cluster};
use kube::core::ApiResource;
use memory_apiserver::{Fault, MemoryApiServer};
use serde_json::{Value, json};

use super::*;

fn cluster(server: &MemoryApiServer) -> Cluster {
    Cluster::from_client(server.client(), &AccessOptions::default())
}

fn writes(server: &MemoryApiServer) -> usize {
    server.requests().iter().filter(|request| request.changed).count()
}

const HUBS: &str = "hubs.fleetconfig.open-cluster-management.io";

fn kind() -> ApiResource {
    ApiResource::erase::<CustomResourceDefinition>(&())
}

#[tokio::test(start_paused = true)]
async fn they_are_installed_once() {
    let server = MemoryApiServer::new();
    run(&cluster(&server), 60).await.unwrap();
    assert_eq!(writes(&server), 3);
    run(&cluster(&server), 60).await.unwrap();
    assert_eq!(writes(&server), 3, "nothing to do, nothing written");
}

#[tokio::test(start_paused = true)]
async fn one_of_an_older_release_that_helm_installed_is_brought_up_to_date() {
    let server = MemoryApiServer::new();
    run(&cluster(&server), 60).await.unwrap();
    let mut old = server.direct().get(&kind(), "", HUBS).unwrap();
    server.direct().delete(&kind(), "", HUBS).unwrap();
    old["metadata"] = json!({"name": HUBS});
    old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["relic"] =
        json!({"type": "string"});
    old.as_object_mut().unwrap().remove("status");
    let helm = server.direct().acting_as(memory_apiserver::Identity::admin(), "helm");
    helm.create(old).unwrap();
    run(&cluster(&server), 60).await.unwrap();
    let now = server.direct().get(&kind(), "", HUBS).unwrap();
    assert_eq!(now.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/relic"), None);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_not_there_yet_is_waited_for_and_not_for_ever() {
    let server = MemoryApiServer::new();
    server.inject(Fault::drop_connection().times(5));
    run(&cluster(&server), 60).await.unwrap();
    server.inject(Fault::drop_connection());
    let error = run(&cluster(&server), 5).await.unwrap_err();
    assert!(format!("{error:#}").contains("could not be installed"), "{error:#}");
    let server = MemoryApiServer::new();
    let forbidden = server.inject(Fault::refuse(403));
    let error = run(&cluster(&server), 60).await.unwrap_err();
    assert!(format!("{error:#}").contains("not permitted"), "{error:#}");
    assert_eq!(forbidden.hits(), 1, "what does not pass is not waited for");
}

#[test]
fn they_are_those_that_are_committed() {
    let committed = [
        include_str!("../../../../../crds/fleetconfig.open-cluster-management.io_fleetconfigs.yaml"),
        include_str!("../../../../../crds/fleetconfig.open-cluster-management.io_hubs.yaml"),
        include_str!("../../../../../crds/fleetconfig.open-cluster-management.io_spokes.yaml"),
    ];
    let committed: Vec<Value> = committed.iter().map(|text| serde_saphyr::from_str(text).unwrap()).collect();
    let built: Vec<Value> =
        fleetconfig_api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    assert_eq!(built, committed);
}

#[test]
fn what_stands_in_the_way_is_told() {
    let crd = |status: Value| -> CustomResourceDefinition {
        let names = json!({"kind": "X", "plural": "xs"});
        let spec = json!({"group": "g", "names": names, "scope": "Namespaced", "versions": []});
        serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": spec, "status": status})).unwrap()
    };
    let condition =
        |kind: &str, status: &str, message: &str| json!({"type": kind, "status": status, "message": message});
    assert!(unestablished(&crd(json!({}))).unwrap().contains("not judged"));
    let conflict = json!({"conditions": [condition("NamesAccepted", "False", "taken")]});
    assert_eq!(unestablished(&crd(conflict)).unwrap(), "NamesAccepted is False: taken");
    assert_eq!(unestablished(&crd(json!({"conditions": [condition("Established", "True", "")]}))), None);
}
