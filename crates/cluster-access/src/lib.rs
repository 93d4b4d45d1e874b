//! Effects that every engine shares: open a cluster, apply a set of objects, prune what is ours.
//!
//! Nothing in here decides what a fleet should look like; it carries out what was decided, and says
//! precisely what stood in the way. Every call has a deadline, and no call retries behind the
//! caller's back: the work queue does that.
//!
//! | to | use |
//! | --- | --- |
//! | open a cluster from a kubeconfig that a user handed in | [`CheckedKubeconfig::parse`], [`Cluster::open`] |
//! | wrap a client that exists | [`Cluster::from_client`] |
//! | read and write single objects | methods of [`Cluster`] |
//! | make a set of objects be as declared, writing only what differs | [`Cluster::ensure`], [`Ledger`] |
//! | delete what is ours | [`Cluster::delete_set`], [`Cluster::prune`] |
//! | check an address and its CA before others rely on them | [`tls_probe`] |
//!
//! TLS needs a process-wide rustls crypto provider. A library does not choose one: the binary
//! installs it at start-up. (`kube` with its feature `aws-lc-rs` installs aws-lc-rs when nobody
//! has; [`tls_probe`] does not and says so.)

mod certificates;
mod classify;
mod cluster;
mod deletion;
mod drift;
mod endpoint;
mod ensure;
mod error;
mod established;
mod execute;
mod guest;
mod kinds;
pub mod kubeconfig;
mod ledger;
mod objects;
mod proxy;
mod quantity;
mod redact;
mod tenure;
mod token;
mod transport;

pub use cluster::{AccessOptions, Call, CallObserver, Cluster, ClusterUid, ServerVersion};
pub use deletion::{DeleteReport, Remaining};
pub use drift::{Drift, drift};
pub use endpoint::{EndpointError, tls_probe};
pub use ensure::EnsureReport;
pub use error::{AccessError, Failure};
pub use execute::{Executed, Executor, StepError};
pub use fleet_plan::object::{Manifest, ObjectKey};
pub use fleet_plan::plan::Presence;
pub use kube::api::PropagationPolicy;
pub use kubeconfig::{CheckedKubeconfig, KubeconfigError, KubeconfigPolicy};
pub use ledger::{Ledger, SetDigest};
pub use objects::{Deleted, Force};
pub use proxy::{ProxyError, ProxyRules};
pub use tenure::Tenure;
pub use token::{MintedToken, NoRandomness};
