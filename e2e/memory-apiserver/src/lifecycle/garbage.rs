//! The garbage collector: objects whose owners are gone, and owners that wait for their dependents.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    cluster::Cluster,
    object::Object,
    resource::ResourceId,
    verbs::delete::{self, FOREGROUND, ORPHAN},
};

/// Deletes what nobody owns any more, and lets go of owners that waited for it.
pub(crate) fn settle(cluster: &mut Cluster) {
    let all: Vec<(ResourceId, Arc<Object>)> =
        cluster.store.everything().map(|(id, object)| (id.clone(), object.clone())).collect();
    let owned = |(_, object): &&(ResourceId, Arc<Object>)| !object.owner_uids().is_empty();
    let waits = |object: &Object| {
        object.is_terminating() && object.finalizers().iter().any(|name| [FOREGROUND, ORPHAN].contains(name))
    };
    let dependents: Vec<&(ResourceId, Arc<Object>)> = all.iter().filter(owned).collect();
    if dependents.is_empty() && !all.iter().any(|(_, object)| waits(object)) {
        return;
    }
    for (id, owner) in all.iter().filter(|(_, object)| waits(object)) {
        let own: Vec<&(ResourceId, Arc<Object>)> = dependents
            .iter()
            .copied()
            .filter(|(_, object)| object.owner_uids().contains(&owner.uid()))
            .collect();
        if owner.finalizers().contains(&ORPHAN) {
            for (id, dependent) in &own {
                let_go(cluster, id, dependent, owner.uid());
            }
            release(cluster, id, owner, ORPHAN);
        } else {
            for (id, dependent) in own.iter().filter(|(_, dependent)| !dependent.is_terminating()) {
                if let Some(kind) = cluster.registry.preferred(id) {
                    delete::delete_in_background(cluster, &kind, dependent);
                }
            }
            let blocked = own.iter().any(|(id, dependent)| {
                blocks(dependent, owner.uid())
                    && cluster.store.get(id, dependent.namespace(), dependent.name()).is_some()
            });
            if !blocked {
                release(cluster, id, owner, FOREGROUND);
            }
        }
    }
    let alive: BTreeSet<String> =
        cluster.store.everything().map(|(_, object)| object.uid().to_owned()).collect();
    for (id, dependent) in dependents {
        let Some(now) = cluster.store.get(id, dependent.namespace(), dependent.name()).cloned() else {
            continue;
        };
        let owners = now.owner_uids();
        let orphaned = !owners.is_empty() && owners.iter().all(|uid| !alive.contains(*uid));
        if now.uid() == dependent.uid()
            && orphaned
            && !now.is_terminating()
            && let Some(kind) = cluster.registry.preferred(id)
        {
            delete::delete_in_background(cluster, &kind, &now);
        }
    }
}

fn references(object: &Object) -> Vec<Value> {
    object.metadata.get("ownerReferences").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn is_of(reference: &Value, uid: &str) -> bool {
    reference.get("uid").and_then(Value::as_str) == Some(uid)
}

fn blocks(dependent: &Object, owner: &str) -> bool {
    references(dependent).iter().any(|reference| {
        is_of(reference, owner) && reference.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true)
    })
}

/// Takes an owner off its dependent.
fn let_go(cluster: &mut Cluster, id: &ResourceId, dependent: &Object, owner: &str) {
    let mut new = dependent.clone();
    let mut left = references(dependent);
    left.retain(|reference| !is_of(reference, owner));
    if left.is_empty() {
        new.metadata.remove("ownerReferences");
    } else {
        new.metadata.insert("ownerReferences".into(), left.into());
    }
    cluster.store.put(id, new);
}

/// Takes a finalizer off an object, which may end it.
fn release(cluster: &mut Cluster, id: &ResourceId, owner: &Object, finalizer: &str) {
    let left: Vec<&str> = owner.finalizers().into_iter().filter(|name| *name != finalizer).collect();
    if left.is_empty() {
        cluster.store.remove(id, owner.namespace(), owner.name());
        return;
    }
    let mut new = owner.clone();
    new.set_finalizers(&left);
    cluster.store.put(id, new);
}
