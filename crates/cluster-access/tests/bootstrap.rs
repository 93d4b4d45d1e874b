//! Handing a spoke its bootstrap credential, on two in-memory API servers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cluster_access::{AccessOptions, Cluster, Executed, Executor, Ledger, StepError};
use fleet_plan::endpoint::HubEndpoint;
use fleet_plan::manifests::{BOOTSTRAP_GROUP, TOKEN_NAMESPACE};
use fleet_plan::plan::{BootstrapDelivery, BootstrapIssuer, Step};
use fleet_plan::spoke::credentials::{TokenSecret, bootstrap};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::core::ApiResource;
use memory_apiserver::{MemoryApiServer, StopAt, StopMode};
use serde_json::{Value, json};

const CA: &str = "-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n";

fn step() -> Step {
    Step::DeliverBootstrap(BootstrapDelivery {
        issuer: BootstrapIssuer::BootstrapToken { description: "first contact of one".to_owned() },
        token_seconds: 3600,
        secret_namespace: "agent".to_owned(),
        endpoint: HubEndpoint { server: "https://hub:6443".to_owned(), ca_pem: CA.to_owned() },
        proxy_url: None,
        proxy_ca: None,
        labels: vec![("owner".to_owned(), "us".to_owned())],
    })
}

fn secrets() -> ApiResource {
    ApiResource::erase::<Secret>(&())
}

struct World {
    hub: MemoryApiServer,
    spoke: MemoryApiServer,
}

impl World {
    fn new() -> Self {
        let world = Self { hub: MemoryApiServer::new(), spoke: MemoryApiServer::new() };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "agent"}});
        world.spoke.direct().apply(namespace).unwrap();
        world
    }

    async fn deliver(&self, now: Timestamp) -> Result<Executed, StepError> {
        let open =
            |server: &MemoryApiServer| Cluster::from_client(server.client(), &AccessOptions::default());
        let (hub, spoke, ledger) = (open(&self.hub), open(&self.spoke), Ledger::default());
        let executor = Executor { hub: &hub, spoke: Some(&spoke), manager: "us", ledger: &ledger, now };
        executor.run(&[step()]).await
    }

    fn tokens(&self) -> Vec<Value> {
        self.hub.direct().list(&secrets(), TOKEN_NAMESPACE)
    }
}

fn text(secret: &Value, key: &str) -> String {
    String::from_utf8(STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap()).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

#[tokio::test]
async fn a_bootstrap_token_is_what_the_api_server_takes_and_what_the_spoke_gets() {
    let world = World::new();
    let now = at("2026-01-02T03:04:05.678Z");
    let done = world.deliver(now).await.unwrap();
    assert_eq!(done.bootstrap_until, Some(now + SignedDuration::from_hours(1)));

    let [token] = world.tokens().try_into().unwrap();
    let id = text(&token, "token-id");
    assert_eq!(token["metadata"]["name"], format!("bootstrap-token-{id}"));
    assert_eq!(token["metadata"]["labels"], json!({"owner": "us"}));
    assert_eq!(token["type"], "bootstrap.kubernetes.io/token");
    assert_eq!(text(&token, "usage-bootstrap-authentication"), "true");
    assert_eq!(text(&token, "auth-extra-groups"), BOOTSTRAP_GROUP);
    assert_eq!(text(&token, "expiration"), "2026-01-02T04:04:05Z", "RFC 3339, in whole seconds");
    assert_eq!(token["data"].as_object().unwrap().len(), 6, "no other use is allowed");

    let delivered = world.spoke.direct().get(&secrets(), "agent", "bootstrap-hub-kubeconfig").unwrap();
    let kubeconfig = text(&delivered, "kubeconfig");
    assert!(kubeconfig.contains(&format!("{id}.{}", text(&token, "token-secret"))));

    // What a later pass reads back on both sides names the same identity.
    let read: TokenSecret = serde_json::from_value(token).unwrap();
    let read = read.token().unwrap();
    assert_eq!(read.usable_until, Some(at("2026-01-02T04:04:05Z")));
    let seen = bootstrap(&serde_json::from_value(delivered).unwrap());
    assert_eq!(seen.token_id, Some(read.id));
    assert_eq!((seen.account_uid, seen.expires_at), (None, None));
}

#[tokio::test]
async fn every_delivery_has_a_token_of_its_own() {
    let world = World::new();
    for _ in 0..3 {
        world.deliver(Timestamp::UNIX_EPOCH).await.unwrap();
    }
    let ids: std::collections::HashSet<String> =
        world.tokens().iter().map(|token| text(token, "token-id")).collect();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_token_that_was_not_delivered_is_in_no_error() {
    let world = World::new();
    world.spoke.stop_at(StopAt::request(1, StopMode::BeforeRequest));
    let error = world.deliver(Timestamp::UNIX_EPOCH).await.unwrap_err();
    let [token] = world.tokens().try_into().unwrap();
    let secret = text(&token, "token-secret");
    assert!(!format!("{error} {error:?}").contains(&secret));
}
