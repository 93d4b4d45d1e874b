//! The three paths: a limit on bodies, a deadline for each request, panics contained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use kube::Resource;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::review::{Decision, Malformed, Reply, answer};
use crate::rules::Rules;

/// Where changes of FleetConfigs are judged.
pub const FLEET_CONFIG_PATH: &str = "/validate-fleetconfig-open-cluster-management-io-v1alpha1-fleetconfig";
/// Where changes of Hubs are judged.
pub const HUB_PATH: &str = "/validate-fleetconfig-open-cluster-management-io-v1beta1-hub";
/// Where changes of Spokes are judged.
pub const SPOKE_PATH: &str = "/validate-fleetconfig-open-cluster-management-io-v1beta1-spoke";

/// Bounds of one request and of all together.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Bytes of a body: what an API server takes itself.
    pub body: usize,
    /// From the head of a request to its answer. Below the five seconds after which the API server
    /// gives up, so that what is wrong is told by us.
    pub deadline: Duration,
    /// Up to how many bytes a body is small.
    pub small_body: usize,
    /// How many requests with small bodies are read and judged at the same time; more wait, within
    /// their deadline.
    pub small_at_once: usize,
    /// The same for large bodies, and for those that do not tell. Two queues, so that memory is bounded
    /// and a few slow large bodies do not hold everybody up.
    pub large_at_once: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body: 3 << 20,
            deadline: Duration::from_secs(4),
            small_body: 64 << 10,
            small_at_once: 256,
            large_at_once: 16,
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered(Decision),
    /// It was no question.
    Malformed,
    /// Its body was too large.
    TooLarge,
    /// Its body broke off.
    BrokenOff,
    /// The deadline passed.
    TooLate,
    /// The rules panicked.
    Failed,
}

impl Outcome {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered(Decision::Allowed) => "allowed",
            Self::Answered(Decision::Warned) => "warned",
            Self::Answered(Decision::Denied) => "denied",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::BrokenOff => "broken_off",
            Self::TooLate => "too_late",
            Self::Failed => "failed",
        }
    }
}

/// Hears of every request to one of the three paths.
pub trait Observer: Send + Sync + 'static {
    /// A request to `path` ended.
    fn ended(&self, path: &'static str, outcome: Outcome, took: Duration);
}

type Judge = dyn Fn(&[u8]) -> Result<Reply, Malformed> + Send + Sync;

/// The two queues.
#[derive(Clone)]
struct Turns {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

struct Endpoint {
    path: &'static str,
    judge: Arc<Judge>,
    limits: RequestLimits,
    turns: Turns,
    observer: Arc<dyn Observer>,
}

/// The three paths. Nothing else is served.
pub fn router<R>(rules: R, limits: RequestLimits, observer: Arc<dyn Observer>) -> Router
where
    R: Rules<FleetConfig> + Rules<Hub> + Rules<Spoke>,
{
    let rules = Arc::new(rules);
    let turns = Turns {
        small: Arc::new(Semaphore::new(limits.small_at_once)),
        large: Arc::new(Semaphore::new(limits.large_at_once)),
    };
    let route = |path: &'static str, judge: Arc<Judge>| {
        let endpoint =
            Arc::new(Endpoint { path, judge, limits, turns: turns.clone(), observer: observer.clone() });
        post(move |request: Request<Body>| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.serve(request).await }
        })
    };
    Router::new()
        .route(FLEET_CONFIG_PATH, route(FLEET_CONFIG_PATH, judge_of::<FleetConfig, R>(&rules)))
        .route(HUB_PATH, route(HUB_PATH, judge_of::<Hub, R>(&rules)))
        .route(SPOKE_PATH, route(SPOKE_PATH, judge_of::<Spoke, R>(&rules)))
}

fn judge_of<K, R>(rules: &Arc<R>) -> Arc<Judge>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + 'static,
    R: Rules<K>,
{
    let rules = Arc::clone(rules);
    Arc::new(move |body: &[u8]| answer::<K, R>(body, &rules))
}

/// Why there is no reply.
enum Refused {
    NotJson,
    Malformed(Malformed),
    TooLarge,
    BrokenOff,
    Failed,
}

impl Endpoint {
    async fn serve(&self, request: Request<Body>) -> Response {
        let began = Instant::now();
        let deadline = self.limits.deadline;
        let ended = tokio::time::timeout(deadline, self.reply(request)).await;
        let (outcome, response) = match ended {
            Ok(Ok(reply)) => {
                let response = ([(header::CONTENT_TYPE, "application/json")], reply.body).into_response();
                (Outcome::Answered(reply.decision), response)
            }
            Ok(Err(refused)) => self.refusal(&refused),
            Err(_) => {
                let text = format!("no answer within {} s; nothing was allowed", deadline.as_secs_f32());
                (Outcome::TooLate, (StatusCode::SERVICE_UNAVAILABLE, text).into_response())
            }
        };
        self.observer.ended(self.path, outcome, began.elapsed());
        response
    }

    async fn reply(&self, request: Request<Body>) -> Result<Reply, Refused> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            return Err(Refused::NotJson);
        }
        // Held until the verdict, also when the deadline passes meanwhile: it bounds memory.
        let told = body.size_hint().exact();
        let is_small = told.is_some_and(|bytes| bytes <= u64::try_from(self.limits.small_body).unwrap_or(0));
        let queue = if is_small { &self.turns.small } else { &self.turns.large };
        let Ok(turn) = Arc::clone(queue).acquire_owned().await else { return Err(Refused::Failed) };
        let body = Limited::new(body, self.limits.body).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Refused::TooLarge } else { Refused::BrokenOff }
        })?;
        let body = body.to_bytes();
        let judge = Arc::clone(&self.judge);
        // Judging a large FleetConfig takes a while, which other tasks must not feel.
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            judge(&body)
        });
        match judged.await {
            Ok(reply) => reply.map_err(Refused::Malformed),
            Err(_) => Err(Refused::Failed),
        }
    }

    fn refusal(&self, refused: &Refused) -> (Outcome, Response) {
        let (outcome, status, text) = match refused {
            Refused::NotJson => (
                Outcome::Malformed,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json".to_owned(),
            ),
            Refused::Malformed(malformed) => {
                (Outcome::Malformed, StatusCode::BAD_REQUEST, malformed.to_string())
            }
            Refused::TooLarge => (
                Outcome::TooLarge,
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body has more than {} bytes", self.limits.body),
            ),
            Refused::BrokenOff => {
                (Outcome::BrokenOff, StatusCode::BAD_REQUEST, "the body broke off".to_owned())
            }
            Refused::Failed => (
                Outcome::Failed,
                StatusCode::INTERNAL_SERVER_ERROR,
                "judging the object failed; the log of the operator says why".to_owned(),
            ),
        };
        (outcome, (status, text).into_response())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    let text = value.to_str().unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
