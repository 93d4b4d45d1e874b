//! The HTTP endpoints of the process: `/healthz`, `/readyz`, `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::metrics::Metrics;

#[derive(Debug, Clone)]
struct Sources {
    health: Health,
    metrics: Metrics,
}

/// The router, which tests can call without a port.
///
/// - `/healthz`: 200, or 503 with one line per part that stands still.
/// - `/readyz`: 200, or 503 with one line per precondition that does not hold.
/// - `/metrics`: OpenMetrics text.
pub fn router(health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Sources { health, metrics })
}

/// Serves [`router`] until `stop`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn healthz(State(sources): State<Sources>) -> Response {
    verdict(&sources.health.stalled())
}

async fn readyz(State(sources): State<Sources>) -> Response {
    verdict(&sources.health.unready())
}

fn verdict<S: AsRef<str>>(complaints: &[S]) -> Response {
    if complaints.is_empty() {
        return "ok\n".into_response();
    }
    let lines: String = complaints.iter().map(|line| format!("{}\n", line.as_ref())).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}

async fn metrics_text(State(sources): State<Sources>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], sources.metrics.encode()).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn get(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_endpoints_say_what_is_wrong() {
        let health = Health::default();
        let router = router(health.clone(), Metrics::new());
        let part = health.heartbeat("watch of hubs", Duration::from_secs(60));
        health.require("caches are filled");
        assert_eq!(get(&router, "/healthz").await, (200, "ok\n".into()));
        let (status, body) = get(&router, "/readyz").await;
        assert_eq!((status, body.as_str()), (503, "caches are filled\n"));

        health.set("caches are filled", true);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(get(&router, "/readyz").await.0, 200);
        let (status, body) = get(&router, "/healthz").await;
        assert_eq!(status, 503);
        assert!(body.starts_with("watch of hubs: no progress"), "{body}");
        part.beat();
        assert_eq!(get(&router, "/healthz").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_open_metrics() {
        let metrics = Metrics::new();
        metrics.watch_failed("hubs");
        let (status, body) = get(&router(Health::default(), metrics), "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("watch_errors_total{stream=\"hubs\"} 1"), "{body}");
        assert!(body.ends_with("# EOF\n"), "{body}");
    }
}
