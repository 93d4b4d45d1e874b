//! The Hub and the Spokes that a FleetConfig stands for.

use fleetconfig_api::names;
use fleetconfig_api::v1alpha1::{self, FleetConfig, HubSection, SpokeEntry};
use fleetconfig_api::v1beta1::{self, CleanupConfig, Hub, HubRef, HubSpec, Spoke, SpokeSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::object::{Manifest, ManifestError};

/// The objects that a FleetConfig stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    /// Its hub.
    pub hub: Hub,
    /// Its spokes, in the order of the list.
    pub spokes: Vec<Spoke>,
}

impl Children {
    /// The manifests to apply: the hub first, then the spokes.
    ///
    /// # Errors
    /// When an object does not serialise.
    pub fn manifests(&self) -> Result<Vec<Manifest>, ManifestError> {
        std::iter::once(Manifest::of(&self.hub)).chain(self.spokes.iter().map(Manifest::of)).collect()
    }
}

/// The name of a FleetConfig's Hub: `spec.hub.name`, else its own.
pub fn hub_name(fleet: &FleetConfig) -> &str {
    let own = fleet.metadata.name.as_deref().unwrap_or_default();
    fleet.spec.hub.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(own)
}

/// The reference by which a FleetConfig owns its children.
pub fn owner_reference(fleet: &FleetConfig) -> OwnerReference {
    OwnerReference {
        api_version: FleetConfig::api_version(&()).into_owned(),
        kind: FleetConfig::kind(&()).into_owned(),
        name: fleet.metadata.name.clone().unwrap_or_default(),
        uid: fleet.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        // The FleetConfig's finalizer takes its children away in order; garbage collection in the
        // foreground must not wait for them the other way round.
        block_owner_deletion: Some(false),
    }
}

/// Whether an object is a child of the FleetConfig.
pub fn is_child(meta: &ObjectMeta, fleet: &FleetConfig) -> bool {
    let uid = fleet.metadata.uid.as_deref();
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
}

/// Composes the children.
pub fn compose(fleet: &FleetConfig) -> Children {
    let namespace = fleet.metadata.namespace.clone().unwrap_or_default();
    let hub_ref = HubRef { name: hub_name(fleet).to_owned(), namespace };
    let mut hub = Hub::new(&hub_ref.name, hub_spec(fleet));
    hub.metadata = metadata(fleet, &hub_ref.name);
    let spokes = fleet
        .spec
        .spokes
        .iter()
        .map(|entry| {
            let mut spoke = Spoke::new(&entry.name, spoke_spec(fleet, entry, &hub_ref));
            spoke.metadata = metadata(fleet, &entry.name);
            spoke
        })
        .collect();
    Children { hub, spokes }
}

fn metadata(fleet: &FleetConfig, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: fleet.metadata.namespace.clone(),
        owner_references: Some(vec![owner_reference(fleet)]),
        // The same for both kinds. Made with the object, so that it needs no write of its own.
        finalizers: Some(vec![names::FINALIZER_HUB_CLEANUP.to_owned()]),
        ..ObjectMeta::default()
    }
}

/// Destructured without `..`, so that a field added to the FleetConfig cannot be forgotten here.
fn hub_spec(fleet: &FleetConfig) -> HubSpec {
    let v1alpha1::FleetConfigSpec {
        hub,
        spokes: _,
        registration_auth,
        add_on_configs,
        hub_add_ons,
        timeout,
        log_verbosity,
        paused,
    } = &fleet.spec;
    let HubSection {
        name: _,
        kubeconfig,
        cluster_manager,
        singleton,
        api_server,
        ca,
        create_namespace,
        force,
        paused: hub_paused,
        deletion_policy,
    } = hub;
    HubSpec {
        kubeconfig: kubeconfig.clone(),
        // v1alpha1 lets both be set, as upstream does, and the ClusterManager wins there; a Hub
        // takes exactly one.
        cluster_manager: cluster_manager.clone(),
        singleton: singleton.clone().filter(|_| cluster_manager.is_none()),
        api_server: api_server.clone(),
        ca: ca.clone(),
        create_namespace: *create_namespace,
        force: *force,
        registration_auth: registration_auth.clone(),
        add_on_configs: add_on_configs.clone(),
        hub_add_ons: hub_add_ons.clone(),
        timeout: *timeout,
        log_verbosity: *log_verbosity,
        paused: either(*paused, *hub_paused),
        deletion_policy: *deletion_policy,
    }
}

/// Paused as a whole or alone; unset stays unset.
fn either(fleet: Option<bool>, own: Option<bool>) -> Option<bool> {
    if fleet == Some(true) { fleet } else { own }
}

fn spoke_spec(fleet: &FleetConfig, entry: &SpokeEntry, hub: &HubRef) -> SpokeSpec {
    let SpokeEntry {
        name,
        kubeconfig,
        managed_cluster,
        create_namespace,
        sync_labels,
        proxy_url,
        proxy_ca,
        cluster_arn,
        klusterlet,
        add_ons,
        cleanup_config,
        paused,
        deletion_policy,
    } = entry;
    let v1alpha1::SpokeCleanupConfig { purge_agent_namespace, purge_kubeconfig_secret, force_cluster_drain } =
        cleanup_config;
    SpokeSpec {
        hub_ref: hub.clone(),
        kubeconfig: kubeconfig.clone(),
        managed_cluster_name: Some(name.clone()),
        managed_cluster: managed_cluster.clone(),
        create_namespace: *create_namespace,
        sync_labels: *sync_labels,
        proxy_url: proxy_url.clone(),
        proxy_ca: proxy_ca.clone(),
        cluster_arn: cluster_arn.clone(),
        klusterlet: klusterlet_of(klusterlet),
        add_ons: add_ons.clone(),
        cleanup_config: CleanupConfig {
            purge_agent_namespace: *purge_agent_namespace,
            purge_klusterlet_operator: klusterlet.purge_operator,
            purge_kubeconfig_secret: *purge_kubeconfig_secret,
            force_cluster_drain: *force_cluster_drain,
        },
        timeout: fleet.spec.timeout,
        log_verbosity: fleet.spec.log_verbosity,
        paused: either(fleet.spec.paused, *paused),
        deletion_policy: *deletion_policy,
    }
}

fn klusterlet_of(entry: &v1alpha1::Klusterlet) -> v1beta1::Klusterlet {
    let v1alpha1::Klusterlet {
        annotations,
        feature_gates,
        mode,
        carrier,
        singleton,
        force_internal_endpoint_lookup,
        force_internal_endpoint_lookup_managed,
        managed_cluster_kubeconfig,
        resources,
        source,
        purge_operator: _,
        addon_kube_client_registration_auth,
        addon_token_expiration_seconds,
        values,
        values_from,
    } = entry.clone();
    v1beta1::Klusterlet {
        annotations,
        feature_gates,
        mode,
        carrier,
        singleton,
        force_internal_endpoint_lookup,
        force_internal_endpoint_lookup_managed,
        managed_cluster_kubeconfig,
        resources,
        source: Some(source),
        addon_kube_client_registration_auth,
        addon_token_expiration_seconds,
        values,
        values_from,
    }
}
