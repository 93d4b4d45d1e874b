//! The ManagedCluster that stands for a spoke on its hub.
//!
//! Others write it too, so what is taken out of a Spoke must go without what others have put there.
//! Nothing that is watched tells whose a key is: caches hold no `managedFields`. Two annotations
//! remember it on the object itself:
//!
//! - [`APPLIED_KEYS`] lists the labels and annotations of our last apply. It is applied with them, so
//!   an object whose list is longer than ours differs, and is applied again; the API server then
//!   removes what we have given up, unless somebody else owns it as well.
//! - [`APPLIED_TAINTS`] lists the taints that we have added. It is written by the very patch that adds
//!   them or takes them away. A taint that was there before is somebody else's, and is not listed.

use std::collections::BTreeMap;

use fleetconfig_api::names;
use fleetconfig_api::v1beta1::Spoke;
use kube::ResourceExt;
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::{Value, json};

use super::membership::is_denied;
use super::plan::DesiredSpoke;
use crate::manifests::inventory::label_value;
use crate::object::{Manifest, ManifestError, ObjectKey};
use crate::plan::{Step, Target};

/// Annotation: keys of the labels and annotations that were applied, as JSON.
pub const APPLIED_KEYS: &str = "fleetconfig.open-cluster-management.io/applied-keys";

/// Annotation: taints that were added, as JSON.
pub const APPLIED_TAINTS: &str = "fleetconfig.open-cluster-management.io/applied-taints";

/// Path of [`APPLIED_TAINTS`] in a JSON patch.
const APPLIED_TAINTS_PATH: &str =
    "/metadata/annotations/fleetconfig.open-cluster-management.io~1applied-taints";

/// Our keys of the ManagedCluster: accepted, with what the Spoke wants on it over these annotations.
///
/// # Errors
/// Never for a cluster with a name.
pub(super) fn manifest(
    spoke: &Spoke,
    cluster_name: &str,
    is_hub: bool,
    mut annotations: BTreeMap<String, String>,
) -> Result<Manifest, ManifestError> {
    let mut labels = BTreeMap::new();
    if let Some(wanted) = &spoke.spec.managed_cluster {
        labels.extend(wanted.labels.clone());
        annotations.extend(wanted.annotations.clone());
        if let Some(set) = &wanted.cluster_set {
            labels.insert(ocm_api::names::labels::CLUSTER_SET.to_owned(), set.clone());
        }
    }
    // Upstream's owner labels last: they say whose the cluster is and must not be overwritten.
    labels.insert(names::LABEL_SPOKE_NAME.to_owned(), label_value(&spoke.name_any()));
    labels.insert(names::LABEL_SPOKE_NAMESPACE.to_owned(), spoke.namespace().unwrap_or_default());
    if is_hub {
        labels.insert(
            names::LABEL_MANAGED_CLUSTER_TYPE.to_owned(),
            names::MANAGED_CLUSTER_TYPE_HUB_AS_SPOKE.to_owned(),
        );
    }
    // The memory of taints is not applied, so that a patch can write it.
    annotations.retain(|key, _| key != APPLIED_KEYS && key != APPLIED_TAINTS);
    let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
    let applied = json!({ "annotations": keys(&annotations), "labels": keys(&labels) });
    annotations.insert(APPLIED_KEYS.to_owned(), applied.to_string());
    Manifest::of_value::<ManagedCluster>(json!({
        "metadata": { "name": cluster_name, "labels": labels, "annotations": annotations },
        "spec": { "hubAcceptsClient": true },
    }))
}

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
        steps.push(patch(
            desired,
            vec![
                json!({ "op": "test", "path": "/metadata/uid", "value": uid }),
                json!({ "op": "add", "path": "/spec/hubAcceptsClient", "value": true }),
            ],
        ));
    }
    if !carries(live, &desired.managed_cluster) {
        steps.push(apply());
    }
    // The patch of the taints holds only for the object that was seen, so it waits until that is not
    // about to change; the change itself wakes the next pass.
    if steps.is_empty() {
        steps.extend(taints(desired, live));
    }
    steps
}

/// Adds the taints that are missing and takes away those of ours that are no longer wanted, if nobody
/// has written the object since it was seen.
fn taints(desired: &DesiredSpoke, live: &ManagedCluster) -> Option<Step> {
    let present: Vec<Value> =
        live.spec.taints.iter().flatten().filter_map(|taint| serde_json::to_value(taint).ok()).collect();
    let wanted = &desired.taints;
    let recorded = live.metadata.annotations.as_ref().and_then(|all| all.get(APPLIED_TAINTS));
    // What cannot be read is nobody's memory; then no taint is ours to take away.
    let ours: Vec<Value> = recorded.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();

    let stays = |taint: &&Value| !holds(&ours, taint) || holds(wanted, taint);
    let kept: Vec<&Value> = present.iter().filter(stays).collect();
    let missing: Vec<&Value> = wanted.iter().filter(|taint| !holds(&present, taint)).collect();
    let now_ours: Vec<&Value> =
        wanted.iter().filter(|taint| holds(&ours, taint) || !holds(&present, taint)).collect();

    let mut operations = Vec::new();
    if kept.len() != present.len() || !missing.is_empty() {
        let all: Vec<&Value> = kept.into_iter().chain(missing).collect();
        operations.push(json!({ "op": "add", "path": "/spec/taints", "value": all }));
    }
    let record = (!now_ours.is_empty()).then(|| json!(now_ours).to_string());
    match record {
        Some(record) if Some(&record) != recorded => {
            operations.push(json!({ "op": "add", "path": APPLIED_TAINTS_PATH, "value": record }));
        }
        None if recorded.is_some() => {
            operations.push(json!({ "op": "remove", "path": APPLIED_TAINTS_PATH }));
        }
        Some(_) | None => {}
    }
    if operations.is_empty() {
        return None;
    }
    let mut guarded = vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": live.metadata.uid }),
        json!({ "op": "test", "path": "/metadata/resourceVersion", "value": live.metadata.resource_version }),
    ];
    guarded.extend(operations);
    Some(patch(desired, guarded))
}

/// Whether a taint is in a list. A value that is empty and none are the same.
fn holds(list: &[Value], taint: &Value) -> bool {
    fn field<'a>(taint: &'a Value, name: &str) -> &'a str {
        taint.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    list.iter()
        .any(|one| ["key", "value", "effect"].iter().all(|name| field(one, name) == field(taint, name)))
}

fn patch(desired: &DesiredSpoke, operations: Vec<Value>) -> Step {
    let key = ObjectKey::cluster::<ManagedCluster>(&*desired.cluster_name);
    Step::Patch { target: Target::Hub, key, operations }
}

/// Whether the live object has every label and annotation of the manifest, and by our memory in it no
/// other one of ours.
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
