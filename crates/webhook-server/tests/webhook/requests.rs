//! Requests, good and bad, over real TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::Frame;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use webhook_server::certificates::keeper::Keeper;
use webhook_server::certificates::served::ServedCertificate;
use webhook_server::endpoint::{HUB_PATH, RequestLimits, SPOKE_PATH};
use webhook_server::server::ConnectionLimits;

use crate::support::*;

/// A webhook that is ready, and the bundle to trust it by.
async fn ready(requests: RequestLimits, connections: ConnectionLimits) -> (Webhook, String) {
    let served = Arc::new(ServedCertificate::default());
    let webhook = Webhook::start(Arc::clone(&served), requests, connections).await;
    let server = cluster();
    Keeper::new(server.client(), settings(), served).pass(start()).await.unwrap();
    (webhook, bundle(&server))
}

async fn plain() -> (Webhook, String) {
    ready(RequestLimits::default(), ConnectionLimits::default()).await
}

async fn ask(
    webhook: &Webhook,
    bundle: &str,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<(u16, String), String> {
    post(connect(webhook.address, bundle, start()).await.unwrap(), path, body).await
}

#[tokio::test]
async fn a_question_is_answered() {
    let (webhook, bundle) = plain().await;
    let (status, body) = ask(&webhook, &bundle, HUB_PATH, question("paris")).await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["response"]["uid"], &body["response"]["allowed"]),
        (200, &"u-1".into(), &true.into())
    );
    assert_eq!(body["response"]["warnings"][0], "seen paris");
    let (status, body) = ask(&webhook, &bundle, SPOKE_PATH, question("paris")).await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["response"]["allowed"]), (200, &false.into()), "a Hub on the path of Spokes");
    assert_eq!(webhook.observed.outcomes(), ["warned", "denied"]);
}

#[tokio::test]
async fn what_is_no_question_is_refused() {
    let (webhook, bundle) = plain().await;
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, "garbage").await.unwrap().0, 400);
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, vec![0xff; 1000]).await.unwrap().0, 400);
    assert_eq!(ask(&webhook, &bundle, "/other", question("paris")).await.unwrap().0, 404);
    let (status, text) = ask(&webhook, &bundle, HUB_PATH, question("panic")).await.unwrap();
    assert_eq!((status, text.contains("log of the operator")), (500, true), "{text}");
    assert_eq!(webhook.observed.outcomes(), ["malformed", "malformed", "failed"]);
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, question("paris")).await.unwrap().0, 200, "it goes on");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read_to_its_end() {
    let (webhook, bundle) = plain().await;
    let small = format!("{}{}", question("paris"), " ".repeat((3 << 20) - question("paris").len()));
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, small.clone()).await.unwrap().0, 200);
    // The answer may come while the rest is still being sent, and then be lost with the connection.
    match ask(&webhook, &bundle, HUB_PATH, format!("{small} ")).await {
        Ok((status, text)) => assert_eq!((status, text.contains("3145728")), (413, true), "{text}"),
        Err(broken) => drop(broken),
    }
    assert_eq!(webhook.observed.outcomes(), ["warned", "too_large"]);
}

#[tokio::test]
async fn a_slow_body_and_slow_rules_meet_the_deadline() {
    let limits = RequestLimits { deadline: Duration::from_millis(200), ..RequestLimits::default() };
    let (webhook, bundle) = ready(limits, ConnectionLimits::default()).await;
    let mut sender = http(connect(webhook.address, &bundle, start()).await.unwrap()).await;
    let request = Request::post(HUB_PATH)
        .header("host", SERVER_NAME)
        .header("content-type", "application/json")
        .body(BodyExt::boxed(StreamBody::new(beginning())))
        .unwrap();
    let response = timeout(Duration::from_secs(5), sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(response.status(), 503);
    let (status, text) = ask(&webhook, &bundle, HUB_PATH, question("slow")).await.unwrap();
    assert_eq!((status, text.contains("nothing was allowed")), (503, true), "{text}");
    assert_eq!(webhook.observed.outcomes(), ["too_late", "too_late"]);
}

#[tokio::test]
async fn slow_large_bodies_do_not_hold_small_ones_up() {
    let limits = RequestLimits { large_at_once: 1, ..RequestLimits::default() };
    let (webhook, bundle) = ready(limits, ConnectionLimits::default()).await;
    let mut slow = Vec::new();
    for _ in 0..5 {
        let mut sender = http(connect(webhook.address, &bundle, start()).await.unwrap()).await;
        let request = Request::post(HUB_PATH)
            .header("host", SERVER_NAME)
            .header("content-type", "application/json")
            .body(BodyExt::boxed(StreamBody::new(beginning())))
            .unwrap();
        slow.push(tokio::spawn(
            async move { sender.send_request(request).await.map(|answer| answer.status()) },
        ));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, question("paris")).await.unwrap().0, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap(), 503);
    }
}

/// A body that begins and never goes on.
fn beginning() -> impl Stream<Item = Result<Frame<Bytes>, std::io::Error>> {
    stream::iter([Ok(Frame::data(Bytes::from_static(b"{")))]).chain(stream::pending())
}

#[tokio::test]
async fn connections_that_ask_nothing_are_closed_and_do_not_lock_others_out() {
    let limits = ConnectionLimits {
        at_once: 2,
        handshake: Duration::from_millis(200),
        first_request: Duration::from_millis(200),
        ..ConnectionLimits::default()
    };
    let (webhook, bundle) = ready(RequestLimits::default(), limits).await;
    // One never begins its handshake, one ends it and asks nothing: both places are taken.
    let mut silent = TcpStream::connect(webhook.address).await.unwrap();
    let mut idle = connect(webhook.address, &bundle, start()).await.unwrap();
    let began = Instant::now();
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, question("paris")).await.unwrap().0, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    let closed = async {
        let mut rest = Vec::new();
        let _ = silent.read_to_end(&mut rest).await;
        let _ = idle.read_to_end(&mut rest).await;
    };
    timeout(Duration::from_secs(5), closed).await.unwrap();
}

#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let (webhook, bundle) = plain().await;
    let mut stream = TcpStream::connect(webhook.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(ask(&webhook, &bundle, HUB_PATH, question("paris")).await.unwrap().0, 200);
}

#[tokio::test]
async fn the_end_waits_for_answers_that_are_due() {
    let (webhook, bundle) = plain().await;
    let stream = connect(webhook.address, &bundle, start()).await.unwrap();
    let asking = tokio::spawn(post(stream, HUB_PATH, question("slow")));
    // Idle connections do not hold the end up.
    let _idle = connect(webhook.address, &bundle, start()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    webhook.stop.cancel();
    assert_eq!(asking.await.unwrap().unwrap().0, 200);
    timeout(Duration::from_secs(3), webhook.ended).await.unwrap().unwrap();
    assert!(connect(webhook.address, &bundle, start()).await.is_err());
}
