//! `check-ready`: whether an operator says that it is ready.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, info};

use super::patience::Patience;

/// How long one attempt may take; there is always one.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A line for each precondition; more is not read.
const LARGEST_ANSWER: usize = 16 << 10;

/// Asks until the answer is 200.
///
/// # Errors
/// When the URL is not `http://…`, or when there is no such answer in time; the message says what the
/// last one was.
pub async fn run(url: &Uri, seconds: u64) -> anyhow::Result<()> {
    if url.scheme_str() != Some("http") || url.host().is_none_or(str::is_empty) {
        bail!("--url must be like http://HOST:8081/readyz, not {url}");
    }
    let patience = Patience::seconds(seconds);
    loop {
        let answer = timeout(ATTEMPT, ask(url)).await.unwrap_or_else(|_| Err(anyhow!("no answer")));
        let seen = match answer {
            Ok((200, _)) => {
                info!(%url, "ready");
                return Ok(());
            }
            Ok((status, body)) => format!("it answers {status}: {}", body.trim()),
            Err(error) => format!("{error:#}"),
        };
        debug!(seen, "not ready yet");
        if !patience.has_another_moment().await {
            bail!("{url} was not ready within {seconds} s; {seen}");
        }
    }
}

async fn ask(url: &Uri) -> anyhow::Result<(u16, String)> {
    // Brackets belong to an IPv6 address in a URL only.
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await.context("no connection")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP")?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let response = sender.send_request(request).await.context("no answer")?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end as soon as the answer has been read.
        _ = connection => answer.await,
    }
}

#[cfg(test)]
mod tests;
