//! What can go wrong while joining or detaching a spoke.

use cluster_access::{AccessError, Cluster, KubeconfigError, StepError};
use fleet_plan::spoke::facts::AccessFailure;
use fleetconfig_api::reason::Reason;

/// A pass over a spoke failed.
#[derive(Debug, thiserror::Error)]
pub enum SpokeError {
    /// A step of the plan failed.
    #[error("{0}")]
    Execute(#[source] StepError),
    /// The hub could not be read.
    #[error("looking at the hub: {0}")]
    Hub(#[source] AccessError),
    /// The spoke's watch ended before it had joined.
    #[error("the watch on the hub ended before the spoke had joined: {last}")]
    WatchEnded {
        /// What the spoke last waited for.
        last: String,
    },
    /// The Spoke cannot be carried out as written.
    #[error("{reason}: {message}")]
    Refused {
        /// The catalogue's word.
        reason: Reason,
        /// What to change.
        message: String,
    },
}

impl SpokeError {
    /// The catalogue's word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Execute(error) => error.access().map_or(Reason::InternalError, AccessError::reason),
            Self::Hub(error) => error.reason(),
            Self::WatchEnded { .. } => Reason::WaitingForJoin,
            Self::Refused { reason, .. } => *reason,
        }
    }
}

/// An access error as a fact about the spoke.
pub(crate) fn failure(cluster: &Cluster, error: &AccessError) -> AccessFailure {
    let server = cluster.server().unwrap_or("the cluster");
    AccessFailure::with_remedy(error.reason(), format_args!("spec.kubeconfig, {server}: {error}"))
}

/// A kubeconfig that cannot be used, as a fact about the spoke.
pub fn kubeconfig_failure(error: &KubeconfigError) -> AccessFailure {
    let reason = error.reason();
    let seen = format!("spec.kubeconfig: {error}");
    // What is refused says itself what to do instead.
    if reason == Reason::KubeconfigRefused {
        return AccessFailure { reason, message: seen };
    }
    AccessFailure::with_remedy(reason, seen)
}
