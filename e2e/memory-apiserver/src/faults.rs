//! Trouble on purpose: refusals, delays, lost connections, black holes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

use crate::{http::RequestInfo, rejection::Rejection, shared::lock};

/// Chooses requests.
pub(crate) type Predicate = Arc<dyn Fn(&RequestInfo) -> bool + Send + Sync>;

/// What happens to a chosen request.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// It is refused without being carried out.
    Refuse(Rejection),
    /// The connection breaks before it is carried out.
    Drop,
    /// It is carried out, but the connection breaks before the answer.
    LoseResponse,
    /// It takes this long before it is carried out.
    Delay(Duration),
    /// Nothing happens until the hole is opened; then it is carried out.
    BlackHole(watch::Receiver<bool>),
}

/// A fault to inject.
///
/// A request meets the first fault that chooses it; delays add up with what comes after them.
#[derive(Clone)]
pub struct Fault {
    when: Predicate,
    effect: Kind,
    skip: u64,
    times: Option<u64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Refuse(Rejection),
    Drop,
    LoseResponse,
    Delay(Duration),
    BlackHole,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault")
            .field("effect", &self.effect)
            .field("skip", &self.skip)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl Fault {
    fn new(effect: Kind) -> Self {
        Self { when: Arc::new(|_| true), effect, skip: 0, times: None }
    }

    /// Refuses with a status code and the reason that Kubernetes gives with it: 401, 403, 404,
    /// 409, 410, 422, 429, 500, 503, 504 and others.
    pub fn refuse(code: u16) -> Self {
        let (reason, message) = match code {
            400 => ("BadRequest", "the server rejected our request for an unknown reason"),
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden by an injected fault"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => ("Conflict", "the object has been modified by an injected fault"),
            410 => ("Expired", "too old resource version by an injected fault"),
            422 => ("Invalid", "invalid by an injected fault"),
            429 => ("TooManyRequests", "the server has received too many requests"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "Timeout: request did not complete within the allotted timeout"),
            500.. => ("InternalError", "Internal error occurred: injected fault"),
            _ => ("Unknown", "injected fault"),
        };
        Self::new(Kind::Refuse(Rejection::new(code, reason, message)))
    }

    /// Breaks the connection before the request is carried out.
    pub fn drop_connection() -> Self {
        Self::new(Kind::Drop)
    }

    /// Carries the request out and breaks the connection before the answer.
    pub fn lose_response() -> Self {
        Self::new(Kind::LoseResponse)
    }

    /// Waits before the request is carried out, by tokio's clock.
    pub fn delay(by: Duration) -> Self {
        Self::new(Kind::Delay(by))
    }

    /// Never answers until [`FaultHandle::release`]; then the request is carried out, if its client
    /// still waits.
    pub fn black_hole() -> Self {
        Self::new(Kind::BlackHole)
    }

    /// Adds a `Retry-After` of this many seconds to a refusal.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        if let Kind::Refuse(rejection) = &mut self.effect {
            rejection.details.retry_after = Some(seconds);
        }
        self
    }

    /// Chooses requests; without this, all of them.
    #[must_use]
    pub fn when(mut self, chosen: impl Fn(&RequestInfo) -> bool + Send + Sync + 'static) -> Self {
        self.when = Arc::new(chosen);
        self
    }

    /// Lets this many chosen requests pass first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes this many times; without this, for ever.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// A fault that was injected. Dropping the handle does not end the fault.
#[derive(Debug)]
pub struct FaultHandle(Arc<Injected>);

impl FaultHandle {
    /// Ends the fault for requests to come. Requests in a black hole stay there.
    pub fn remove(&self) {
        lock(&self.0.state).removed = true;
    }

    /// Ends a black hole: those in it go on.
    pub fn release(&self) {
        self.remove();
        self.0.gate.send_replace(true);
    }

    /// How often the fault struck.
    pub fn hits(&self) -> u64 {
        lock(&self.0.state).hits
    }
}

#[derive(Debug)]
struct Injected {
    fault: Fault,
    gate: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: u64,
    hits: u64,
    removed: bool,
}

/// The faults of a server.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Arc<Injected>>>);

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) -> FaultHandle {
        let injected = Arc::new(Injected { fault, gate: watch::Sender::new(false), state: Mutex::default() });
        lock(&self.0).push(injected.clone());
        FaultHandle(injected)
    }

    /// What happens to a request, in order; only the last is no delay.
    pub(crate) fn strike(&self, info: &RequestInfo) -> Vec<Effect> {
        let mut faults = lock(&self.0);
        faults.retain(|injected| !lock(&injected.state).removed);
        let mut effects = Vec::new();
        for injected in faults.iter() {
            if !(injected.fault.when)(info) {
                continue;
            }
            let mut state = lock(&injected.state);
            state.seen += 1;
            let over = injected.fault.times.is_some_and(|times| state.hits >= times);
            if state.seen <= injected.fault.skip || over {
                continue;
            }
            state.hits += 1;
            let effect = match &injected.fault.effect {
                Kind::Refuse(rejection) => Effect::Refuse(rejection.clone()),
                Kind::Drop => Effect::Drop,
                Kind::LoseResponse => Effect::LoseResponse,
                Kind::Delay(by) => Effect::Delay(*by),
                Kind::BlackHole => Effect::BlackHole(injected.gate.subscribe()),
            };
            let last = !matches!(effect, Effect::Delay(_));
            effects.push(effect);
            if last {
                break;
            }
        }
        effects
    }
}
