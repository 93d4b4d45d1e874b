//! Connections: handshakes, limits, an orderly end.
//!
//! HTTP/1.1 only. API servers speak it as well, reuse connections, and send few requests; HTTP/2
//! would bring its resets and window games to a port that every pod may reach.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ResolvesServerCert;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tracing::{debug, warn};

/// Bounds of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How many are open at the same time; more wait to be accepted.
    pub at_once: usize,
    /// How long a handshake may take.
    pub handshake: Duration,
    /// How long after the handshake the head of the first request must have come. API servers
    /// connect in order to ask.
    pub first_request: Duration,
    /// How long a connection may rest between requests, and the head of one may take. Longer than
    /// the 90 seconds after which API servers close idle connections, so that they do it and no
    /// request meets a connection that is being closed.
    pub idle: Duration,
    /// How long requests may take to end after the server was told to.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            at_once: 512,
            handshake: Duration::from_secs(5),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            drain: Duration::from_secs(5),
        }
    }
}

/// The head of a request that an API server sends is below a kilobyte.
const LARGEST_HEAD: usize = 32 << 10;

/// After an error of the listener (too many open files) there is nothing to do but to wait a moment.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// No TLS provider is installed in this process.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The binary did not choose one.
    #[error("no TLS provider is installed in this process")]
    NoProvider,
    /// The provider lacks what is needed.
    #[error("the TLS provider cannot be used")]
    Provider(#[from] rustls::Error),
}

/// A configuration that asks `certificates` at each handshake, with the TLS provider of the process.
///
/// # Errors
/// When there is no provider.
pub fn tls_config(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = CryptoProvider::get_default().ok_or(TlsError::NoProvider)?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves `router` until `stop`, then lets requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.at_once));
    let acceptor = TlsAcceptor::from(tls);
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?.0))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next => accepted,
        };
        match accepted {
            Ok((place, stream)) => {
                let connection = serve_one(stream, acceptor.clone(), router.clone(), limits, stop.clone());
                connections.spawn(async move {
                    let _place = place;
                    connection.await;
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection of the webhook");
                sleep_until(Instant::now() + AFTER_ERROR).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(limits.drain, connections.wait()).await.is_err() {
        debug!(open = connections.len(), "requests to the webhook did not end in time");
    }
}

/// Failures here are those of the other side, of which there may be many: they are not worth more
/// than a line for whoever looks for them.
async fn serve_one(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let stream = match timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "a TLS handshake with the webhook failed"),
        Err(_) => return debug!("a TLS handshake with the webhook took too long"),
    };
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            // A router is always ready, and a clone of it is a pointer.
            router.clone().call(request.map(Body::new))
        })
    };
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_header_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let first_request = sleep_until(Instant::now() + limits.first_request);
    let mut first_request = std::pin::pin!(first_request);
    let (mut waiting, mut stopping) = (true, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%error, "a connection of the webhook broke");
                }
                return;
            }
            () = first_request.as_mut(), if waiting => {
                if !asked.load(Ordering::Relaxed) {
                    return debug!("a connection of the webhook asked nothing");
                }
                waiting = false;
            }
            () = stop.cancelled(), if !stopping => {
                connection.as_mut().graceful_shutdown();
                stopping = true;
            }
        }
    }
}
