//! The webhook over real TLS on loopback, with certificates from an API server in memory.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![allow(clippy::disallowed_methods, reason = "real connections have no paused time")]

mod certificates;
mod directory;
mod requests;
mod support;
