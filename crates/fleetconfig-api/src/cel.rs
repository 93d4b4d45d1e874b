//! Rules that the API server checks, shared by several fields.
//!
//! They say no more than upstream's admission webhook says: whatever upstream
//! accepts passes here too (the exceptions are listed in docs/deviations.md).

use kube::core::Rule;

/// A kubeconfig that is needed must choose exactly one way in.
pub(crate) fn one_way_in() -> Rule {
    Rule::new(
        "has(self.secretReference) ? !(has(self.inCluster) && self.inCluster) \
         : (has(self.inCluster) && self.inCluster)",
    )
    .message("exactly one of secretReference and inCluster: true must be set")
}

/// Hosted agents reach their cluster by a kubeconfig in a Secret; in other
/// modes the field is not used, and upstream's chart fills it with empty values.
/// `mode` is absent when an API server checks the section's own default, `{}`.
pub(crate) fn hosted_needs_secret() -> Rule {
    Rule::new(
        "!has(self.mode) || self.mode != 'Hosted' || (has(self.managedClusterKubeconfig) \
         && has(self.managedClusterKubeconfig.secretReference) \
         && !(has(self.managedClusterKubeconfig.inCluster) \
         && self.managedClusterKubeconfig.inCluster))",
    )
    .message(
        "mode Hosted needs managedClusterKubeconfig.secretReference, \
         and managedClusterKubeconfig.inCluster must not be true",
    )
}

/// OCM has no gRPC settings for agents that register by AWS identities.
pub(crate) fn no_grpc_with_awsirsa() -> Rule {
    Rule::new("!(has(self.driver) && self.driver == 'awsirsa' && has(self.grpc))")
        .message("grpc must not be set with driver awsirsa")
}

/// An add-on cannot come both from the controller and from the user.
pub(crate) fn addon_names_disjoint() -> Rule {
    Rule::new(
        "!has(self.hubAddOns) || !has(self.addOnConfigs) \
         || self.hubAddOns.all(h, !self.addOnConfigs.exists(c, c.name == h.name))",
    )
    .message("an add-on must not be named in both hubAddOns and addOnConfigs")
}

/// A field that cannot be changed once it is set.
pub(crate) fn unchanged(message: &'static str) -> Rule {
    Rule::new("self == oldSelf").message(message)
}
