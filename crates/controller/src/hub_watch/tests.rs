//! Against fake API servers, on paused time.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::*;
use crate::fake_api::FakeApi;

type Heard = Arc<Mutex<Vec<String>>>;

fn registry() -> (HubWatches, Heard) {
    let heard = Heard::default();
    let on_signal = {
        let heard = Arc::clone(&heard);
        Arc::new(move |signal: &HubSignal, holders: &[ObjectRef<Hub>]| {
            let what = match signal {
                HubSignal::ManagedCluster(Signal::Changed(change)) => change.key.name.clone(),
                HubSignal::Csr(Signal::Changed(change)) => change.key.name.clone(),
                HubSignal::ClusterManager(Signal::Changed(change)) => change.key.name.clone(),
                _ => return,
            };
            let mut holders: Vec<&str> = holders.iter().map(|hub| hub.name.as_str()).collect();
            holders.sort_unstable();
            heard.lock().unwrap().push(format!("{what} for {}", holders.join(", ")));
        })
    };
    let hubs = HubWatches::new(on_signal, Tasks::default(), Health::default(), Metrics::new());
    (hubs, heard)
}

fn hub(name: &str) -> ObjectRef<Hub> {
    ObjectRef::new(name).within("fleet")
}

fn connection(api: &FakeApi, uid: &str, revision: &str) -> HubConnection {
    HubConnection { uid: ClusterUid::from(uid.to_owned()), revision: revision.into(), client: api.client() }
}

async fn settle() {
    sleep_until(Instant::now() + Duration::from_secs(1)).await;
}

fn put_cluster(api: &FakeApi, name: &str) {
    api.put::<ManagedCluster>(json!({"metadata": {"name": name}, "spec": {}}));
}

fn hub_cluster() -> FakeApi {
    let api = FakeApi::default();
    api.serve::<CertificateSigningRequest>();
    api.serve::<ServiceAccount>();
    api
}

#[tokio::test(start_paused = true)]
async fn a_hub_is_watched_from_bare_cluster_to_fleet() {
    let api = hub_cluster();
    let (hubs, heard) = registry();
    let view = hubs.hold(&hub("h"), &connection(&api, "u", "1"));
    assert!(!view.is_known());
    settle().await;
    assert!(view.is_known(), "a cluster without OCM is known, too");
    assert_eq!(view.managed_clusters.state(), CacheState::NotServed);

    api.install::<ClusterManager>();
    api.put::<ClusterManager>(json!({"metadata": {"name": "cluster-manager"}, "spec": {}}));
    settle().await;
    api.install::<ManagedCluster>();
    put_cluster(&api, "spoke");
    api.put::<CertificateSigningRequest>(
        json!({"metadata": {"name": "csr"}, "spec": {"request": "", "signerName": "s"}}),
    );
    settle().await;
    assert_eq!(*heard.lock().unwrap(), ["cluster-manager for h", "csr for h", "spoke for h"]);
    assert!(view.is_known());
    assert_eq!(hubs.view(&view.uid).unwrap().managed_clusters.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn watches_are_shared_and_end_with_the_last_holder() {
    let api = hub_cluster();
    api.install::<ManagedCluster>();
    let (hubs, heard) = registry();
    let view = hubs.hold(&hub("a"), &connection(&api, "u", "1"));
    hubs.hold(&hub("b"), &connection(&api, "u", "other credentials"));
    hubs.hold(&hub("a"), &connection(&api, "u", "1"));
    settle().await;
    assert_eq!(api.watches::<ManagedCluster>(), 1);
    assert_eq!(api.lists::<ManagedCluster>(), 1);
    put_cluster(&api, "c1");
    settle().await;
    hubs.release(&hub("a"));
    put_cluster(&api, "c2");
    settle().await;
    assert_eq!(*heard.lock().unwrap(), ["c1 for a, b", "c2 for b"]);
    hubs.release(&hub("b"));
    settle().await;
    assert!(hubs.view(&view.uid).is_none());
    assert_eq!(api.watches::<ManagedCluster>(), 0);
    assert_eq!(api.watches::<CertificateSigningRequest>(), 0);
    assert_eq!(api.watches::<CustomResourceDefinition>(), 0);
}

#[tokio::test(start_paused = true)]
async fn new_credentials_connect_anew_and_keep_the_cache() {
    let (old, new) = (hub_cluster(), hub_cluster());
    let (hubs, heard) = registry();
    for api in [&old, &new] {
        api.install::<ManagedCluster>();
    }
    let view = hubs.hold(&hub("a"), &connection(&old, "u", "1"));
    settle().await;
    let same = hubs.hold(&hub("a"), &connection(&new, "u", "2"));
    assert!(Arc::ptr_eq(&view, &same));
    settle().await;
    assert_eq!(old.watches::<ManagedCluster>(), 0);
    put_cluster(&new, "c");
    settle().await;
    assert_eq!(*heard.lock().unwrap(), ["c for a"]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_moves_to_another_cluster_lets_go_of_the_first() {
    let (first, second) = (hub_cluster(), hub_cluster());
    let (hubs, _) = registry();
    let view = hubs.hold(&hub("a"), &connection(&first, "u1", "1"));
    hubs.hold(&hub("a"), &connection(&second, "u2", "1"));
    settle().await;
    assert!(hubs.view(&view.uid).is_none());
    assert_eq!(first.watches::<CertificateSigningRequest>(), 0);
    assert_eq!(second.watches::<CertificateSigningRequest>(), 1);
    drop(hubs);
    settle().await;
    assert_eq!(second.watches::<CertificateSigningRequest>(), 0, "and all end with the registry");
}
