//! The Open Cluster Management kinds that we read or write, typed.
//!
//! Modules are named like API groups and versions. Kinds of the operator group carry their schema,
//! because their CRDs are ours to install ([`crds`]); the CRDs of all others are installed by OCM.
//!
//! Facts come from OCM 1.3 (Go module `open-cluster-management.io/api` v1.3.0).

pub mod addon;
pub mod cluster;
pub mod conditions;
pub mod crds;
pub mod names;
pub mod operator;
mod schema;
pub mod work;
