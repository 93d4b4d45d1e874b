//! Serves validating admission over TLS, and keeps the certificates that it needs.
//!
//! | module | |
//! | --- | --- |
//! | [`rules`] | the seam: who judges a change of an object |
//! | [`review`] | an AdmissionReview, which is hostile input, becomes a question and its answer a reply |
//! | [`endpoint`] | the three paths, with a limit on bodies and a deadline for each request |
//! | [`server`] | connections: handshakes, limits, an orderly end |
//! | [`certificates`] | where the serving certificate comes from: an authority shared by replicas, or a directory |
//!
//! Nothing here knows what makes a good Hub; [`rules::Rules`] does. A library chooses no TLS
//! provider: [`server::tls_config`] uses the one that the process has installed.

pub mod certificates;
pub mod endpoint;
pub mod review;
pub mod rules;
pub mod server;
