//! Every decision about a fleet, as pure functions from facts to a plan.
//!
//! Nothing in here has a client, a clock, an environment or randomness: what a function needs to
//! know comes in as an argument, what should be done comes out as a value.

pub mod admission;
pub mod compose;
pub mod conditions;
pub mod csr;
pub mod endpoint;
pub mod expiry;
pub mod feature_gates;
pub mod hub;
#[cfg(test)]
mod kstatus_tests;
pub mod manifests;
pub mod naming;
pub mod object;
pub mod plan;
pub mod release;
pub mod rights;
pub mod spoke;
pub mod telling;
pub mod values;
