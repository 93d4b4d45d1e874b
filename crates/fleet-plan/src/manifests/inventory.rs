//! The labels by which what we made is found again.

use sha2::{Digest, Sha256};

use crate::object::Manifest;

/// Label: kind of the object of the user's that another object was made for.
pub const OWNER_KIND: &str = "fleetconfig.open-cluster-management.io/owner-kind";
/// Label: its namespace.
pub const OWNER_NAMESPACE: &str = "fleetconfig.open-cluster-management.io/owner-namespace";
/// Label: its name; a name that is too long for a label is shortened by [`label_value`].
pub const OWNER_NAME: &str = "fleetconfig.open-cluster-management.io/owner-name";
/// Label: its UID, which tells it from a namesake that was made later.
pub const OWNER_UID: &str = "fleetconfig.open-cluster-management.io/owner-uid";

/// Label of a claim: UID of the kube-system namespace of the cluster that holds the Hub which laid it.
pub const OWNER_CLUSTER: &str = "fleetconfig.open-cluster-management.io/owner-cluster";

/// Longest value of a label.
const LONGEST: usize = 63;

/// The labels of everything that is made for one Hub or Spoke.
///
/// They prove ownership only together with the key of an object that we would make: OCM copies the
/// labels of a ClusterManager to the CRDs of its hub, and with label synchronisation those of a
/// Klusterlet to its agents. So nothing may be deleted because a search by these labels found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory(Vec<(String, String)>);

impl Inventory {
    /// The inventory of the object with this kind, namespace, name and UID.
    pub fn of(kind: &str, namespace: &str, name: &str, uid: &str) -> Self {
        let label = |key: &str, value: &str| (key.to_owned(), label_value(value));
        Self(vec![
            label(OWNER_KIND, kind),
            label(OWNER_NAMESPACE, namespace),
            label(OWNER_NAME, name),
            label(OWNER_UID, uid),
        ])
    }

    /// Keys and values of the labels.
    pub fn labels(&self) -> &[(String, String)] {
        &self.0
    }

    /// Puts the labels on an object, next to those that it has.
    pub(super) fn mark(&self, manifest: Manifest) -> Manifest {
        manifest.labelled(self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

/// A name as the value of a label: itself if it fits, else its first 54 bytes, a dash and the first
/// 8 hex digits of its SHA-256.
pub fn label_value(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    // Kubernetes names are ASCII, so a byte prefix is a character prefix.
    format!("{}-{hex}", name.get(..LONGEST - 9).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_become_distinct_labels_of_legal_length() {
        let long = "a".repeat(62);
        assert_eq!(label_value(&long), long);
        let one = label_value(&format!("{long}bb"));
        let two = label_value(&format!("{long}bc"));
        assert_eq!(one.len(), 63);
        assert_ne!(one, two);
        assert_eq!(one, label_value(&format!("{long}bb")));
        assert!(one.starts_with(&"a".repeat(54)));
    }
}
