//! Against the fake API server, on paused time.

use std::time::Duration;

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::*;
use crate::fake_api::FakeApi;
use crate::streams::objects;

struct Bench {
    cache: Cache<ManagedCluster>,
    client: watch::Sender<Client>,
    tasks: Tasks,
    health: Health,
    metrics: Metrics,
}

impl Bench {
    /// Watches ManagedClusters of `api`, behind the gate of their CRD.
    fn start(api: &FakeApi) -> Self {
        let (tasks, health, metrics) = (Tasks::default(), Health::default(), Metrics::new());
        let (client, connection) = watch::channel(api.client());
        let served = watch_crds("crds".into(), connection.clone(), &tasks, &health, &metrics);
        let (cache, writer) = Cache::new();
        let stream = WatchStream::new("clusters", writer, |_| {}, |_| {}, &health, &metrics);
        let connect = |client| objects(Api::<DeserializeGuard<ManagedCluster>>::all(client), watch_config());
        let gate = Gate::of::<ManagedCluster>(&served);
        tasks.spawn("clusters", keep(stream, gate, connection, connect));
        Self { cache, client, tasks, health, metrics }
    }
}

async fn pass(seconds: u64) {
    sleep_until(Instant::now() + Duration::from_secs(seconds)).await;
}

fn cluster(name: &str) -> serde_json::Value {
    json!({"metadata": {"name": name}, "spec": {"hubAcceptsClient": true}})
}

#[tokio::test(start_paused = true)]
async fn a_crd_that_is_not_served_yet_is_waited_for() {
    let api = FakeApi::default();
    let bench = Bench::start(&api);
    // As a CRD is at first: nothing is decided yet.
    api.put::<CustomResourceDefinition>(json!({
        "metadata": {"name": "managedclusters.cluster.open-cluster-management.io"},
        "spec": {"versions": [{"name": "v1", "served": true}]},
        "status": {"acceptedNames": {"plural": "", "kind": ""}, "conditions": null, "storedVersions": null},
    }));
    pass(1).await;
    assert_eq!(bench.metrics.watch_errors("crds"), 0);
    for (established, served) in [("False", true), ("True", false)] {
        api.put_crd::<ManagedCluster>(established, served);
        pass(60).await;
        assert_eq!(bench.cache.state(), CacheState::NotServed, "{established} {served}");
        assert_eq!(api.lists::<ManagedCluster>(), 0);
    }
    api.install::<ManagedCluster>();
    pass(1).await;
    assert_eq!(bench.cache.state(), CacheState::Ready);
    assert_eq!(api.lists::<ManagedCluster>(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kind_is_asked_for_only_while_its_crd_exists() {
    let api = FakeApi::default();
    let bench = Bench::start(&api);
    pass(3600).await;
    assert_eq!(bench.cache.state(), CacheState::NotServed);
    assert_eq!(api.lists::<ManagedCluster>(), 0, "no request for a kind that is not served");
    assert_eq!(bench.health.stalled(), [""; 0], "waiting for a CRD is no stall");

    api.install::<ManagedCluster>();
    api.put::<ManagedCluster>(cluster("a"));
    pass(1).await;
    assert_eq!(bench.cache.state(), CacheState::Ready);
    assert_eq!(bench.cache.all().len(), 1);
    api.put::<ManagedCluster>(cluster("b"));
    pass(1).await;
    assert_eq!(bench.cache.all().len(), 2);

    api.uninstall::<ManagedCluster>();
    pass(1).await;
    assert_eq!(bench.cache.state(), CacheState::NotServed);
    assert_eq!(bench.cache.all().len(), 0);
    let lists = api.lists::<ManagedCluster>();
    pass(3600).await;
    assert_eq!(api.lists::<ManagedCluster>(), lists);

    api.install::<ManagedCluster>();
    pass(1).await;
    assert_eq!(bench.cache.state(), CacheState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_brings_the_difference() {
    let (old, new) = (FakeApi::default(), FakeApi::default());
    for (api, name) in [(&old, "a"), (&new, "b")] {
        api.install::<ManagedCluster>();
        api.put::<ManagedCluster>(cluster(name));
    }
    let bench = Bench::start(&old);
    pass(1).await;
    bench.client.send_replace(new.client());
    pass(1).await;
    let names: Vec<String> = bench.cache.all().iter().map(|cluster| cluster.name_any()).collect();
    assert_eq!(names, ["b"]);
    assert_eq!(old.watches::<ManagedCluster>(), 0, "the old watch is closed");
    assert_eq!(old.watches::<CustomResourceDefinition>(), 0);
    assert_eq!(new.watches::<ManagedCluster>(), 1);
}

#[tokio::test(start_paused = true)]
async fn streams_end_with_the_sender_of_their_client() {
    let api = FakeApi::default();
    api.install::<ManagedCluster>();
    let Bench { client, tasks, .. } = Bench::start(&api);
    pass(1).await;
    assert_eq!(api.watches::<ManagedCluster>(), 1);
    drop(client);
    pass(1).await;
    assert_eq!(api.watches::<ManagedCluster>(), 0);
    assert_eq!(api.watches::<CustomResourceDefinition>(), 0);
    drop(tasks);
}
