use std::future::IntoFuture;

use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// A collector, which hands on what it is sent.
async fn collector(status: http::StatusCode) -> (String, mpsc::UnboundedReceiver<Bytes>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let take = move |body: axum::body::Bytes| {
        let _ = sender.send(body);
        std::future::ready(status)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/v1/traces", post(take));
    tokio::spawn(axum::serve(listener, app).into_future());
    (format!("http://{address}/v1/traces"), receiver)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_of_a_pass_is_sent_with_its_outcome_and_before_the_end() {
    let (endpoint, mut batches) = collector(http::StatusCode::OK).await;
    let traces = Traces::to(Some(&endpoint)).unwrap();
    let subscriber = tracing_subscriber::registry().with(traces.layer());
    tracing::subscriber::with_default(subscriber, || {
        let span =
            info_span!("reconcile", kind = "Spoke", object = "fleet/paris", result = tracing::field::Empty);
        span.record("result", "ClusterUnreachable");
    });
    traces.ended().await;
    let batch = batches.try_recv().expect("a batch");
    for text in
        ["reconcile", "Spoke", "fleet/paris", "ClusterUnreachable", "service.name", crate::CONTROLLER_NAME]
    {
        assert!(contains(&batch, text), "{text} is not in the batch");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_refuses_is_asked_and_one_that_hangs_does_not_hold_up_the_end() {
    let (refusing, mut batches) = collector(http::StatusCode::SERVICE_UNAVAILABLE).await;
    // Connections are made by the kernel; nobody takes them.
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = (format!("http://{}/v1/traces", hanging.local_addr().unwrap()), hanging);
    for endpoint in [&refusing, &hanging.0] {
        let traces = Traces::to(Some(endpoint)).unwrap();
        let subscriber = tracing_subscriber::registry().with(traces.layer());
        tracing::subscriber::with_default(subscriber, || drop(info_span!("reconcile")));
        tokio::time::timeout(LAST + ANSWERS / 4, traces.ended()).await.expect("the end is bounded");
    }
    assert!(batches.try_recv().is_ok(), "the collector that refuses was not asked");
}
