//! The server as a `tower::Service`: what a client's requests go through.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http::{HeaderValue, Request, Response, header};
use kube::client::Body;

use crate::{
    faults::Effect,
    http::{
        ApiRequest, BoxError, Reply, ReplyBody, json_response, rejection_response, stream_response,
        text_response,
    },
    identity::Identity,
    request_log::{EntryId, Outcome},
    shared::Shared,
    stop::Passage,
    watch,
};

/// One client's connection to a [`crate::MemoryApiServer`].
#[derive(Clone)]
pub struct ApiService {
    shared: Arc<Shared>,
    identity: Identity,
    user_agent: Option<HeaderValue>,
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiService")
            .field("identity", &self.identity)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

impl ApiService {
    pub(crate) fn new(shared: Arc<Shared>, identity: Identity, user_agent: &str) -> Self {
        let user_agent = HeaderValue::from_str(user_agent).ok().filter(|agent| !agent.is_empty());
        Self { shared, identity, user_agent }
    }
}

impl tower::Service<Request<Body>> for ApiService {
    type Response = Response<ReplyBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { shared, identity, user_agent } = self.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            if let Some(agent) = user_agent {
                parts.headers.entry(header::USER_AGENT).or_insert(agent);
            }
            let body = body.collect_bytes().await?;
            let request = ApiRequest::read(parts.method, &parts.uri, &parts.headers, identity, body);
            serve(&shared, request).await
        })
    }
}

async fn serve(shared: &Arc<Shared>, request: ApiRequest) -> Result<Response<ReplyBody>, BoxError> {
    let entry = shared.log.arrived(shared.read(|cluster| cluster.clock.now()), request.info.clone());
    let mut answered = match shared.stops.pass(&request.info) {
        Passage::Blocked => return Err(broken(shared, entry, Outcome::Dropped)),
        Passage::NoAnswer => false,
        Passage::Free => true,
    };
    for effect in shared.faults.strike(&request.info) {
        match effect {
            Effect::Delay(by) => tokio::time::sleep(by).await,
            Effect::BlackHole(mut opened) => {
                // The sender lives in the fault; when even that is gone, the hole stays shut.
                if opened.wait_for(|open| *open).await.is_err() {
                    std::future::pending::<Infallible>().await;
                }
            }
            Effect::Drop => return Err(broken(shared, entry, Outcome::Dropped)),
            Effect::LoseResponse => answered = false,
            Effect::Refuse(rejection) => {
                shared.log.ended(entry, Outcome::Answered(rejection.code), false);
                return Ok(rejection_response(&rejection));
            }
        }
    }
    let (result, changed) = shared.execute(&request);
    let response = match result {
        Ok(Reply::Json(code, value)) => json_response(code, "application/json", &value),
        Ok(Reply::Document(content_type, value)) => json_response(200, content_type, &value),
        Ok(Reply::Text(text)) => text_response(200, text),
        Ok(Reply::Watch) => match watch::open(shared, &request) {
            Ok(stream) => stream_response(stream),
            Err(rejection) => rejection_response(&rejection),
        },
        Err(rejection) => rejection_response(&rejection),
    };
    let code = response.status().as_u16();
    if !answered {
        shared.log.ended(entry, Outcome::ResponseLost(code), changed);
        return Err(connection_reset());
    }
    shared.log.ended(entry, Outcome::Answered(code), changed);
    Ok(response)
}

fn broken(shared: &Shared, entry: EntryId, outcome: Outcome) -> BoxError {
    shared.log.ended(entry, outcome, false);
    connection_reset()
}

/// What a client sees when a connection breaks.
pub(crate) fn connection_reset() -> BoxError {
    Box::new(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by the memory API server"))
}
