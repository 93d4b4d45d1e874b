//! From a Spoke as its user wrote it to what it asks for.

use fleetconfig_api::common::{KlusterletMode, ManagedClusterMetadata};
use fleetconfig_api::names;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use fleetconfig_api::values::ClusterManagerValues;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::bootstrap::BootstrapKind;
use super::managed_cluster;
use super::plan::DesiredSpoke;
use crate::hub::desire::{unknown_bundle, unrenderable};
use crate::hub::facts::ValuesText;
use crate::hub::plan::Refusal;
use crate::manifests::inventory::Inventory;
use crate::manifests::{
    BOOTSTRAP_NAMESPACE, HubOnSameCluster, SpokeManifestInput, carrier, cluster_annotations, has_pull_secret,
    spoke,
};
use crate::object::{Manifest, ManifestError};
use crate::release::resolve;
use crate::values::{ValuesError, content_hash, merge};

/// The inventory labels of everything that a Spoke owns.
pub fn inventory(spoke: &Spoke) -> Inventory {
    Inventory::of(
        &Spoke::kind(&()),
        &spoke.namespace().unwrap_or_default(),
        &spoke.name_any(),
        &spoke.uid().unwrap_or_default(),
    )
}

/// What about a Spoke is known from elsewhere than its spec.
#[derive(Clone, Copy, Debug)]
pub struct SpokeContext<'a> {
    /// Its hub.
    pub hub: &'a Hub,
    /// OCM release of the hub, which a Spoke without one of its own follows.
    pub hub_bundle: &'a str,
    /// The resolved name of its ManagedCluster.
    pub cluster_name: &'a str,
    /// The text behind `klusterlet.valuesFrom`.
    pub values: &'a ValuesText,
    /// The text behind the hub's `clusterManager.valuesFrom`; used only if the cluster is the hub's own.
    pub hub_values: &'a ValuesText,
    /// Its cluster is the hub's own.
    pub is_hub: bool,
}

