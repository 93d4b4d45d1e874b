//! The whole operator against a fake API server, on paused time.

use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::core::error_boundary::InvalidObject;
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::fake_api::FakeApi;
use crate::idle::Idle;
use crate::leader_election::tests::Server;
use crate::reconcile::{Next, Pass, ReconcileError};

const MINUTE: Duration = Duration::from_secs(60);

/// Notes names and ends of passes; a pass takes ten seconds.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<Vec<String>>>);

impl Slow {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn noted(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Reconcile<Hub> for Slow {
    async fn reconcile(&self, hub: Arc<Hub>, _: &Pass) -> Result<Next, ReconcileError> {
        let name = hub.metadata.name.clone().unwrap();
        self.note(format!("{name} begins"));
        sleep_until(Instant::now() + Duration::from_secs(10)).await;
        self.note(format!("{name} ends"));
        Ok(Next::Await)
    }

    async fn report_invalid(&self, hub: Arc<InvalidObject>, _: &Pass) -> Result<Next, ReconcileError> {
        self.note(format!("{} is invalid", hub.metadata.name.as_deref().unwrap()));
        Ok(Next::Await)
    }
}

fn settings() -> Settings {
    Settings {
        watch_secrets: false,
        namespaces: Vec::new(),
        limits: Limits::default(),
        election: None,
        identity: "test".into(),
        http_address: ([127, 0, 0, 1], 0).into(),
        webhook: None,
    }
}

fn cluster() -> FakeApi {
    let api = FakeApi::default();
    api.install::<FleetConfig>();
    api.install::<Hub>();
    api.install::<Spoke>();
    api
}

fn put_hub(api: &FakeApi, namespace: &str, name: &str, spec: serde_json::Value) {
    api.put::<Hub>(json!({"metadata": {"name": name, "namespace": namespace, "uid": name}, "spec": spec}));
}

async fn pass(seconds: u64) {
    sleep_until(Instant::now() + Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn from_a_cluster_without_crds_to_an_orderly_end() {
    let api = FakeApi::default();
    let (slow, stop) = (Slow::default(), CancellationToken::new());
    let reconcilers = {
        let slow = slow.clone();
        move |_: &_| Reconcilers { fleets: Idle, hubs: slow, spokes: Idle }
    };
    let operator = tokio::spawn(run(api.client(), settings(), reconcilers, stop.clone()));
    pass(300).await;
    api.install::<FleetConfig>();
    api.install::<Hub>();
    api.install::<Spoke>();
    put_hub(&api, "n", "broken", json!({"kubeconfig": 7}));
    put_hub(&api, "n", "first", json!({"kubeconfig": {"inCluster": true}}));
    pass(11).await;
    put_hub(&api, "n", "second", json!({"kubeconfig": {"inCluster": true}}));
    pass(5).await;
    assert_eq!(slow.noted(), ["broken is invalid", "first begins", "first ends", "second begins"]);
    stop.cancel();
    timeout(MINUTE, operator).await.unwrap().unwrap().unwrap();
    assert_eq!(slow.noted().last().unwrap(), "second ends", "the end waits for passes");
}

#[tokio::test(start_paused = true)]
async fn only_the_named_namespaces_are_served() {
    let api = cluster();
    let (slow, stop) = (Slow::default(), CancellationToken::new());
    let reconcilers = {
        let slow = slow.clone();
        move |_: &_| Reconcilers { fleets: Idle, hubs: slow, spokes: Idle }
    };
    let settings = Settings { namespaces: vec!["a".into(), "b".into()], ..settings() };
    let operator = tokio::spawn(run(api.client(), settings, reconcilers, stop.clone()));
    for namespace in ["a", "b", "c"] {
        put_hub(&api, namespace, namespace, json!({"kubeconfig": {"inCluster": true}}));
    }
    pass(20).await;
    stop.cancel();
    operator.await.unwrap().unwrap();
    let noted = slow.noted();
    assert!(noted.contains(&"a ends".into()) && noted.contains(&"b ends".into()), "{noted:?}");
    assert!(!noted.contains(&"c begins".into()), "{noted:?}");
}

#[tokio::test(start_paused = true)]
async fn secrets_are_listed_where_that_was_asked_for_and_never_in_all_namespaces() {
    for (namespaces, watch_secrets, expected) in
        [(vec!["a", "b"], true, 2), (vec!["a", "b"], false, 0), (vec![], true, 0)]
    {
        let api = cluster();
        api.serve::<Secret>();
        let stop = CancellationToken::new();
        let reconcilers = |_: &_| Reconcilers { fleets: Idle, hubs: Idle, spokes: Idle };
        let namespaces: Vec<String> = namespaces.into_iter().map(str::to_owned).collect();
        let settings = Settings { namespaces, watch_secrets, ..settings() };
        let operator = tokio::spawn(run(api.client(), settings, reconcilers, stop.clone()));
        pass(20).await;
        assert_eq!(api.watches::<Secret>(), expected, "{watch_secrets}");
        stop.cancel();
        operator.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lead_drops_the_work_and_an_orderly_end_gives_it_back() {
    let lease = Server::default();
    let (office, _) = watch::channel(Leadership::Unknown);
    let ended = while_leading(Some(lease.candidate("a")), office, pass(5)).await;
    ended.unwrap();
    assert_eq!(lease.holder(), "", "given back after the work");

    let (office, leadership) = watch::channel(Leadership::Unknown);
    let work = async {
        pass(1).await;
        assert_eq!(*leadership.borrow(), Leadership::Leader);
        lease.cut_off("b");
        std::future::pending().await
    };
    let ended = timeout(MINUTE, while_leading(Some(lease.candidate("b")), office, work)).await;
    assert!(matches!(ended, Ok(Err(LeadershipLost::NotRenewed(_)))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn without_election_work_begins_at_once() {
    let (office, leadership) = watch::channel(Leadership::Unknown);
    let work = async { assert_eq!(*leadership.borrow(), Leadership::Leader) };
    while_leading(None, office, work).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = Settings { http_address: taken.local_addr().unwrap(), ..settings() };
    let reconcilers = |_: &_| Reconcilers { fleets: Idle, hubs: Idle, spokes: Idle };
    let error =
        Box::pin(run(cluster().client(), settings, reconcilers, CancellationToken::new())).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
}
