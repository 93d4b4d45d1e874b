//! The ManagedCluster that stands for a spoke on its hub.

use std::collections::BTreeMap;

use ocm_api::cluster::v1::ManagedCluster;
use serde_json::{Value, json};

use super::membership::is_denied;
use super::plan::DesiredSpoke;
use crate::object::{Manifest, ObjectKey};
use crate::plan::{Step, Target};

/// What has to be written to make the ManagedCluster as the Spoke wants it.
pub(super) fn steps(desired: &DesiredSpoke, live: Option<&ManagedCluster>) -> Vec<Step> {
    let apply = || Step::ApplyShared { target: Target::Hub, manifest: desired.managed_cluster.clone() };
    let Some(live) = live else { return vec![apply()] };
    let mut steps = Vec::new();
    if live.metadata.deletion_timestamp.is_some() {
        return steps;
    }
    if live.spec.hub_accepts_client != Some(true) {
        if is_denied(live) {
            // Somebody with the right to do so has shut this cluster out; that is not ours to undo.
            return steps;
        }
        let uid = live.metadata.uid.clone().unwrap_or_default();
        steps.push(Step::Patch {
            target: Target::Hub,
            key: ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name),
            operations: vec![
                json!({ "op": "test", "path": "/metadata/uid", "value": uid }),
                json!({ "op": "add", "path": "/spec/hubAcceptsClient", "value": true }),
            ],
        });
    }
    if !carries(live, &desired.managed_cluster) {
        steps.push(apply());
    }
    steps.extend(missing_taints(desired, live));
    steps
}

/// Adds the taints that are not there, if nobody has written the object since it was seen.
fn missing_taints(desired: &DesiredSpoke, live: &ManagedCluster) -> Option<Step> {
    let present: Vec<Value> =
        live.spec.taints.iter().flatten().filter_map(|taint| serde_json::to_value(taint).ok()).collect();
    let same = |one: &Value, other: &Value| {
        ["key", "value", "effect"].iter().all(|field| one.get(field) == other.get(field))
    };
    let missing: Vec<&Value> =
        desired.taints.iter().filter(|wanted| !present.iter().any(|taint| same(taint, wanted))).collect();
    if missing.is_empty() {
        return None;
    }
    let all: Vec<&Value> = present.iter().chain(missing).collect();
    Some(Step::Patch {
        target: Target::Hub,
        key: ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name),
        operations: vec![
            json!({ "op": "test", "path": "/metadata/uid", "value": live.metadata.uid }),
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": live.metadata.resource_version }),
            json!({ "op": "add", "path": "/spec/taints", "value": all }),
        ],
    })
}

/// Whether the live object has every label and annotation of the manifest.
fn carries(live: &ManagedCluster, manifest: &Manifest) -> bool {
    let has = |field: &str, map: Option<&BTreeMap<String, String>>| {
        let wanted = manifest.body.pointer(&format!("/metadata/{field}")).and_then(|v| v.as_object());
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| map.and_then(|map| map.get(key)).map(String::as_str) == value.as_str())
    };
    has("labels", live.metadata.labels.as_ref()) && has("annotations", live.metadata.annotations.as_ref())
}
