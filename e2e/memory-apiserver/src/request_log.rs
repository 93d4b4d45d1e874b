//! What was asked of the server, for tests to assert on.

use std::sync::Mutex;

use jiff::Timestamp;

use crate::{http::RequestInfo, shared::lock};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not yet.
    Pending,
    /// It was answered with this status code.
    Answered(u16),
    /// The connection was dropped before the request was carried out.
    Dropped,
    /// The request was carried out, but its answer (this status code) never arrived.
    ResponseLost(u16),
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// What it was.
    pub info: RequestInfo,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it changed any object. A write that changes nothing is answered all the same.
    pub changed: bool,
}

impl LoggedRequest {
    /// Whether the request could change something; see [`RequestInfo::is_write`].
    pub fn is_write(&self) -> bool {
        self.info.is_write()
    }
}

/// One line for a failing test to print.
impl std::fmt::Display for LoggedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LoggedRequest { info, outcome, changed, .. } = self;
        write!(f, "{} {}", info.verb, info.path)?;
        if !info.query.is_empty() {
            write!(f, "?{}", info.query)?;
        }
        write!(f, " by {:?}: {outcome:?}{}", info.user_agent, if *changed { ", changed" } else { "" })
    }
}

/// Number of an entry of the log.
pub(crate) type EntryId = usize;

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Vec<LoggedRequest>>);

impl RequestLog {
    pub(crate) fn arrived(&self, at: Timestamp, info: RequestInfo) -> EntryId {
        let mut log = lock(&self.0);
        log.push(LoggedRequest { at, info, outcome: Outcome::Pending, changed: false });
        log.len() - 1
    }

    pub(crate) fn ended(&self, entry: EntryId, outcome: Outcome, changed: bool) {
        // The log may have been cleared since.
        if let Some(entry) = lock(&self.0).get_mut(entry) {
            entry.outcome = outcome;
            entry.changed = changed;
        }
    }

    pub(crate) fn all(&self) -> Vec<LoggedRequest> {
        lock(&self.0).clone()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}
