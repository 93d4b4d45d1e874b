//! Makes a cluster an Open Cluster Management hub, keeps it one, and removes it again.
//!
//! [`HubBootstrapper`] does one pass at a time: look at the hub, plan, carry out, and say how it
//! stands. It never waits; whoever calls it is woken by a change of the ClusterManager and calls
//! again. Embedders who have no event loop use [`HubBootstrapper::until_ready`].
//!
//! What to do is decided in [`fleet_plan::hub`]; this crate reads and writes.

mod engine;
mod error;
mod observe;
mod until_ready;

pub use engine::{HubBootstrapper, HubOutcome, HubPass, OwnerExists, Removal};
pub use error::HubError;
pub use fleet_plan::hub::facts::{Owner, ReportedHub, ValuesText};
pub use fleet_plan::hub::plan::HubVerdict;
pub use observe::cluster_manager_seen;

/// Field manager of everything that is written on a hub.
pub const FIELD_MANAGER: &str = "fleetconfig-controller/hub";
