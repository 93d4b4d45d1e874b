//! Against a service that answers as the test says, on paused time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tower::service_fn;

use super::*;

type Seen = Arc<Mutex<Vec<Value>>>;

/// A client whose server keeps events, and does not answer to those with the reason `Slow`.
fn client() -> (Client, Seen) {
    let seen = Seen::default();
    let keep = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Body>| {
        let keep = Arc::clone(&keep);
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let event: Value = serde_json::from_slice(&body).unwrap();
            if event["reason"] == "Slow" {
                std::future::pending::<()>().await;
            }
            keep.lock().unwrap().push(event);
            Ok::<_, Infallible>(Response::builder().status(201).body(Body::from(body.to_vec())).unwrap())
        }
    });
    (Client::new(service, "default"), seen)
}

fn transition(reason: &'static str, message: String) -> Transition {
    let regarding =
        ObjectReference { name: Some("h".into()), namespace: Some("n".into()), ..Default::default() };
    Transition {
        regarding,
        severity: Severity::Warning,
        reason: reason.into(),
        action: "Join".into(),
        message,
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_costs_one_event_and_nobody_waits() {
    let (client, seen) = client();
    let metrics = Metrics::new();
    let publishers = Publishers::new("replica".into(), metrics.clone(), CancellationToken::new());
    let events = publishers.to(client);
    events.publish(transition("Slow", String::new()));
    events.publish(transition("Joined", "x".into()));
    drop(events);
    publishers.ended().await;
    let seen = seen.lock().unwrap();
    let [event] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(event["reason"], "Joined");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["note"], "x");
    assert_eq!(event["reportingController"], crate::CONTROLLER_NAME);
    assert_eq!(event["reportingInstance"], "replica");
    assert!(metrics.encode().contains("events_dropped_total 1"), "{}", metrics.encode());
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded_and_what_waits_is_published_at_the_end() {
    let (client, seen) = client();
    let metrics = Metrics::new();
    let stop = CancellationToken::new();
    let publishers = Publishers::new("replica".into(), metrics.clone(), stop.clone());
    let events = publishers.to(client);
    for number in 0..BACKLOG + 5 {
        events.publish(transition("Joined", number.to_string()));
    }
    stop.cancel();
    publishers.ended().await;
    assert_eq!(seen.lock().unwrap().len(), BACKLOG);
    assert!(metrics.encode().contains("events_dropped_total 5"), "{}", metrics.encode());
    events.publish(transition("Joined", "too late".into()));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_hangs_holds_up_no_other() {
    let (slow, other) = (client(), client());
    let publishers = Publishers::new("replica".into(), Metrics::new(), CancellationToken::new());
    let (to_slow, to_other) = (publishers.to(slow.0), publishers.to(other.0));
    to_slow.publish(transition("Slow", String::new()));
    to_other.publish(transition("Joined", String::new()));
    let began = tokio::time::Instant::now();
    while other.1.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[test]
fn long_notes_are_cut_at_a_character() {
    assert_eq!(shortened("short".into()), "short");
    let long = shortened("ä".repeat(1000));
    assert!(long.len() <= MAX_NOTE && long.ends_with("ä…"), "{}", long.len());
}
