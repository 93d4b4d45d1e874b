//! Names that OCM has fixed: namespaces, objects, labels, annotations, finalizers, condition types.

/// A host name or IPv4 address, as OCM's CRDs accept it.
pub const HOST_PATTERN: &str = r"^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9])$";
/// An IPv4 address, as OCM's CRDs accept it.
pub const IPV4_PATTERN: &str =
    r"^(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$";
/// The ARN of an EKS cluster, as OCM's CRDs accept it.
pub const EKS_ARN_PATTERN: &str = r"^arn:aws:eks:([a-zA-Z0-9-]+):(\d{12}):cluster/([a-zA-Z0-9-]+)$";
/// A duration, as OCM's CRDs accept it.
pub const DURATION_PATTERN: &str = "^([0-9]+(s|m|h))+$";

/// Condition types that OCM sets.
pub mod conditions {
    /// Conditions of a ManagedCluster.
    pub mod managed_cluster {
        /// The hub lets the cluster in.
        pub const HUB_ACCEPTED: &str = "HubAcceptedManagedCluster";
        /// The agent runs with a hub credential of its own.
        pub const JOINED: &str = "ManagedClusterJoined";
        /// The cluster's API server is well and the agent renews its lease.
        pub const AVAILABLE: &str = "ManagedClusterConditionAvailable";
    }
}
