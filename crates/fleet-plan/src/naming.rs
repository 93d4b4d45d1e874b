//! The name a spoke's ManagedCluster has on its hub, and the names of what we make for it.

use sha2::{Digest, Sha256};

use crate::manifests::inventory::label_value;

/// OCM's namespaces: that of its operators, and those that begin like it.
const OCM: &str = "open-cluster-management";
const OCM_PREFIX: &str = "open-cluster-management-";

/// Longest prefix of a Spoke's name that fits into a derived managed-cluster name of 63 characters.
const DERIVED_PREFIX: usize = 54;

/// Upstream's derived managed-cluster name: the first 54 bytes of the Spoke's name, a dash, and the
/// first 8 hex digits of the SHA-256 of `namespace/name`, so that Spokes of the same name in two
/// namespaces do not meet on the hub (upstream ≥ 0.3.3).
pub fn derived_managed_cluster_name(namespace: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{namespace}/{name}").as_bytes());
    let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    // Kubernetes names are ASCII, so a byte prefix is a character prefix.
    let prefix = name.get(..DERIVED_PREFIX).unwrap_or(name);
    format!("{prefix}-{hex}")
}

/// A ManagedCluster as far as its name matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCluster {
    /// Name on the hub.
    pub name: String,
    /// `namespace` and `name` of the Spoke that its owner labels name, if it has both.
    pub owner: Option<(String, String)>,
}

/// What decides about the name, in this order of weight.
#[derive(Clone, Copy, Debug)]
pub struct NameQuestion<'a> {
    /// Namespace of the Spoke.
    pub namespace: &'a str,
    /// Name of the Spoke.
    pub name: &'a str,
    /// `status.managedClusterName`: once written it is never changed.
    pub resolved: Option<&'a str>,
    /// `spec.managedClusterName`.
    pub declared: Option<&'a str>,
    /// The ManagedClusters of the hub.
    pub clusters: &'a [NamedCluster],
}

/// The name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameClash {
    /// Another Spoke owns the ManagedCluster of that name.
    #[error(
        "ManagedCluster {cluster} belongs to Spoke {namespace}/{name}; set spec.managedClusterName to a free name"
    )]
    Owned {
        /// The contested name.
        cluster: String,
        /// Namespace of the owner.
        namespace: String,
        /// Name of the owner.
        name: String,
    },
    /// The hub needs the namespace of that name for something else.
    #[error(
        "a ManagedCluster {0} would live in namespace {0} of the hub, which belongs to Kubernetes or to OCM; set spec.managedClusterName to another name"
    )]
    Reserved(String),
    /// More than one ManagedCluster carries this Spoke's owner labels.
    #[error(
        "ManagedClusters {0} and {1} both carry this Spoke's owner labels; set spec.managedClusterName to the right one"
    )]
    Ambiguous(String, String),
}

