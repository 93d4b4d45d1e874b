//! Traces of the passes, by OTLP over HTTP.
//!
//! Where they go, how they are sampled and what the process is called is said by OpenTelemetry's own
//! variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME` and so on). A
//! collector that does not answer costs its own spans alone.

use std::time::Duration;

use anyhow::Context;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;

/// How long a collector may take for one batch, and for the last one.
const ANSWERS: Duration = Duration::from_secs(10);
const LAST: Duration = Duration::from_secs(5);

/// A collector's answer is a few bytes; more is not read.
const ANSWER_BYTES: usize = 64 * 1024;

/// What sends the traces.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// `None` when no collector is named.
    ///
    /// # Errors
    /// When what is named is no address.
    pub(super) fn by_environment() -> anyhow::Result<Option<Self>> {
        let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        let is_named = named.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        is_named.then(|| Self::to(None)).transpose()
    }

    /// To a collector: the address with its path, or what the environment says.
    fn to(endpoint: Option<&str>) -> anyhow::Result<Self> {
        let mut exporter = SpanExporter::builder().with_http().with_http_client(Sender::new()?);
        if let Some(endpoint) = endpoint {
            exporter = exporter.with_endpoint(endpoint);
        }
        let exporter = exporter.build().context("cannot send traces to where OTEL_EXPORTER_OTLP_… says")?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        Ok(Self { provider })
    }

    /// Turns spans into traces.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(crate::CONTROLLER_NAME))
            .with_filter(LevelFilter::INFO)
    }

    /// Sends what waits.
    pub(super) async fn ended(self) {
        let last = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST));
        if let Ok(Err(error)) = last.await {
            warn!(%error, "the last traces were not sent");
        }
    }
}

/// Who sends: what the environment says, and else our own name.
fn resource() -> Resource {
    let described =
        || Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let detected = described().build();
    let name = detected.get(&Key::from_static_str("service.name"));
    // The library's word for: nobody said.
    if name.is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        described().with_service_name(crate::CONTROLLER_NAME).build()
    } else {
        detected
    }
}

/// Sends batches. They come from a thread without a runtime, so that they are sent on the process's own.
#[derive(Debug)]
struct Sender {
    runtime: Handle,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Sender {
    fn new() -> anyhow::Result<Self> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .context("cannot read this machine's certificate authorities, for traces")?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { runtime: Handle::current(), client })
    }
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Full::new));
        let whole = async move {
            let (head, body) = answer.await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let sent = self.runtime.spawn(async { timeout(ANSWERS, whole).await }).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(lost) => Err(lost.into()),
        };
        match &answer {
            Ok(answer) if !answer.status().is_success() => {
                warn!(status = answer.status().as_u16(), "the collector does not take the traces");
            }
            Ok(_) => {}
            // Not the request: its headers may hold a token.
            Err(error) => warn!(%error, "the collector of traces does not answer"),
        }
        answer
    }
}

#[cfg(test)]
mod tests;
