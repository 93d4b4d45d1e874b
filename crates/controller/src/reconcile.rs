//! The seam between the runtime and what it runs: [`Reconcile`].

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fleetconfig_api::Reason;
use jiff::Timestamp;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;

use crate::cache::Watched;

/// What brings the world closer to what one object of kind `K` asks for.
///
/// The runner promises: one object is never in two passes at once; a pass runs
/// only while this process leads; an event during a pass causes another pass;
/// a pass that panics or overruns its deadline is a failed pass of that object
/// and nothing else. A pass is dropped at its deadline and at the end of the
/// process, so it has to be correct after any of its requests.
///
/// A pass never sleeps or polls; it does what can be done now and returns.
pub trait Reconcile<K: Watched>: Send + Sync + 'static {
    /// One pass over an object as the cache knows it.
    fn reconcile(
        &self,
        object: Arc<K>,
        pass: &Pass,
    ) -> impl Future<Output = Result<Next, ReconcileError>> + Send;

    /// The object cannot be read as a `K` (its CRD has changed, or was wider
    /// than our type): says so in its status. Nothing else may be done.
    fn report_invalid(
        &self,
        object: Arc<InvalidObject>,
        pass: &Pass,
    ) -> impl Future<Output = Result<Next, ReconcileError>> + Send;

    /// The object is gone: forgets what is kept for it in memory.
    fn forget(&self, _key: &ObjectRef<K>) {}
}

/// What a pass knows about itself.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The time that the decisions of this pass are made for.
    pub now: Timestamp,
    /// How often passes over this object have failed since the last success.
    pub failures: u32,
    /// How long this pass may take before it is dropped.
    pub deadline: Duration,
}

/// When the object wants to be looked at again, if no event comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Events will tell. (It is looked at again after the resync period all
    /// the same: a watch may lose an event.)
    Await,
    /// After this time.
    After(Duration),
}

/// What is expected to end a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// Time: the same pass may succeed later. Retried with back-off.
    Retry,
    /// A change that somebody has to make and that an event will announce.
    /// Retried with the resync period only.
    Change,
}

/// A pass that could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{}", reason.as_str())]
pub struct ReconcileError {
    /// A word of the catalogue of reasons; it becomes a label of a metric.
    pub reason: Reason,
    /// What is expected to end it.
    pub cure: Cure,
    /// What happened.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl ReconcileError {
    /// Whether the object had changed since it was read.
    pub fn is_stale(&self) -> bool {
        let access = self.source.downcast_ref::<cluster_access::AccessError>();
        access.is_some_and(|error| matches!(error.failure(), cluster_access::Failure::Stale { .. }))
    }

    /// A failure that may pass with time.
    pub fn transient(reason: Reason, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { reason, cure: Cure::Retry, source: source.into() }
    }

    /// A failure that lasts until somebody changes something.
    pub fn terminal(reason: Reason, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { reason, cure: Cure::Change, source: source.into() }
    }

    /// What happened, with all causes, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        error_chain(&*self.source)
    }
}

/// An error and its causes in one line. A cause that the text before already
/// contains is left out: many errors print their source themselves.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the Secret")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("request failed: {0}")]
    struct Middle(#[source] std::io::Error);

    #[test]
    fn the_chain_names_each_cause_once() {
        let error = Outer(Middle(std::io::Error::other("connection refused")));
        let error = ReconcileError::transient(Reason::ClusterUnreachable, error);
        assert_eq!(error.chain(), "cannot read the Secret: request failed: connection refused");
        assert_eq!(error.to_string(), "ClusterUnreachable");
    }
}
