//! What is written to a cluster, as a whole (golden files) and in what must never change (rules).

mod golden;
mod refusals;
mod rules;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fleetconfig_api::common::ResourceSpec;
use fleetconfig_api::names;
use fleetconfig_api::values::{ClusterManagerValues, KlusterletValues};
use serde_json::Value;

use super::inventory::Inventory;
use super::{HubManifestInput, SpokeManifestInput, SpokeManifests, hub, spoke};
use crate::object::Manifest;
use crate::release::resolve;

static INVENTORY: LazyLock<Inventory> =
    LazyLock::new(|| Inventory::of("Hub", "fleet", "hub", "5f0f7fc4-96ae-4ae2-8bc8-6bb8a5f0b2f3"));
static NO_ANNOTATIONS: BTreeMap<String, String> = BTreeMap::new();
static NO_RESOURCES: LazyLock<ResourceSpec> = LazyLock::new(ResourceSpec::default);

/// A hub as the CRD's defaults describe it.
fn hub_input<'a>(version: &str, values: &'a ClusterManagerValues) -> HubManifestInput<'a> {
    HubManifestInput {
        bundle: resolve(version, None).expect("a known release"),
        inventory: &INVENTORY,
        registry: names::DEFAULT_REGISTRY,
        create_namespace: true,
        feature_gates: names::DEFAULT_HUB_FEATURE_GATES,
        resources: &NO_RESOURCES,
        values,
    }
}

/// A spoke as the CRD's defaults describe it.
fn spoke_input<'a>(version: &str, values: &'a KlusterletValues) -> SpokeManifestInput<'a> {
    SpokeManifestInput {
        bundle: resolve(version, None).expect("a known release"),
        inventory: &INVENTORY,
        registry: names::DEFAULT_REGISTRY,
        cluster_name: "spoke1",
        create_namespace: true,
        sync_labels: false,
        singleton: false,
        annotations: &NO_ANNOTATIONS,
        feature_gates: names::DEFAULT_SPOKE_FEATURE_GATES,
        resources: &NO_RESOURCES,
        addon_auth: None,
        addon_token_seconds: None,
        values,
        hub_on_same_cluster: None,
    }
}

fn hub_values(values: Value) -> ClusterManagerValues {
    serde_json::from_value(values).expect("values of the cluster-manager chart")
}

fn spoke_values(values: Value) -> KlusterletValues {
    serde_json::from_value(values).expect("values of the klusterlet chart")
}

fn all(manifests: SpokeManifests) -> Vec<Manifest> {
    manifests.foundation.into_iter().chain(manifests.agent).collect()
}

/// The one object of that kind and name.
fn one<'a>(manifests: &'a [Manifest], kind: &str, name: &str) -> &'a Value {
    let mut found =
        manifests.iter().filter(|manifest| manifest.key.resource.kind == kind && manifest.key.name == name);
    let only = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "two of {kind} {name}");
    &only.body
}
