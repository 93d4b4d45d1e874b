//! From a Hub as its user wrote it to what it asks for.

use fleetconfig_api::common::RegistrationDriver;
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::Hub;
use fleetconfig_api::values::Images;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::facts::{HubFacts, ValuesText};
use super::plan::{DesiredHub, Refusal};
use crate::manifests::inventory::{Inventory, OWNER_CLUSTER};
use crate::manifests::{BOOTSTRAP_NAMESPACE, HubManifestInput, RenderError, hub};
use crate::object::ObjectKey;
use crate::release::{self, ReleaseError, image_tag, resolve};
use crate::values::{content_hash, merge};

/// The inventory labels of everything that a Hub owns.
pub fn inventory(hub: &Hub) -> Inventory {
    Inventory::of(
        &Hub::kind(&()),
        &hub.namespace().unwrap_or_default(),
        &hub.name_any(),
        &hub.uid().unwrap_or_default(),
    )
}

/// The object whose creation claims a cluster for a Hub: the namespace of the bootstrap accounts,
/// which only a hub has, and a cluster only once.
pub fn claim_key() -> ObjectKey {
    ObjectKey::cluster::<Namespace>(BOOTSTRAP_NAMESPACE)
}

/// Name of the set of everything that is wholly a Hub's, stable for one Hub.
pub fn set_name(hub: &Hub) -> String {
    format!("Hub/{}", hub.uid().unwrap_or_default())
}

/// What a Hub asks for, on the cluster that the facts are about.
///
/// # Errors
/// When the Hub cannot be carried out as written; then nothing may be written.
pub fn desired_hub(hub_object: &Hub, facts: &HubFacts) -> Result<DesiredHub, Refusal> {
    let spec = &hub_object.spec;
    let not_yet = |message: &str| Refusal { reason: Reason::NotYetSupported, message: message.to_owned() };
    match spec.registration_auth.driver {
        RegistrationDriver::Csr => {}
        RegistrationDriver::Awsirsa => {
            return Err(not_yet("spec.registrationAuth.driver awsirsa is not supported yet; use csr"));
        }
        RegistrationDriver::Grpc => {
            return Err(not_yet("spec.registrationAuth.driver grpc is not supported yet; use csr"));
        }
    }
    let Some(manager) = &spec.cluster_manager else {
        return Err(not_yet("spec.singleton is not supported yet; set spec.clusterManager instead"));
    };
    if let ValuesText::Missing { message } = &facts.values {
        return Err(Refusal { reason: Reason::ValuesSourceMissing, message: message.clone() });
    }
    let values = merge(manager.values.as_ref(), facts.values.text()).map_err(|error| Refusal {
        reason: Reason::ValuesInvalid,
        message: format!("spec.clusterManager.{error}"),
    })?;
    let installed = installed_release(hub_object, facts, values.images.as_ref());
    let bundle = resolve(&manager.source.bundle_version, installed)
        .map_err(|error| unknown_bundle("spec.clusterManager", &error))?;
    let inventory = inventory(hub_object);
    let mut manifests = hub(&HubManifestInput {
        bundle,
        inventory: &inventory,
        registry: &manager.source.registry,
        create_namespace: spec.create_namespace,
        feature_gates: &manager.feature_gates,
        resources: &manager.resources,
        values: &values,
    })
    .map_err(|error| unrenderable("spec.clusterManager", &error))?;
    let claim = claim_key();
    let position = manifests.iter().position(|manifest| manifest.key == claim);
    let Some(position) = position else {
        return Err(Refusal {
            reason: Reason::InternalError,
            message: "the hub's manifests hold no bootstrap namespace".to_owned(),
        });
    };
    let mut claim = manifests.remove(position);
    if let Some(home) = &facts.home {
        claim = claim.labelled([(OWNER_CLUSTER, home.as_str())]);
    }
    let templates = spec.add_on_configs.iter().map(|addon| addon.name.clone());
    let built_in = spec.hub_add_ons.iter().map(|addon| addon.name.as_str().to_owned());
    Ok(DesiredHub {
        claim,
        manifests,
        set: set_name(hub_object),
        bundle_version: bundle.to_string(),
        values_hash: content_hash(&json!({
            "values": serde_json::to_value(&values).unwrap_or_default(),
            "featureGates": manager.feature_gates,
        })),
        addons: templates.chain(built_in).collect(),
    })
}

/// The OCM release that the cluster has already, if any: what the Hub's status says was resolved for
/// this cluster, else the tag of the image that runs.
fn installed_release<'a>(hub: &'a Hub, facts: &'a HubFacts, images: Option<&Images>) -> Option<&'a str> {
    // What was resolved for another cluster, before the kubeconfig was changed, says nothing here.
    let status = hub.status.as_ref().filter(|status| {
        status.cluster_uid.as_ref().is_none_or(|cluster_uid| *cluster_uid == facts.cluster_uid)
    });
    let before = status.and_then(|status| status.bundle_version.as_deref());
    let tag = facts.cluster_manager.as_ref().and_then(|manager| manager.running_tag.as_deref());
    release::installed(before, tag.filter(|tag| !chosen_by_values(tag, images)))
}

/// Whether the tag is one that the chart values choose for a build of the user's own: it tells
/// nothing about OCM's release. Without this, a Hub whose first pass was cut off before its status
/// was written would take its own choice for an unknown release.
fn chosen_by_values(tag: &str, images: Option<&Images>) -> bool {
    let overrides = images.and_then(|images| images.overrides.as_ref());
    let image = overrides.and_then(|overrides| overrides.registration_image.as_deref());
    let own_tag = images.and_then(|images| images.tag.as_deref());
    image.and_then(image_tag) == Some(tag) || (own_tag == Some(tag) && !release::is_known(tag))
}

/// A `bundleVersion` that names no release.
pub fn unknown_bundle(field: &str, error: &ReleaseError) -> Refusal {
    Refusal { reason: Reason::BundleUnknown, message: format!("{field}.source.{error}") }
}

/// Objects that cannot be rendered from what is asked.
pub fn unrenderable(field: &str, error: &RenderError) -> Refusal {
    let reason = match error {
        RenderError::NotYetSupported { .. } => Reason::NotYetSupported,
        RenderError::Gates(_) => Reason::InvalidSpec,
        RenderError::Invalid { .. } => Reason::ValuesInvalid,
        RenderError::Object(_) => Reason::InternalError,
    };
    Refusal { reason, message: format!("{field}: {error}") }
}
