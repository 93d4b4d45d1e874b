//! Joins a cluster to a hub as a spoke, and detaches it.
//!
//! [`SpokeJoiner`] does one pass at a time: look, plan, carry out, and say how the spoke stands. It
//! never waits; after the klusterlet is on the spoke every further signal of a join shows on the hub,
//! and whoever watches the hub calls again. Embedders who have no event loop use
//! [`SpokeJoiner::until_joined`].
//!
//! What to do is decided in [`fleet_plan::spoke`]; this crate reads and writes.

mod claims;
mod detach;
mod endpoint;
mod engine;
mod error;
mod observe;
mod until_joined;

pub use claims::Claims;
pub use engine::{Detachment, SpokeJoiner, SpokeLives, SpokeOutcome, SpokePass};
pub use error::{SpokeError, kubeconfig_failure};
pub use fleet_plan::hub::facts::{ReportedHub, ValuesText};
pub use fleet_plan::spoke::facts::{AccessFailure, ReadyHub};
pub use fleet_plan::spoke::removal::LeavingHub;
pub use fleet_plan::spoke::verdict::SpokeVerdict;

/// Field manager of everything that is written for a spoke, on the spoke and on its hub.
pub const FIELD_MANAGER: &str = "fleetconfig-controller/spoke";
