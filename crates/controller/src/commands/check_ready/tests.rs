//! Against the operator's own endpoints.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::health::Health;
use crate::http::{router, serve};
use crate::metrics::Metrics;

async fn operator() -> (Health, Uri) {
    let health = Health::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap()).parse().unwrap();
    let router = router(health.clone(), Metrics::new());
    tokio::spawn(serve(listener, router, CancellationToken::new()));
    (health, url)
}

#[tokio::test]
async fn it_succeeds_as_soon_as_the_operator_is_ready() {
    let (health, url) = operator().await;
    health.require("leadership is known");
    let error = run(&url, 0).await.unwrap_err().to_string();
    assert!(error.contains("503: leadership is known"), "{error}");
    let asking = tokio::spawn(async move { run(&url, 30).await });
    tokio::task::yield_now().await;
    health.set("leadership is known", true);
    asking.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_there_and_urls_that_are_none_are_told() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let url: Uri = format!("http://{free}/readyz").parse().unwrap();
    let error = run(&url, 0).await.unwrap_err().to_string();
    assert!(error.contains("no connection"), "{error}");
    for url in ["https://operator/readyz", "/readyz"] {
        let error = run(&url.parse().unwrap(), 60).await.unwrap_err().to_string();
        assert!(error.contains("--url must be like"), "{error}");
    }
}
