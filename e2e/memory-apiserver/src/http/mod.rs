//! Requests and replies, as far as they are about HTTP and not about objects.

mod query;
mod reply;
mod request;
mod route;

pub(crate) use reply::{
    BoxError, Reply, ReplyBody, json_response, rejection_response, stream_response, text_response,
};
pub(crate) use request::ApiRequest;
pub use request::{RequestInfo, Verb};
pub(crate) use route::{Route, Target};
