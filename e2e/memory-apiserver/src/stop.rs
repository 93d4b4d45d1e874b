//! The death of a client at its k-th request, for sweeps over every k.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::{faults::Predicate, http::RequestInfo, shared::lock};

/// Where exactly a client dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// The k-th request does not reach the server.
    BeforeRequest,
    /// The k-th request is carried out, its answer does not reach the client.
    BeforeResponse,
}

/// A point at which a client is cut off: from its k-th request on, nothing gets through, and its
/// watches break.
#[derive(Clone)]
pub struct StopAt {
    request: u64,
    mode: StopMode,
    counted: Predicate,
}

impl std::fmt::Debug for StopAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StopAt")
            .field("request", &self.request)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl StopAt {
    /// Stops at the k-th request, counted from one.
    pub fn request(k: u64, mode: StopMode) -> Self {
        Self { request: k, mode, counted: Arc::new(|_| true) }
    }

    /// Which requests count, and are cut off; without this, all of them. Choose by user agent or
    /// user when others (a scripted OCM, the test itself) talk to the same server.
    #[must_use]
    pub fn counting(mut self, counted: impl Fn(&RequestInfo) -> bool + Send + Sync + 'static) -> Self {
        self.counted = Arc::new(counted);
        self
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Free,
    /// Carried out, but not answered.
    NoAnswer,
    Blocked,
}

/// The stop of a server.
#[derive(Debug)]
pub(crate) struct Stops {
    state: Mutex<State>,
    /// Goes up whenever somebody is cut off, for watches to notice.
    pub(crate) cuts: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    stop: Option<StopAt>,
    seen: u64,
    stopped: bool,
}

impl Default for Stops {
    fn default() -> Self {
        Self { state: Mutex::default(), cuts: watch::Sender::new(0) }
    }
}

impl Stops {
    pub(crate) fn set(&self, stop: Option<StopAt>) {
        *lock(&self.state) = State { stop, ..State::default() };
    }

    pub(crate) fn stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    pub(crate) fn seen(&self) -> u64 {
        lock(&self.state).seen
    }

    /// Counts a request and says whether it gets through.
    pub(crate) fn pass(&self, info: &RequestInfo) -> Passage {
        let mut state = lock(&self.state);
        let Some(stop) = state.stop.clone().filter(|stop| (stop.counted)(info)) else { return Passage::Free };
        state.seen += 1;
        if state.stopped {
            return Passage::Blocked;
        }
        if state.seen < stop.request {
            return Passage::Free;
        }
        state.stopped = true;
        drop(state);
        self.cuts.send_modify(|cuts| *cuts += 1);
        match stop.mode {
            StopMode::BeforeRequest => Passage::Blocked,
            StopMode::BeforeResponse => Passage::NoAnswer,
        }
    }

    /// Whether the sender of a request is cut off by now.
    pub(crate) fn is_cut(&self, info: &RequestInfo) -> bool {
        let state = lock(&self.state);
        state.stopped && state.stop.as_ref().is_some_and(|stop| (stop.counted)(info))
    }
}