/// Decides the name: `spec.managedClusterName`; else a ManagedCluster that carries the Spoke's owner
/// labels; else one with the Spoke's plain name and no other owner (older upstream releases made
/// those); else the derived name. A name in the status stands.
///
/// # Errors
/// When the name belongs to another Spoke, or two clusters claim to be this Spoke's, or OCM would make
/// the cluster's home in a namespace that belongs to Kubernetes or to itself.
pub fn managed_cluster_name(question: NameQuestion<'_>) -> Result<String, NameClash> {
    let NameQuestion { namespace, name, resolved, declared, clusters } = question;
    // The owner label holds no more than a label value.
    let label = label_value(name);
    let ours =
        |cluster: &NamedCluster| cluster.owner.as_ref().is_some_and(|(ns, n)| ns == namespace && *n == label);
    let choice = if let Some(fixed) = resolved.or(declared) {
        fixed.to_owned()
    } else {
        let mut labelled = clusters.iter().filter(|cluster| ours(cluster));
        match (labelled.next(), labelled.next()) {
            (Some(first), Some(second)) => {
                return Err(NameClash::Ambiguous(first.name.clone(), second.name.clone()));
            }
            (Some(only), None) => only.name.clone(),
            (None, _) => {
                let plain = clusters.iter().any(|cluster| cluster.name == name && cluster.owner.is_none());
                if plain { name.to_owned() } else { derived_managed_cluster_name(namespace, name) }
            }
        }
    };
    // OCM keeps a cluster's works and add-ons in a namespace of the cluster's name, and gives its agent
    // rights there.
    if choice.starts_with("kube-") || choice == OCM || choice.starts_with(OCM_PREFIX) {
        return Err(NameClash::Reserved(choice));
    }
    match clusters.iter().find(|cluster| cluster.name == choice) {
        Some(NamedCluster { owner: Some((owner_namespace, owner_name)), .. })
            if (owner_namespace.as_str(), owner_name.as_str()) != (namespace, label.as_str()) =>
        {
            Err(NameClash::Owned {
                cluster: choice,
                namespace: owner_namespace.clone(),
                name: owner_name.clone(),
            })
        }
        _ => Ok(choice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, owner: Option<(&str, &str)>) -> NamedCluster {
        NamedCluster {
            name: name.into(),
            owner: owner.map(|(namespace, name)| (namespace.into(), name.into())),
        }
    }

    fn ask<'a>(declared: Option<&'a str>, clusters: &'a [NamedCluster]) -> NameQuestion<'a> {
        NameQuestion { namespace: "fleet", name: "paris", resolved: None, declared, clusters }
    }

    #[test]
    fn a_derived_name_is_stable_and_fits() {
        let long = "a".repeat(80);
        let name = derived_managed_cluster_name("ns", &long);
        assert_eq!(name.len(), 63);
        assert_ne!(name, derived_managed_cluster_name("other", &long));
        // sha256("fleet/paris") begins with these digits.
        let expected = format!("paris-{}", &hex(b"fleet/paris")[..8]);
        assert_eq!(derived_managed_cluster_name("fleet", "paris"), expected);
    }

    fn hex(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_declared_name_wins_over_everything_but_a_resolved_one() {
        let clusters = [cluster("old", Some(("fleet", "paris")))];
        assert_eq!(managed_cluster_name(ask(Some("new"), &clusters)), Ok("new".into()));
        let question = NameQuestion { resolved: Some("old"), ..ask(Some("new"), &clusters) };
        assert_eq!(managed_cluster_name(question), Ok("old".into()));
    }

    #[test]
    fn labels_then_the_plain_name_then_the_derived_one() {
        let clusters = [cluster("x", Some(("fleet", "paris"))), cluster("paris", None)];
        assert_eq!(managed_cluster_name(ask(None, &clusters)), Ok("x".into()));
        assert_eq!(managed_cluster_name(ask(None, &clusters[1..])), Ok("paris".into()));
        assert_eq!(managed_cluster_name(ask(None, &[])), Ok(derived_managed_cluster_name("fleet", "paris")));
    }

    #[test]
    fn another_owner_is_a_clash_and_never_taken_over() {
        let clusters = [cluster("paris", Some(("other", "paris")))];
        assert!(matches!(managed_cluster_name(ask(Some("paris"), &clusters)), Err(NameClash::Owned { .. })));
        // Without a declared name the foreign one is simply not chosen.
        assert_eq!(
            managed_cluster_name(ask(None, &clusters)),
            Ok(derived_managed_cluster_name("fleet", "paris"))
        );
    }

    #[test]
    fn the_namespaces_of_kubernetes_and_ocm_are_nobodys_name() {
        for name in ["kube-system", "open-cluster-management", "open-cluster-management-hub"] {
            let answer = managed_cluster_name(ask(Some(name), &[]));
            assert_eq!(answer, Err(NameClash::Reserved(name.to_owned())));
        }
        assert!(managed_cluster_name(ask(Some("open-cluster"), &[])).is_ok());
    }

    #[test]
    fn two_clusters_with_our_labels_are_ambiguous() {
        let clusters = [cluster("a", Some(("fleet", "paris"))), cluster("b", Some(("fleet", "paris")))];
        assert!(matches!(managed_cluster_name(ask(None, &clusters)), Err(NameClash::Ambiguous(..))));
    }
}
