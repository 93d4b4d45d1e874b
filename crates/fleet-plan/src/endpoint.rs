//! Which address and which CA a spoke gets for its hub.

use base64::Engine;
use sha2::{Digest, Sha256};

/// The address that the API server has inside its own cluster.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";

/// Server and CA of the hub as `kube-public/cluster-info` publishes them (kubeadm's contract; other
/// tools follow it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterInfo {
    /// URL of the API server.
    pub server: String,
    /// PEM bundle, when the document carries one.
    pub ca_pem: Option<String>,
}

impl ClusterInfo {
    /// Reads the kubeconfig inside the ConfigMap. Anything but one readable cluster entry with a
    /// server counts as nothing published.
    pub fn parse(text: &str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Document {
            clusters: Vec<Named>,
        }
        #[derive(serde::Deserialize)]
        struct Named {
            cluster: Entry,
        }
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Entry {
            server: String,
            certificate_authority_data: Option<String>,
        }
        // The document is public and small; more than this is not what kubeadm writes.
        const MAX_BYTES: usize = 64 * 1024;
        if text.len() > MAX_BYTES {
            return None;
        }
        let document: Document = serde_saphyr::from_str(text).ok()?;
        let [Named { cluster }] = <[Named; 1]>::try_from(document.clusters).ok()?;
        let ca_pem = cluster
            .certificate_authority_data
            .and_then(|data| base64::engine::general_purpose::STANDARD.decode(data.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        (!cluster.server.is_empty()).then_some(Self { server: cluster.server, ca_pem })
    }
}

/// What is known about how a hub can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// `Hub.spec.apiServer`, when not empty.
    pub declared_server: Option<String>,
    /// `Hub.spec.ca`, when not empty.
    pub declared_ca: Option<String>,
    /// `kube-public/cluster-info` of the hub cluster.
    pub cluster_info: Option<ClusterInfo>,
    /// The CA that the hub cluster hands to its own pods (`kube-root-ca.crt`).
    pub root_ca: Option<String>,
}

/// An address with the CA that it must present, before anybody has checked that it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubEndpoint {
    /// URL that goes into the spoke's bootstrap kubeconfig.
    pub server: String,
    /// PEM bundle that goes along.
    pub ca_pem: String,
}

impl HubEndpoint {
    /// The SHA-256, in hex, of the CA bundle: the same as long as the spokes are handed the same
    /// bytes, and what `sha256sum` says of them.
    pub fn ca_hash(&self) -> String {
        Sha256::digest(self.ca_pem.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Nothing tells how a spoke could reach the hub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUnknown {
    /// No address.
    #[error(
        "the hub's address is unknown: spec.apiServer is empty and the hub has no usable kube-public/cluster-info; set spec.apiServer of the Hub to a URL that the spokes can reach"
    )]
    Server,
    /// An address, but no CA to trust it by.
    #[error(
        "no CA is known for {server}: spec.ca is empty, kube-public/cluster-info has none and the hub has no kube-root-ca.crt; set spec.ca of the Hub"
    )]
    Ca {
        /// The address in question.
        server: String,
    },
    /// The address is not an https URL.
    #[error("{server} is not an https URL; correct spec.apiServer of the Hub")]
    NotHttps {
        /// The address in question.
        server: String,
    },
}

