//! The objects that scenarios begin with.

use fleetconfig_api::common::{ClusterManagerConfig, Kubeconfig, SecretReference};
use fleetconfig_api::v1alpha1::{FleetConfig, FleetConfigSpec, HubSection, Klusterlet, SpokeEntry};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;

/// Namespace of the FleetConfig in all walks.
pub(crate) const NAMESPACE: &str = "fleetconfig-system";

/// Name of the FleetConfig in all walks.
pub(crate) const FLEET: &str = "fleetconfig";

/// Namespace of the spokes' kubeconfig Secrets in walk 2.
pub(crate) const SECRETS: &str = "default";

/// Walk 2 as users apply it.
pub(crate) const TWO_CLUSTERS: &str = include_str!("../../../examples/two-clusters.yaml");

/// Walk 1 as users apply it.
pub(crate) const ONE_CLUSTER: &str = include_str!("../../../examples/one-cluster.yaml");

/// A FleetConfig of an example file.
///
/// # Errors
/// When the file is not one FleetConfig.
pub(crate) fn example(text: &str) -> anyhow::Result<FleetConfig> {
    Ok(serde_saphyr::from_str(text)?)
}

/// A FleetConfig whose hub is the cluster itself, with these spokes.
pub(crate) fn fleet(spokes: Vec<SpokeEntry>) -> FleetConfig {
    let mut fleet = FleetConfig::new(
        FLEET,
        FleetConfigSpec {
            hub: HubSection {
                name: Some("hub".into()),
                kubeconfig: in_cluster(),
                cluster_manager: Some(ClusterManagerConfig::default()),
                ..HubSection::default()
            },
            spokes,
            ..FleetConfigSpec::default()
        },
    );
    fleet.metadata.namespace = Some(NAMESPACE.into());
    fleet
}

/// `inCluster: true`.
pub(crate) fn in_cluster() -> Kubeconfig {
    Kubeconfig { in_cluster: Some(true), ..Kubeconfig::default() }
}

/// The hub as its own spoke.
pub(crate) fn hub_as_spoke() -> SpokeEntry {
    SpokeEntry { name: "hub-as-spoke".into(), kubeconfig: in_cluster(), ..SpokeEntry::default() }
}

/// A remote spoke whose kubeconfig is in a Secret of its own name.
pub(crate) fn remote(name: &str) -> SpokeEntry {
    SpokeEntry {
        name: name.into(),
        kubeconfig: secret_kubeconfig(&secret_name(name)),
        klusterlet: Klusterlet { force_internal_endpoint_lookup: Some(true), ..Klusterlet::default() },
        ..SpokeEntry::default()
    }
}

/// A reference to a kubeconfig Secret.
pub(crate) fn secret_kubeconfig(secret: &str) -> Kubeconfig {
    Kubeconfig {
        secret_reference: Some(SecretReference {
            name: secret.into(),
            namespace: Some(SECRETS.into()),
            ..SecretReference::default()
        }),
        ..Kubeconfig::default()
    }
}

/// Name of a remote spoke's kubeconfig Secret.
pub(crate) fn secret_name(spoke: &str) -> String {
    format!("fleetconfig-{spoke}-kubeconfig")
}

/// A Secret with a kubeconfig.
pub(crate) fn kubeconfig_secret(name: &str, kubeconfig: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some(SECRETS.into()),
            ..ObjectMeta::default()
        },
        data: Some([("kubeconfig".to_owned(), ByteString(kubeconfig.as_bytes().to_vec()))].into()),
        ..Secret::default()
    }
}
