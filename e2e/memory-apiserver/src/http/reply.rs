//! Answers.

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::Value;

use crate::rejection::Rejection;

/// Any error, as a client's transport reports them.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// JSON with a status code.
    Json(u16, Value),
    /// JSON with a content type of its own.
    Document(&'static str, Value),
    /// Bare text.
    Text(&'static str),
    /// Changes from now on; the caller has to follow them.
    Watch,
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn ok(value: Value) -> Self {
        Self::Json(200, value)
    }
}

/// A response with JSON.
pub(crate) fn json_response(code: u16, content_type: &str, value: &Value) -> Response<ReplyBody> {
    response(code, content_type, None, Bytes::from(value.to_string()))
}

/// A response with bare text.
pub(crate) fn text_response(code: u16, text: &str) -> Response<ReplyBody> {
    response(code, "text/plain; charset=utf-8", None, Bytes::from(text.to_owned()))
}

/// A refusal.
pub(crate) fn rejection_response(rejection: &Rejection) -> Response<ReplyBody> {
    if rejection.is_plain_text() {
        return text_response(rejection.code, &rejection.message);
    }
    let body = Bytes::from(rejection.to_status().to_string());
    response(rejection.code, "application/json", rejection.details.retry_after, body)
}

/// A response whose body goes on.
pub(crate) fn stream_response(stream: BoxStream<'static, Result<Bytes, BoxError>>) -> Response<ReplyBody> {
    use futures::StreamExt;
    let frames = stream.map(|chunk| chunk.map(http_body::Frame::data));
    with_body(200, "application/json", None, StreamBody::new(frames).boxed_unsync())
}

fn response(code: u16, content_type: &str, retry_after: Option<u32>, body: Bytes) -> Response<ReplyBody> {
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    with_body(code, content_type, retry_after, body)
}

fn with_body(
    code: u16,
    content_type: &str,
    retry_after: Option<u32>,
    body: ReplyBody,
) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
