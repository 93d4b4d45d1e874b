//! The operator: watches, queues and reports.
//!
//! ```text
//!   own cluster                      hub clusters (own or remote, while a Hub holds them)
//!   FleetConfig, Hub, Spoke          ClusterManager, ManagedCluster, CSR
//!        │ streams, caches                │ hub_watch
//!        └───────────┬────────────────────┘
//!                    ▼ wakes: what changed → who has to be looked at
//!                  queue (one per kind) ──► runner ──► Reconcile, the seam
//!                                             ▲
//!                                  leader_election
//! ```
//!
//! - [`streams`]: every watch is a task of its own with its own back-off; one that fails delays no
//!   other. [`served`] starts and ends streams with their CRD. Each fills a [`cache`].
//! - [`hub_watch`]: the streams of hub clusters, shared by whoever holds the cluster.
//! - [`leaving_watch`]: the Klusterlet of a spoke that leaves, on the spoke's own cluster.
//! - [`wakes`]: the rules by which a change wakes a FleetConfig, a Hub or a Spoke.
//! - [`queue`], [`runner`]: one pass per object at a time, in the order of waking; back-off per
//!   object, a deadline per pass, panics contained, an orderly end.
//! - [`reconcile`]: what a runner runs; [`reconcilers`] are the three that do the work.
//! - [`leader_election`]: passes run on one replica only. Caches are warm on all.
//! - [`webhook`]: admission, on every replica; the transport is crate `webhook-server`.
//! - [`commands`]: what the binary does besides running the operator.
//! - [`health`], [`metrics`], [`fleet_metrics`], [`expiry`], [`events`], [`http`]: what the process tells about itself.
//! - [`operator`]: puts these together. The binary adds the command line, logs, signals, the TLS
//!   provider and the connection.
//!
//! Two kinds of failure are kept apart. A pass may fail, hang or panic: that is its object's
//! failure and is retried. A task of the process itself (a watch, the election) may not: its end
//! ends the process, because one that goes on without it would be blind and look healthy.

pub mod backoff;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod connection;
pub mod events;
pub mod expiry;
#[cfg(test)]
mod fake_api;
pub mod fleet_metrics;
#[cfg(test)]
mod generated;
pub mod health;
pub mod http;
pub mod hub_watch;
#[cfg(test)]
mod idle;
pub mod leader_election;
pub mod leaving_watch;
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
pub mod webhook;

/// The name of this controller in events and leases.
pub const CONTROLLER_NAME: &str = "fleetconfig-controller";
