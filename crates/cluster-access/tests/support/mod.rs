//! An API server of one closure: it answers every request, and all requests are noted.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use cluster_access::{AccessOptions, Cluster};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Seen {
    /// `PATCH /api/v1/…`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What arrived so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().iter().map(Seen::line).collect()
    }
}

/// A cluster whose API server answers as the closure says: a status and a body, which is text when
/// it is a JSON string.
pub(crate) fn cluster(answer: impl Fn(&Seen) -> (u16, Value) + Clone + Send + 'static) -> (Cluster, Log) {
    let log = Log::default();
    let noted = log.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (answer, noted) = (answer.clone(), noted.clone());
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let header = parts.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
            let seen = Seen {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                content_type: header.unwrap_or_default(),
                body: serde_json::from_slice(&bytes).unwrap_or_default(),
            };
            noted.0.lock().unwrap().push(seen.clone());
            let (status, body) = answer(&seen);
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            let response = http::Response::builder().status(status);
            Ok::<_, Infallible>(response.body(Body::from(body.into_bytes())).unwrap())
        }
    });
    (Cluster::from_client(Client::new(service, "default"), &AccessOptions::default()), log)
}
