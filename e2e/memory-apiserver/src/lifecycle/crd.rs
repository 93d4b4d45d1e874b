//! CustomResourceDefinitions: serving their kinds, and ending them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    object::Object,
    resource::{ResourceId, ResourceKind, custom},
    verbs::delete,
};

/// Holds a CRD until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Where CRDs are kept.
pub(crate) fn id() -> ResourceId {
    ResourceId::new("apiextensions.k8s.io", "customresourcedefinitions")
}

/// Serves what is defined, and ends what is on its way out.
pub(crate) fn settle(cluster: &mut Cluster) {
    let definitions: Vec<Arc<Object>> = cluster.store.list(&id(), None).cloned().collect();
    for crd in &definitions {
        if crd.is_terminating() {
            end(cluster, crd);
        } else {
            establish(cluster, crd);
        }
    }
    // A kind goes with its definition.
    let store = &cluster.store;
    let defined =
        |kind: &ResourceId| store.get(&id(), "", &format!("{}.{}", kind.resource, kind.group)).is_some();
    cluster.registry.retain_custom(defined);
}

/// Whether new objects of a custom kind may be made: not while its definition is being deleted.
pub(crate) fn accepts(cluster: &Cluster, kind: &ResourceKind) -> bool {
    let crd = cluster.store.get(&id(), "", &format!("{}.{}", kind.plural, kind.group));
    crd.is_some_and(|crd| !crd.is_terminating())
}

fn served(crd: &Object) -> ResourceId {
    let text = |path: &[&str]| crd.at(path).and_then(Value::as_str).unwrap_or_default();
    ResourceId::new(text(&["spec", "group"]), text(&["spec", "names", "plural"]))
}

fn establish(cluster: &mut Cluster, crd: &Object) {
    let now = cluster.clock.stamp();
    let mut new = crd.clone();
    let names = new.at(&["spec", "names"]).cloned().unwrap_or_default();
    new.section("status").insert("acceptedNames".into(), names);
    for (kind, reason, message) in [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ] {
        set_condition(&mut new, kind, reason, message, &now);
    }
    // Reading a schema takes a while, so it is done once for every state of the definition.
    let origin = format!("{} {}", crd.uid(), crd.generation().unwrap_or_default());
    if cluster.registry.origin(&served(crd)) != Some(&origin) {
        cluster.registry.define(served(crd), origin, custom::kinds_of(&new));
    }
    if new.content != crd.content {
        cluster.store.put(&id(), new);
    }
}

fn end(cluster: &mut Cluster, crd: &Object) {
    if !crd.finalizers().contains(&CLEANUP) {
        return;
    }
    let kind = served(crd);
    let objects: Vec<Arc<Object>> = cluster.store.list(&kind, None).cloned().collect();
    if let Some(kind) = cluster.registry.preferred(&kind) {
        for object in objects.iter().filter(|object| !object.is_terminating()) {
            delete::delete_in_background(cluster, &kind, object);
        }
    }
    if cluster.store.list(&kind, None).next().is_some() {
        return;
    }
    let mut new = crd.clone();
    let left: Vec<&str> = crd.finalizers().into_iter().filter(|finalizer| *finalizer != CLEANUP).collect();
    if left.is_empty() {
        cluster.store.remove(&id(), "", crd.name());
    } else {
        new.set_finalizers(&left);
        cluster.store.put(&id(), new);
    }
}

/// Says that the objects of a CRD are going to be deleted.
pub(crate) fn mark_terminating(crd: &mut Object, now: &str) {
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(crd, "Terminating", "InstanceDeletionPending", message, now);
}

fn set_condition(crd: &mut Object, kind: &str, reason: &str, message: &str, now: &str) {
    let conditions = crd.section("status").entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    let there =
        conditions.iter_mut().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind));
    let new = json!({
        "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now,
    });
    match there {
        Some(old) if old.get("status").and_then(Value::as_str) == Some("True") => {}
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}
