//! A Kubernetes API server in memory, for sweeps that would take hours on processes.
//!
//! [`MemoryApiServer::client`] gives a [`kube::Client`] that talks to it without a port. Time is
//! tokio's, so that tests with paused time work; names, uids and versions are counted, so that
//! runs are the same every time.
//!
//! Served are the built-in kinds that fleets use and whatever CustomResourceDefinitions define:
//! get, list (selectors, pages, versions), watch (resuming, bookmarks, 410), create, update, patch
//! (JSON, merge, server-side apply with field ownership), delete, deletecollection, dry runs,
//! discovery, and the subresources `status`, `scale`, `approval`, `token` and `finalize`. What the
//! controllers of every cluster do happens at once after a write: namespaces are emptied, owners
//! collected, CRDs established.
//!
//! Not served: authorisation (everything is allowed), admission webhooks, CEL rules, conversion
//! between versions, strategic merge patches, pods that run.
//!
//! For trouble on purpose there are [`MemoryApiServer::inject`], [`MemoryApiServer::stop_at`] and
//! [`MemoryApiServer::compact`]; to play a controller, [`MemoryApiServer::on_change`] and
//! [`MemoryApiServer::direct`]; to see what was asked, [`MemoryApiServer::requests`].

#![allow(
    clippy::disallowed_methods,
    reason = "test support: delays are injected on purpose, and follow tokio's clock"
)]

mod apply;
mod change;
mod clock;
mod cluster;
pub mod conformance;
mod direct;
mod faults;
mod http;
mod identity;
mod lifecycle;
mod names;
mod object;
mod rejection;
mod request_log;
mod resource;
mod schema;
mod selectors;
mod server;
mod service;
mod shared;
mod stop;
mod store;
mod strategy;
mod subresources;
mod verbs;
mod watch;

pub use change::{Change, ChangeKind};
pub use clock::{Clock, DEFAULT_START};
pub use direct::Direct;
pub use faults::{Fault, FaultHandle};
pub use http::{RequestInfo, Verb};
pub use identity::Identity;
pub use rejection::{Cause, Details, GroupResource, Rejection};
pub use request_log::{LoggedRequest, Outcome};
pub use server::{Builder, MemoryApiServer};
pub use service::ApiService;
pub use stop::{StopAt, StopMode};
