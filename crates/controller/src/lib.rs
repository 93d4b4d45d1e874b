//! The operator: watches, queues and reports.

pub mod backoff;
pub mod cache;
pub mod clock;
pub mod events;
pub mod health;
pub mod http;
pub mod leader_election;
pub mod metrics;
pub mod queue;
pub mod reconcile;
pub mod runner;

/// The name of this controller in events and leases.
pub const CONTROLLER_NAME: &str = "fleetconfig-controller";
