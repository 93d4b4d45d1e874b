//! What a client of the memory server sees and a test of a controller relies on.

#![allow(clippy::disallowed_methods, reason = "time is paused; sleeping moves it")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::{
    Api, Error,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    discovery::Discovery,
    runtime::{WatchStreamExt, watcher},
};
use memory_apiserver::{Fault, Identity, MemoryApiServer, Outcome, StopAt, StopMode, Verb};
use serde_json::json;

fn config_map(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
        data: Some([("key".to_owned(), value.to_owned())].into()),
        ..ConfigMap::default()
    }
}

fn is_connection_loss(error: &Error) -> bool {
    matches!(error, Error::Service(_))
}

#[tokio::test(start_paused = true)]
async fn objects_are_made_read_and_deleted() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let made = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    assert!(made.metadata.uid.is_some());
    assert_eq!(maps.get("a").await.unwrap(), made);
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 1);
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_reads_from_writes_and_changes_from_vain_writes() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> =
        Api::namespaced(server.client_as(Identity::user("me"), "tester/1.0"), "default");
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    maps.get("a").await.unwrap();
    let same = json!({"data": {"key": "1"}});
    maps.patch("a", &PatchParams::default(), &Patch::Merge(same)).await.unwrap();
    let log = server.requests();
    let seen: Vec<_> = log
        .iter()
        .map(|request| (request.info.verb, request.is_write(), request.changed, request.outcome))
        .collect();
    assert_eq!(
        seen,
        [
            (Verb::Create, true, true, Outcome::Answered(201)),
            (Verb::Get, false, false, Outcome::Answered(200)),
            (Verb::Patch, true, false, Outcome::Answered(200)),
        ]
    );
    assert!(log.iter().all(|request| request.info.user_agent == "tester/1.0" && request.info.user == "me"));
    assert_eq!(log[0].info.resource, "configmaps");
}

#[tokio::test(start_paused = true)]
async fn a_client_dies_before_its_kth_request() {
    let server = MemoryApiServer::new();
    let mine: Api<ConfigMap> = Api::namespaced(server.client_as(Identity::admin(), "mine"), "default");
    let other: Api<ConfigMap> = Api::namespaced(server.client_as(Identity::admin(), "other"), "default");
    server.stop_at(
        StopAt::request(2, StopMode::BeforeRequest).counting(|request| request.user_agent == "mine"),
    );
    mine.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    assert!(!server.stopped());
    let error = mine.create(&PostParams::default(), &config_map("b", "1")).await.unwrap_err();
    assert!(is_connection_loss(&error), "{error:?}");
    assert!(server.stopped());
    assert!(is_connection_loss(&mine.get("a").await.unwrap_err()));
    assert!(other.get_opt("b").await.unwrap().is_none(), "the second request reached the server");
    server.resume();
    mine.create(&PostParams::default(), &config_map("b", "1")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_dies_before_the_answer_to_its_kth_request() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let mut watch = maps.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    server.stop_at(StopAt::request(1, StopMode::BeforeResponse));
    let error = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap_err();
    assert!(is_connection_loss(&error));
    assert!(server.direct().get(&kube::core::ApiResource::erase::<ConfigMap>(&()), "default", "a").is_some());
    assert!(watch.next().await.unwrap().is_err(), "a dead client's watch goes on");
    let outcomes: Vec<_> = server.requests().into_iter().map(|request| request.outcome).collect();
    assert_eq!(outcomes, [Outcome::Answered(200), Outcome::ResponseLost(201)]);
}

#[tokio::test(start_paused = true)]
async fn faults_strike_the_requests_they_choose() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let busy = server
        .inject(Fault::refuse(429).retry_after(7).when(|request| request.verb == Verb::Get).skip(1).times(1));
    assert!(maps.get_opt("a").await.unwrap().is_none());
    match maps.get_opt("a").await.unwrap_err() {
        Error::Api(status) => {
            assert_eq!((status.code, status.reason.as_str()), (429, "TooManyRequests"));
            assert_eq!(status.details.unwrap().retry_after_seconds, 7);
        }
        other => panic!("{other:?}"),
    }
    assert!(maps.get_opt("a").await.unwrap().is_none());
    assert_eq!(busy.hits(), 1);

    let slow = server.inject(Fault::delay(Duration::from_secs(30)));
    let before = server.now();
    maps.list(&ListParams::default()).await.unwrap();
    assert_eq!(server.now().duration_since(before).as_secs(), 30);
    slow.remove();

    server.inject(Fault::lose_response().times(1));
    assert!(is_connection_loss(
        &maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap_err()
    ));
    assert!(maps.get_opt("a").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_swallows_requests_until_it_is_released() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let hole = server.inject(Fault::black_hole().when(|request| request.verb == Verb::Create));
    let (first, second) = (config_map("a", "1"), config_map("b", "1"));
    let parameters = PostParams::default();
    let impatient = tokio::time::timeout(Duration::from_secs(60), maps.create(&parameters, &first)).await;
    assert!(impatient.is_err());
    let patient = maps.create(&parameters, &second);
    let release = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        hole.release();
    };
    let (made, ()) = tokio::join!(patient, release);
    made.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none(), "a request whose client gave up was carried out");
}

