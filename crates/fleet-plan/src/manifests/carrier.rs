//! The works by which OCM's own agent keeps the klusterlet of a spoke that has joined.
//!
//! Two of them, in the cluster's namespace on the hub: the CRD of the Klusterlet, and all that needs it.
//! What they hold is what was applied at the join, object for object, under the same field manager. So a
//! hand-over changes nothing on the spoke, and either side takes away what the other one has set.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::core::{ObjectMeta, Resource};
use ocm_api::operator::v1::Klusterlet;
use ocm_api::work::v1::{
    DeleteOption, DeletePropagationPolicy, FeedbackRule, JsonPath, ManifestConfigOption, ManifestWork,
    ManifestWorkSpec, ManifestsTemplate, ResourceIdentifier, ServerSideApplyConfig, UpdateStrategy,
    UpdateStrategyType,
};
use serde_json::{Value, json};

use super::inventory::Inventory;
use crate::object::{Manifest, ManifestError, ObjectKey};
use crate::values::content_hash;

/// Name of the work with the CRD.
pub const CARRIER_CRD_WORK: &str = "fleetconfig-klusterlet-crd";
/// Name of the work with the operator, its rights, and the Klusterlet.
pub const CARRIER_WORK: &str = "fleetconfig-klusterlet";

/// Field manager of what is written on a spoke, by the work agent and by a kubeconfig alike. OCM demands
/// that the name of a work's manager begins with `work-agent`.
pub const CARRIER_MANAGER: &str = "work-agent-fleetconfig";

/// The works that carry these objects, for the cluster of this name.
///
/// # Errors
/// When an object does not serialise.
pub fn carrier(
    cluster_name: &str,
    inventory: &Inventory,
    foundation: &[Manifest],
    agent: &[Manifest],
    agent_namespace: &str,
) -> Result<Vec<Manifest>, ManifestError> {
    let is_crd = |manifest: &&Manifest| is::<CustomResourceDefinition>(manifest);
    // The agents' namespace is the klusterlet operator's: it makes it, and takes it away with the agents.
    let is_agents =
        |manifest: &&Manifest| manifest.key.namespace.is_none() && manifest.key.name == agent_namespace;
    let crd: Vec<&Manifest> = foundation.iter().filter(is_crd).collect();
    let rest: Vec<&Manifest> =
        foundation.iter().filter(|manifest| !is_crd(manifest) && !is_agents(manifest)).chain(agent).collect();
    [(CARRIER_CRD_WORK, crd), (CARRIER_WORK, rest)]
        .into_iter()
        .map(|(name, manifests)| {
            let mut work = ManifestWork::new(name, spec(&manifests));
            work.metadata =
                ObjectMeta { namespace: Some(cluster_name.to_owned()), ..std::mem::take(&mut work.metadata) };
            Ok(inventory.mark(Manifest::of(&work)?))
        })
        .collect()
}

/// The keys of the works of the cluster of this name.
pub fn carrier_keys(cluster_name: &str) -> [ObjectKey; 2] {
    [CARRIER_WORK, CARRIER_CRD_WORK].map(|name| ObjectKey::namespaced::<ManifestWork>(cluster_name, name))
}

/// What of a work is ours, as a hash: the objects, how they are written, what becomes of them. It is the
/// same for a work as it is wanted and for one that was read, whatever the API server filled in.
pub fn carried_content(spec: &ManifestWorkSpec) -> String {
    let manifests = spec.workload.as_ref().and_then(|workload| workload.manifests.as_ref());
    let manifests: Vec<&Value> = manifests.into_iter().flatten().map(|manifest| &manifest.0).collect();
    let deletion = spec.delete_option.as_ref();
    let configs: Vec<Value> = spec
        .manifest_configs
        .iter()
        .flatten()
        .map(|config| {
            let strategy = config.update_strategy.as_ref();
            let apply = strategy.and_then(|strategy| strategy.server_side_apply.as_ref());
            json!([
                config.resource_identifier,
                config.feedback_rules,
                strategy.map(|strategy| &strategy.type_),
                apply.map(|apply| (apply.force, &apply.field_manager, &apply.ignore_fields)),
            ])
        })
        .collect();
    content_hash(&json!([
        manifests,
        deletion.map(|option| (&option.propagation_policy, &option.selectively_orphans)),
        configs,
        spec.executor,
    ]))
}

/// The content of a rendered work; `None` for an object that is none.
pub fn content_of(manifest: &Manifest) -> Option<String> {
    let spec = manifest.body.get("spec")?;
    serde_json::from_value(spec.clone()).ok().map(|spec| carried_content(&spec))
}

fn spec(manifests: &[&Manifest]) -> ManifestWorkSpec {
    let bodies = manifests.iter().map(|manifest| RawExtension(manifest.body.clone())).collect();
    ManifestWorkSpec {
        workload: Some(ManifestsTemplate { manifests: Some(bodies) }),
        // Whoever deletes the work, or the ManagedCluster, must not take the agents away with it: they
        // would go in any order, and some would never end.
        delete_option: Some(DeleteOption {
            propagation_policy: DeletePropagationPolicy::Orphan,
            ..DeleteOption::default()
        }),
        manifest_configs: Some(manifests.iter().map(|manifest| config(manifest)).collect()),
        executor: None,
    }
}

fn config(manifest: &Manifest) -> ManifestConfigOption {
    let ObjectKey { resource, namespace, name } = &manifest.key;
    ManifestConfigOption {
        resource_identifier: ResourceIdentifier {
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            name: name.clone(),
            namespace: namespace.clone().unwrap_or_default(),
        },
        feedback_rules: feedback(manifest),
        update_strategy: Some(UpdateStrategy {
            type_: UpdateStrategyType::ServerSideApply,
            server_side_apply: Some(ServerSideApplyConfig {
                force: Some(true),
                field_manager: Some(CARRIER_MANAGER.to_owned()),
                ignore_fields: None,
            }),
        }),
        ..ManifestConfigOption::default()
    }
}

/// What the agent reports of an object: how the operator's pods stand, and what the operator says of the
/// agents.
fn feedback(manifest: &Manifest) -> Option<Vec<FeedbackRule>> {
    if is::<Deployment>(manifest) {
        return Some(vec![FeedbackRule { type_: "WellKnownStatus".to_owned(), json_paths: None }]);
    }
    if !is::<Klusterlet>(manifest) {
        return None;
    }
    let path = |name: &str, path: String| JsonPath { name: name.to_owned(), version: None, path };
    let condition = |name: &str, kind: &str| path(name, format!(".conditions[?(@.type==\"{kind}\")].status"));
    Some(vec![FeedbackRule {
        type_: "JSONPaths".to_owned(),
        json_paths: Some(vec![
            path("observedGeneration", ".observedGeneration".to_owned()),
            condition("applied", "Applied"),
            condition("available", "Available"),
            condition("hubConnectionDegraded", "HubConnectionDegraded"),
        ]),
    }])
}

fn is<K: Resource<DynamicType = ()>>(manifest: &Manifest) -> bool {
    let resource = &manifest.key.resource;
    resource.kind == K::kind(&()) && resource.group == K::group(&())
}