/// Decides the endpoint for one spoke.
///
/// A spoke that is the hub's own cluster uses the in-cluster address, which survives a change of
/// the outer one. A remote spoke uses `spec.apiServer`, else `cluster-info`;
/// `forceInternalEndpointLookup` turns the two around, as `clusteradm join` does.
///
/// # Errors
/// When address or CA are not known, or the address is not https.
pub fn hub_endpoint(
    facts: &EndpointFacts,
    spoke_is_hub: bool,
    force_internal: bool,
) -> Result<HubEndpoint, EndpointUnknown> {
    let declared = facts.declared_server.clone();
    let published = facts.cluster_info.as_ref().map(|info| info.server.clone());
    let server = if spoke_is_hub {
        Some(IN_CLUSTER_SERVER.to_owned())
    } else if force_internal {
        published.or(declared)
    } else {
        declared.or(published)
    }
    .ok_or(EndpointUnknown::Server)?;
    if !server.starts_with("https://") {
        return Err(EndpointUnknown::NotHttps { server });
    }
    let from_info = facts.cluster_info.as_ref().and_then(|info| info.ca_pem.clone());
    let ca = if spoke_is_hub {
        facts.root_ca.clone()
    } else {
        facts.declared_ca.clone().or(from_info).or_else(|| facts.root_ca.clone())
    };
    match ca {
        Some(ca_pem) => Ok(HubEndpoint { server, ca_pem }),
        None => Err(EndpointUnknown::Ca { server }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> EndpointFacts {
        EndpointFacts {
            declared_server: Some("https://hub.example:6443".into()),
            declared_ca: Some("declared".into()),
            cluster_info: Some(ClusterInfo {
                server: "https://10.0.0.1:6443".into(),
                ca_pem: Some("info".into()),
            }),
            root_ca: Some("root".into()),
        }
    }

    #[test]
    fn a_published_cluster_info_is_read_and_a_broken_one_ignored() {
        let text = "clusters:\n- name: ''\n  cluster: {server: 'https://h:6443', certificate-authority-data: UEVN}\n";
        let info = ClusterInfo { server: "https://h:6443".into(), ca_pem: Some("PEM".into()) };
        assert_eq!(ClusterInfo::parse(text), Some(info));
        for broken in ["", "clusters: []", "clusters: [{cluster: {}}]", "a: [", "clusters: 7"] {
            assert_eq!(ClusterInfo::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_remote_spoke_gets_the_declared_address_first() {
        let endpoint = hub_endpoint(&facts(), false, false).unwrap();
        assert_eq!(endpoint.server, "https://hub.example:6443");
        assert_eq!(endpoint.ca_pem, "declared");
    }

    #[test]
    fn the_hash_of_a_ca_is_that_of_its_text() {
        let endpoint = hub_endpoint(&facts(), false, false).unwrap();
        // printf declared | sha256sum
        assert_eq!(endpoint.ca_hash(), "f833228cb8681bbf3e38af9de7a212dfc542b3e3ba1312ec8a45bb2b67605dc7");
        let other = HubEndpoint { server: "https://other.example".into(), ..endpoint.clone() };
        assert_eq!(other.ca_hash(), endpoint.ca_hash(), "the address has no part in it");
        let longer = HubEndpoint { ca_pem: "declared\n".into(), ..endpoint.clone() };
        assert_ne!(longer.ca_hash(), endpoint.ca_hash());
    }

    #[test]
    fn an_internal_lookup_prefers_cluster_info_and_falls_back() {
        let endpoint = hub_endpoint(&facts(), false, true).unwrap();
        assert_eq!(endpoint.server, "https://10.0.0.1:6443");
        let without = EndpointFacts { cluster_info: None, ..facts() };
        assert_eq!(hub_endpoint(&without, false, true).unwrap().server, "https://hub.example:6443");
    }

    #[test]
    fn the_hub_itself_is_reached_from_inside_with_its_own_ca() {
        let endpoint = hub_endpoint(&facts(), true, false).unwrap();
        assert_eq!(endpoint.server, IN_CLUSTER_SERVER);
        assert_eq!(endpoint.ca_pem, "root");
    }

    #[test]
    fn unknown_is_said_and_never_guessed() {
        let nothing = EndpointFacts::default();
        assert_eq!(hub_endpoint(&nothing, false, false), Err(EndpointUnknown::Server));
        let no_ca = EndpointFacts { declared_server: Some("https://h".into()), ..nothing.clone() };
        assert!(matches!(hub_endpoint(&no_ca, false, false), Err(EndpointUnknown::Ca { .. })));
        let plain = EndpointFacts { declared_server: Some("http://h".into()), ..nothing };
        assert!(matches!(hub_endpoint(&plain, false, false), Err(EndpointUnknown::NotHttps { .. })));
    }
}
