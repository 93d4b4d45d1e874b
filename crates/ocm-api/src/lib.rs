//! The Open Cluster Management kinds that we read or write, typed.

pub mod cluster;
pub mod names;
pub mod operator;
mod schema;
