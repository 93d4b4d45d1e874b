//! The operator: watches, queues and reports.

pub mod backoff;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod connection;
pub mod events;
#[cfg(test)]
mod fake_api;
pub mod health;
pub mod http;
pub mod hub_watch;
pub mod idle;
pub mod leader_election;
pub mod metrics;
pub mod operator;
mod own_cluster;
pub mod queue;
pub mod reconcile;
pub mod reconcilers;
pub mod runner;
pub mod served;
pub mod shutdown;
pub mod streams;
pub mod tasks;
pub mod telemetry;
pub mod wakes;

/// The name of this controller in events and leases.
pub const CONTROLLER_NAME: &str = "fleetconfig-controller";