#[tokio::test(start_paused = true)]
async fn hooks_play_controllers_in_order() {
    let server = MemoryApiServer::new();
    server.on_change(|direct, change| {
        if !change.is_of("", "namespaces") || change.object["metadata"]["labels"]["tenant"].is_null() {
            return;
        }
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "tenant", "namespace": change.name},
        });
        direct.apply(account).unwrap();
    });
    let namespaces: Api<Namespace> = Api::all(server.client());
    let tenant: Namespace =
        serde_json::from_value(json!({"metadata": {"name": "t", "labels": {"tenant": "x"}}})).unwrap();
    namespaces.create(&PostParams::default(), &tenant).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(server.client(), "t");
    accounts.get("tenant").await.unwrap();
    assert!(
        server
            .requests()
            .iter()
            .all(|request| !request.info.path.contains("serviceaccounts") || request.info.verb == Verb::Get)
    );
}

#[tokio::test(start_paused = true)]
async fn a_watcher_follows_through_a_compaction() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let mut events =
        watcher(maps.clone(), watcher::Config::default()).default_backoff().applied_objects().boxed();
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let first = events.try_next().await.unwrap().unwrap();
    assert_eq!(first.metadata.name.as_deref(), Some("a"));
    // The connection is lost, and what happened meanwhile is forgotten by the server.
    server.stop_at(StopAt::request(1, StopMode::BeforeRequest));
    assert!(maps.get("a").await.is_err());
    server
        .direct()
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "default"},
        }))
        .unwrap();
    server.compact();
    server.resume();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|name| name != "b") {
        if let Ok(Some(object)) = events.try_next().await {
            seen.push(object.metadata.name.unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_it_should_and_says_how_far_it_is() {
    let server = MemoryApiServer::new();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
    let start = server.resource_version().to_string();
    let parameters = WatchParams::default().timeout(150);
    let events: Vec<_> = maps.watch(&parameters, &start).await.unwrap().try_collect().await.unwrap();
    assert!(
        matches!(
            events.as_slice(),
            [WatchEvent::Bookmark(_), WatchEvent::Bookmark(_), WatchEvent::Bookmark(_)]
        ),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn discovery_of_either_kind_works() {
    let server = MemoryApiServer::new();
    for discovery in [
        Discovery::new(server.client()).run_aggregated().await.unwrap(),
        Discovery::new(server.client()).run().await.unwrap(),
    ] {
        let gvk = kube::core::GroupVersionKind::gvk("apps", "v1", "Deployment");
        let (resource, capabilities) = discovery.resolve_gvk(&gvk).unwrap();
        assert_eq!(resource.plural, "deployments");
        assert!(capabilities.supports_operation("patch"));
        let core = kube::core::GroupVersionKind::gvk("", "v1", "Namespace");
        assert_eq!(discovery.resolve_gvk(&core).unwrap().1.scope, kube::discovery::Scope::Cluster);
    }
    assert!(server.client().apiserver_version().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn two_servers_do_the_same_with_the_same_requests() {
    async fn run() -> Vec<String> {
        let server = MemoryApiServer::new();
        let maps: Api<ConfigMap> = Api::namespaced(server.client(), "default");
        for _ in 0..3 {
            let map = ConfigMap {
                metadata: ObjectMeta { generate_name: Some("x-".into()), ..ObjectMeta::default() },
                ..ConfigMap::default()
            };
            maps.create(&PostParams::default(), &map).await.unwrap();
        }
        let all = maps.list(&ListParams::default()).await.unwrap();
        all.items.iter().map(|map| serde_json::to_string(map).unwrap()).collect()
    }
    let (one, other) = (run().await, run().await);
    assert_eq!(one.len(), 3);
    assert_eq!(one, other);
}
