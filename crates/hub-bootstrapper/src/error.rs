//! What can go wrong on a hub.

use cluster_access::{AccessError, StepError};
use fleetconfig_api::reason::Reason;

/// A pass over a hub failed.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The hub could not be looked at.
    #[error("looking at the hub: {0}")]
    Observe(#[source] AccessError),
    /// A step of the plan failed.
    #[error("changing the hub: {0}")]
    Execute(#[source] StepError),
    /// The hub's watch ended before it was ready.
    #[error("the watch on the hub ended before it was ready: {last}")]
    WatchEnded {
        /// What the hub last waited for.
        last: String,
    },
    /// The Hub cannot be carried out as written.
    #[error("{reason}: {message}")]
    Refused {
        /// The catalogue's word.
        reason: Reason,
        /// What to change.
        message: String,
    },
}

impl HubError {
    /// The catalogue's word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Observe(error) => error.reason(),
            Self::Execute(error) => error.access().map_or(Reason::InternalError, AccessError::reason),
            Self::WatchEnded { .. } => Reason::HubProgressing,
            Self::Refused { reason, .. } => *reason,
        }
    }
}
