//! Namespaces: those that are always there, and the end of the others.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    cluster::{Call, Cluster},
    object::{Object, texts},
    rejection::Rejection,
    resource::ResourceId,
    verbs::delete,
};

/// Namespaces that every cluster has.
const BUILTIN: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// Those of them that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Where namespaces are kept.
pub(crate) fn id() -> ResourceId {
    ResourceId::new("", "namespaces")
}

/// Makes the namespaces that every cluster has.
pub(crate) fn bootstrap(cluster: &mut Cluster) {
    for name in BUILTIN {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": name, "uid": cluster.next_uid(), "creationTimestamp": cluster.clock.stamp(),
                "labels": {"kubernetes.io/metadata.name": name},
            },
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        });
        if let Ok(namespace) = Object::from_value(namespace) {
            cluster.store.put(&id(), namespace);
        }
    }
}

/// Refuses to delete the namespaces that every cluster needs.
pub(crate) fn may_be_deleted(call: &Call<'_>) -> Result<(), Rejection> {
    if call.kind.id() == id() && IMMORTAL.contains(&call.name) {
        return Err(Rejection::forbidden(&id(), call.name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// Empties and ends the namespaces that are on their way out.
pub(crate) fn settle(cluster: &mut Cluster) {
    let ending: Vec<Arc<Object>> =
        cluster.store.list(&id(), None).filter(|namespace| namespace.is_terminating()).cloned().collect();
    for namespace in ending {
        let contents: Vec<(ResourceId, Arc<Object>)> = cluster
            .store
            .everything()
            .filter(|(_, object)| object.namespace() == namespace.name())
            .map(|(id, object)| (id.clone(), object.clone()))
            .collect();
        for (id, object) in contents.iter().filter(|(_, object)| !object.is_terminating()) {
            if let Some(kind) = cluster.registry.preferred(id) {
                delete::delete_in_background(cluster, &kind, object);
            }
        }
        finish(cluster, &namespace);
    }
}

fn finish(cluster: &mut Cluster, namespace: &Object) {
    let left: Vec<(ResourceId, Arc<Object>)> = cluster
        .store
        .everything()
        .filter(|(_, object)| object.namespace() == namespace.name())
        .map(|(id, object)| (id.clone(), object.clone()))
        .collect();
    let mut new = namespace.clone();
    if left.is_empty() {
        let mut finalizers =
            texts(new.at(&["spec", "finalizers"])).into_iter().map(str::to_owned).collect::<Vec<_>>();
        finalizers.retain(|finalizer| finalizer != "kubernetes");
        if finalizers.is_empty() && new.finalizers().is_empty() {
            cluster.store.remove(&id(), "", namespace.name());
            return;
        }
        new.section("spec").insert("finalizers".into(), finalizers.into());
    }
    let conditions = conditions(&left, &cluster.clock.stamp(), namespace);
    new.section("status").insert("conditions".into(), conditions.into());
    if new.content != namespace.content {
        cluster.store.put(&id(), new);
    }
}

/// What keeps a namespace, in the conditions that Kubernetes uses.
fn conditions(left: &[(ResourceId, Arc<Object>)], now: &str, namespace: &Object) -> Vec<Value> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, object) in left {
        *kinds.entry(format!("{}.{}", id.resource, id.group)).or_default() += 1;
        for finalizer in object.finalizers() {
            *finalizers.entry(finalizer).or_default() += 1;
        }
    }
    let list = |parts: Vec<String>| parts.join(", ");
    let kinds =
        list(kinds.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect());
    let holders = list(
        finalizers.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect(),
    );
    let remaining = |prefix: &str, what: &str| format!("{prefix}: {what}");
    let none = String::new();
    let entries = [
        (
            "NamespaceDeletionDiscoveryFailure",
            "ResourcesDiscovered",
            &none,
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "ParsedGroupVersions",
            &none,
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "ContentDeleted",
            &none,
            "All content successfully deleted, may be waiting on finalization",
        ),
        ("NamespaceContentRemaining", "ContentRemoved", &kinds, "All content successfully removed"),
        (
            "NamespaceFinalizersRemaining",
            "ContentHasNoFinalizers",
            &holders,
            "All content-preserving finalizers finished",
        ),
    ];
    let before = namespace.at(&["status", "conditions"]).and_then(Value::as_array);
    entries
        .into_iter()
        .map(|(kind, reason, what, fine)| {
            let (status, reason, message) = match (what.is_empty(), kind) {
                (true, _) => ("False", reason, fine.to_owned()),
                (false, "NamespaceContentRemaining") => {
                    ("True", "SomeResourcesRemain", remaining("Some resources are remaining", what))
                }
                (false, _) => (
                    "True",
                    "SomeFinalizersRemain",
                    remaining("Some content in the namespace has finalizers remaining", what),
                ),
            };
            let same = before.into_iter().flatten().find(|old| {
                old.get("type").and_then(Value::as_str) == Some(kind)
                    && old.get("status").and_then(Value::as_str) == Some(status)
            });
            let since = same.and_then(|old| old.get("lastTransitionTime")).cloned();
            json!({
                "type": kind, "status": status, "reason": reason, "message": message,
                "lastTransitionTime": since.unwrap_or_else(|| now.into()),
            })
        })
        .collect()
}
