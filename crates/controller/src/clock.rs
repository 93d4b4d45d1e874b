//! The one place that reads the wall clock.
//!
//! Decisions take the time as an argument; the runner reads it here once per
//! pass. Durations are measured on tokio's monotonic clock, which tests pause.

use jiff::Timestamp;

/// The wall clock now.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock; everything else gets the time as an argument"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
