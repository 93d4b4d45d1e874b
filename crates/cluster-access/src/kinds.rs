//! What has to be known about kinds to write them well: their order, and whose types they are.

use kube::core::ApiResource;

/// API groups whose types are compiled into the API server.
const BUILT_IN: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// How the API server keeps fields that say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// A built-in kind: fields that hold the zero value of their Go type are mostly dropped.
    Typed,
    /// A custom resource: kept as sent, so `false` differs from nothing.
    Custom,
}

impl Schema {
    pub(crate) fn of(resource: &ApiResource) -> Self {
        if BUILT_IN.contains(&resource.group.as_str()) { Self::Typed } else { Self::Custom }
    }
}

/// Order in which the kinds of a set are written, and in reverse deleted. Objects of one rank do
/// not need each other and are sent at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Namespaces and the definitions of kinds.
    Foundation,
    /// What workloads mount and run as.
    Support,
    /// What runs.
    Workload,
    /// What the workloads watch.
    Custom,
}

impl Rank {
    pub(crate) const ALL: [Self; 4] = [Self::Foundation, Self::Support, Self::Workload, Self::Custom];

    pub(crate) fn of(resource: &ApiResource) -> Self {
        match (resource.group.as_str(), resource.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => Self::Foundation,
            ("apps", _) | ("batch", _) | ("", "Pod") => Self::Workload,
            _ if Schema::of(resource) == Schema::Custom => Self::Custom,
            _ => Self::Support,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::GroupVersionKind;

    fn rank(group: &str, kind: &str) -> Rank {
        Rank::of(&ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind)))
    }

    #[test]
    fn an_operator_is_installed_from_the_ground_up() {
        let order = [
            rank("apiextensions.k8s.io", "CustomResourceDefinition"),
            rank("", "ServiceAccount"),
            rank("apps", "Deployment"),
            rank("operator.open-cluster-management.io", "Klusterlet"),
        ];
        assert!(order.is_sorted_by(|a, b| a < b));
        assert_eq!(rank("", "Namespace"), Rank::Foundation);
        assert_eq!(rank("rbac.authorization.k8s.io", "ClusterRole"), Rank::Support);
        assert_eq!(rank("cluster.x-k8s.io", "Cluster"), Rank::Custom);
    }
}