/// What a Spoke asks for.
///
/// # Errors
/// When the Spoke cannot be carried out as written; then nothing may be written.
pub fn desired_spoke(spoke_object: &Spoke, context: SpokeContext<'_>) -> Result<DesiredSpoke, Refusal> {
    let spec = &spoke_object.spec;
    let klusterlet = &spec.klusterlet;
    if klusterlet.mode == KlusterletMode::Hosted {
        return Err(Refusal {
            reason: Reason::NotYetSupported,
            message: "spec.klusterlet.mode Hosted is not supported yet; use Default".to_owned(),
        });
    }
    if let ValuesText::Missing { message } = context.values {
        return Err(Refusal { reason: Reason::ValuesSourceMissing, message: message.clone() });
    }
    let values = merge(klusterlet.values.as_ref(), context.values.text()).map_err(|error| Refusal {
        reason: Reason::ValuesInvalid,
        message: format!("spec.klusterlet.{error}"),
    })?;
    let own = klusterlet.source.as_ref();
    let asked =
        own.map(|source| source.bundle_version.as_str()).filter(|v| *v != names::BUNDLE_VERSION_DEFAULT);
    let bundle = resolve(asked.unwrap_or(context.hub_bundle), None)
        .map_err(|error| unknown_bundle("spec.klusterlet", &error))?;
    let hub_source = context.hub.spec.cluster_manager.as_ref().map(|manager| &manager.source);
    let registry = own.or(hub_source).map_or(names::DEFAULT_REGISTRY, |source| source.registry.as_str());
    let inventory = inventory(spoke_object);
    let rendered = spoke(&SpokeManifestInput {
        bundle,
        inventory: &inventory,
        registry,
        cluster_name: context.cluster_name,
        create_namespace: spec.create_namespace,
        sync_labels: spec.sync_labels == Some(true),
        singleton: klusterlet.singleton == Some(true),
        annotations: &klusterlet.annotations,
        feature_gates: &klusterlet.feature_gates,
        resources: &klusterlet.resources,
        addon_auth: klusterlet.addon_kube_client_registration_auth,
        addon_token_seconds: klusterlet.addon_token_expiration_seconds,
        values: &values,
        hub_on_same_cluster: context
            .is_hub
            .then(|| HubOnSameCluster { has_pull_secret: hub_has_pull_secret(&context) }),
    })
    .map_err(|error| unrenderable("spec.klusterlet", &error))?;
    let registration = values.klusterlet.as_ref().and_then(|k| k.registration_configuration.as_ref());
    let annotations = cluster_annotations(&klusterlet.annotations, registration);
    let internal =
        |error: ManifestError| Refusal { reason: Reason::InternalError, message: error.to_string() };
    let bodies = |manifests: &[Manifest]| -> Vec<Value> {
        manifests.iter().map(|manifest| manifest.body.clone()).collect()
    };
    let works = carrier(
        context.cluster_name,
        &inventory,
        &rendered.foundation,
        &rendered.agent,
        &rendered.agent_namespace,
    )
    .map_err(internal)?;
    let hash = content_hash(&json!([bodies(&rendered.foundation), bodies(&rendered.agent)]));
    Ok(DesiredSpoke {
        cluster_name: context.cluster_name.to_owned(),
        managed_cluster: managed_cluster::manifest(
            spoke_object,
            context.cluster_name,
            context.is_hub,
            annotations,
        )
        .map_err(internal)?,
        taints: spec.managed_cluster.as_ref().map(taints).unwrap_or_default(),
        bootstrap: bootstrap_kind(context.hub),
        account: account(context.cluster_name, &inventory).map_err(internal)?,
        foundation: rendered.foundation,
        klusterlet: rendered.agent,
        set: format!("Spoke/{}", spoke_object.uid().unwrap_or_default()),
        hash,
        carrier: klusterlet.carrier.unwrap_or_default(),
        works,
        agent_namespace: rendered.agent_namespace,
        bundle_version: bundle.to_string(),
        force_internal_endpoint: klusterlet.force_internal_endpoint_lookup == Some(true),
        proxy_url: spec.proxy_url.clone().filter(|url| !url.is_empty()),
        proxy_ca: spec.proxy_ca.clone().filter(|ca| !ca.is_empty()),
        labels: inventory.labels().to_vec(),
        addons: spec.add_ons.iter().map(|addon| addon.config_name.clone()).collect(),
    })
}

/// Whether the hub's side writes a pull Secret, which the spoke's side must then leave alone. Values
/// that cannot be read or used may hold credentials, so they count as if they did.
fn hub_has_pull_secret(context: &SpokeContext<'_>) -> bool {
    if matches!(context.hub_values, ValuesText::Missing { .. }) {
        return true;
    }
    let inline = context.hub.spec.cluster_manager.as_ref().and_then(|manager| manager.values.as_ref());
    let merged: Result<ClusterManagerValues, ValuesError> = merge(inline, context.hub_values.text());
    merged.map_or(true, |values| has_pull_secret(values.images.as_ref()))
}

fn bootstrap_kind(hub: &Hub) -> BootstrapKind {
    let manager = hub.spec.cluster_manager.as_ref();
    match manager.and_then(|manager| manager.use_bootstrap_token) {
        Some(true) => BootstrapKind::Token,
        Some(false) | None => BootstrapKind::ServiceAccount,
    }
}

fn account(cluster_name: &str, inventory: &Inventory) -> Result<Manifest, ManifestError> {
    let labels = inventory.labels().iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let manifest = Manifest::of_value::<ServiceAccount>(json!({
        "metadata": { "name": cluster_name, "namespace": BOOTSTRAP_NAMESPACE },
        // The token is asked for and handed out by us; no pod is ever meant to run as this account.
        "automountServiceAccountToken": false,
    }))?;
    Ok(manifest.labelled(labels))
}

fn taints(wanted: &ManagedClusterMetadata) -> Vec<Value> {
    wanted.taints.iter().filter_map(|taint| serde_json::to_value(taint).ok()).collect()
}
