//! Random sequences of writes, done to the memory server and to a real one: after every step both
//! must have answered the same, field owners included.
//!
//! The sequences are the same every time. MEMORY_APISERVER_ROUNDS says how many there are, and
//! MEMORY_APISERVER_SEED where they begin.
#![cfg(feature = "real-apiserver")]
#![allow(
    clippy::disallowed_methods,
    reason = "the environment says where the real server is, and how far to go"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "all of this is a test"
)]

mod compare;
mod dice;
mod widget;

use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::BodyExt;
use kube::{
    Client,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use memory_apiserver::MemoryApiServer;
use serde_json::{Map, Value, json};

use compare::{differ, essence};
use dice::Dice;
use widget::widget;

const STEPS: usize = 14;
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";

/// A place to write to, on both servers.
struct Kind {
    api_version: String,
    kind: &'static str,
    path: String,
    content: fn(&mut Dice) -> Map<String, Value>,
    status: bool,
}

struct Write {
    method: Method,
    path: String,
    content_type: &'static str,
    body: Value,
}

/// The next write; `current` is the object as it is.
fn write(dice: &mut Dice, kind: &Kind, current: &Value) -> Write {
    let object = |dice: &mut Dice, content: Map<String, Value>| {
        let mut metadata = dice.metadata();
        metadata.insert("name".into(), "a".into());
        let mut object = content;
        object.insert("apiVersion".into(), kind.api_version.clone().into());
        object.insert("kind".into(), kind.kind.into());
        object.insert("metadata".into(), metadata.into());
        Value::Object(object)
    };
    let updater = dice.pick(&["up", "down"]);
    let applier = dice.pick(&["one", "two", "three"]);
    let force = if dice.often() { "&force=true" } else { "" };
    let here = format!("{}/a", kind.path);
    match dice.roll(10) {
        0 => {
            // A user's edit of the whole object.
            let content = (kind.content)(dice);
            let mut body = object(dice, content);
            if !current.is_null() {
                body["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
            }
            let path = format!("{here}?fieldManager={updater}");
            Write { method: Method::PUT, path, content_type: "application/json", body }
        }
        1 | 2 => {
            let mut body = Value::Object((kind.content)(dice));
            if dice.often() {
                body["metadata"] = dice.metadata().into();
            }
            let path = format!("{here}?fieldManager={updater}");
            Write { method: Method::PATCH, path, content_type: MERGE, body }
        }
        3 => {
            let field = dice.pick(&["labels", "annotations"]);
            let body = json!({"metadata": {field: null}});
            let path = format!("{here}?fieldManager={updater}");
            Write { method: Method::PATCH, path, content_type: MERGE, body }
        }
        4 if kind.status => {
            let content = dice.status();
            let body = object(dice, content);
            let path = format!("{here}/status?fieldManager={applier}{force}");
            Write { method: Method::PATCH, path, content_type: APPLY, body }
        }
        5 if kind.status => {
            let body = Value::Object(dice.status());
            let path = format!("{here}/status?fieldManager={updater}");
            Write { method: Method::PATCH, path, content_type: MERGE, body }
        }
        _ => {
            let content = (kind.content)(dice);
            let body = object(dice, content);
            let path = format!("{here}?fieldManager={applier}{force}");
            Write { method: Method::PATCH, path, content_type: APPLY, body }
        }
    }
}

async fn send(client: &Client, write: &Write) -> (u16, Value) {
    let request = Request::builder()
        .method(write.method.clone())
        .uri(&write.path)
        .header(header::CONTENT_TYPE, write.content_type)
        .header(header::USER_AGENT, "differential/1.0")
        .body(Body::from(if write.body.is_null() { Vec::new() } else { write.body.to_string().into_bytes() }))
        .unwrap();
    let response = client.send(request).await.unwrap();
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn get(client: &Client, path: &str) -> (u16, Value) {
    let read = Write {
        method: Method::GET,
        path: path.to_owned(),
        content_type: "application/json",
        body: Value::Null,
    };
    send(client, &read).await
}

async fn real() -> Client {
    let path = std::env::var("MEMORY_APISERVER_KUBECONFIG")
        .expect("MEMORY_APISERVER_KUBECONFIG names the kubeconfig of a real cluster");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn the_two_servers_answer_alike() {
    let real = real().await;
    let memory = MemoryApiServer::new().client();
    let post = |path: &str, body: Value| Write {
        method: Method::POST,
        path: path.to_owned(),
        content_type: "application/json",
        body,
    };
    // One kind for all rounds, with a name that no earlier run has left behind.
    let namespace = json!({"metadata": {"generateName": "differential-"}});
    let (_, made) = send(&real, &post("/api/v1/namespaces", namespace)).await;
    let stem = made["metadata"]["name"].as_str().unwrap().to_owned();
    let group = format!("{stem}.example.com");
    for client in [&real, &memory] {
        assert_eq!(send(client, &post(CRDS, widget(&group))).await.0, 201);
    }
    let widgets = format!("/apis/{group}/v1/widgets");
    while get(&real, &widgets).await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (seed, rounds) = (number("MEMORY_APISERVER_SEED", 1), number("MEMORY_APISERVER_ROUNDS", 60));
    for round in seed..seed + rounds {
        let mut dice = Dice(round);
        let namespace = format!("{stem}-{round}");
        for client in [&real, &memory] {
            let object = json!({"metadata": {"name": namespace}});
            assert_eq!(send(client, &post("/api/v1/namespaces", object)).await.0, 201);
        }
        let kind = match round % 3 {
            0 => Kind {
                api_version: "v1".into(),
                kind: "ConfigMap",
                path: format!("/api/v1/namespaces/{namespace}/configmaps"),
                content: Dice::config_map,
                status: false,
            },
            1 => Kind {
                api_version: format!("{group}/v1"),
                kind: "Widget",
                path: format!("/apis/{group}/v1/namespaces/{namespace}/widgets"),
                content: Dice::widget,
                status: true,
            },
            _ => Kind {
                api_version: "apps/v1".into(),
                kind: "Deployment",
                path: format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
                content: Dice::deployment,
                status: true,
            },
        };
        let mut history = Vec::new();
        let mut versions = [Value::Null, Value::Null];
        for _ in 0..STEPS {
            let mut state = dice.0;
            let mut answers = Vec::new();
            for (client, version) in [&real, &memory].into_iter().zip(&mut versions) {
                let (code, current) = get(client, &format!("{}/a", kind.path)).await;
                let current = if code == 200 { current } else { Value::Null };
                let mut same = Dice(dice.0);
                let write = write(&mut same, &kind, &current);
                state = same.0;
                let (code, answer) = send(client, &write).await;
                let written = answer["metadata"]["resourceVersion"].clone();
                // Applying something empty that is not stored takes the time of the owner forward,
                // and whether that counts as a change depends on the second in which it happens.
                let text = write.body.to_string();
                let empties = text.contains("[]") || text.contains("{}");
                let changed = code < 300 && written != *version && !empties;
                if code < 300 {
                    *version = written;
                }
                if answers.is_empty() {
                    history.push(format!("{} {} {}", write.method, write.path, write.body));
                }
                answers.push((code, changed, essence(answer)));
            }
            dice.0 = state;
            let (real, memory) = (&answers[0], &answers[1]);
            let mut differences = Vec::new();
            if (real.0, real.1) != (memory.0, memory.1) {
                differences.push(format!(
                    "the real one answers {} (changed: {}), the memory one {} (changed: {})",
                    real.0, real.1, memory.0, memory.1
                ));
            }
            differ(&real.2, &memory.2, "", &mut differences);
            let steps = history.join("\n");
            assert!(differences.is_empty(), "round {round}:\n{steps}\n{}", differences.join("\n"));
        }
        let gone = Write {
            method: Method::DELETE,
            path: format!("/api/v1/namespaces/{namespace}"),
            content_type: "application/json",
            body: Value::Null,
        };
        send(&real, &gone).await;
        send(&memory, &gone).await;
    }
    let crd = Write {
        method: Method::DELETE,
        path: format!("{CRDS}/widgets.{group}"),
        content_type: "application/json",
        body: Value::Null,
    };
    send(&real, &crd).await;
}
