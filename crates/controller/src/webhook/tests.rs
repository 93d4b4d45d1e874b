//! The webhook as the operator starts it, against an API server in memory.

use kube::core::ApiResource;
use memory_apiserver::MemoryApiServer;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use webhook_server::certificates::ServiceName;
use webhook_server::certificates::decide::Times;

use super::*;

const SOON: Duration = Duration::from_secs(20);

fn settings() -> WebhookSettings {
    let settings = keeper::Settings {
        service: ServiceName { namespace: "fleet".into(), name: "webhook".into() },
        secret: "ca".into(),
        configuration: "fleetconfig".into(),
        times: Times::default(),
    };
    WebhookSettings { address: ([127, 0, 0, 1], 0).into(), certificates: Certificates::SelfManaged(settings) }
}

fn configuration() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "fleetconfig"},
        "webhooks": [{
            "name": "hub.example.io", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "fleet", "name": "webhook", "path": "/x"}},
        }],
    })
}

fn bundle(server: &MemoryApiServer) -> Option<String> {
    let kind = ApiResource::erase::<ValidatingWebhookConfiguration>(&());
    let stored = server.direct().get(&kind, "", "fleetconfig")?;
    stored.pointer("/webhooks/0/clientConfig/caBundle")?.as_str().map(str::to_owned)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep_until(Instant::now() + Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("{what} did not come about"));
}

#[tokio::test]
async fn changes_of_secret_and_configuration_are_answered_by_events() {
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let server = MemoryApiServer::builder().clock(memory_apiserver::Clock::new(clock::now)).build();
    let direct = server.direct();
    direct.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}})).unwrap();
    let (tasks, health, metrics) = (Tasks::default(), Health::default(), Metrics::new());
    let stop = CancellationToken::new();
    let webhook = start(server.client(), settings(), &tasks, &health, &metrics, stop.clone()).await.unwrap();
    let secret = ApiResource::erase::<Secret>(&());
    until("the Secret", || direct.get(&secret, "fleet", "ca").is_some()).await;
    assert_eq!(health.unready(), [CERTIFICATE_TRUSTED], "no configuration, nobody who trusts");

    direct.create(configuration()).unwrap();
    until("readiness", || health.unready().is_empty()).await;
    let first = bundle(&server).unwrap();
    let text = metrics.encode();
    for certificate in ["serving", "authority"] {
        let line = format!("webhook_certificate_expiry_timestamp_seconds{{certificate=\"{certificate}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }

    let kind = ApiResource::erase::<ValidatingWebhookConfiguration>(&());
    let webhooks = configuration()["webhooks"].clone();
    direct.merge(&kind, "", "fleetconfig", "", json!({"webhooks": webhooks})).unwrap();
    until("the bundle", || bundle(&server).as_ref() == Some(&first)).await;

    direct.delete(&secret, "fleet", "ca").unwrap();
    until("a new Secret", || direct.get(&secret, "fleet", "ca").is_some()).await;
    until("a bundle with both", || bundle(&server).is_some_and(|bundle| bundle.len() > first.len())).await;
    assert!(health.unready().is_empty());

    stop.cancel();
    timeout(SOON, webhook.drained()).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = WebhookSettings { address: taken.local_addr().unwrap(), ..settings() };
    let server = MemoryApiServer::new();
    let (tasks, health, metrics) = (Tasks::default(), Health::default(), Metrics::new());
    let started = start(server.client(), settings, &tasks, &health, &metrics, CancellationToken::new()).await;
    let error = started.err().unwrap();
    assert!(error.to_string().contains("127.0.0.1:"), "{error}");
}
