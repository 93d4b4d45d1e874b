//! Group `operator.open-cluster-management.io`: what OCM's operators install.

pub mod v1;
