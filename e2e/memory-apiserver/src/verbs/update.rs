//! PUT, and the last steps that every change of an object goes through.

use std::sync::Arc;

use serde_json::Value;

use super::{author::Author, create, decode, present};
use crate::{
    apply::{Managers, managers_of, reset_requested},
    cluster::{Call, Cluster},
    http::Reply,
    object::Object,
    rejection::{Cause, Rejection},
    strategy,
};

/// PUT.
pub(crate) fn put(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let body = decode::body(call)?;
    let mut new = decode::object(body, &call.kind, decode::is_strict(call))?;
    decode::named(&new, call)?;
    decode::place(&mut new, call)?;
    let Some(current) = cluster.find(call) else {
        if call.subresource.is_empty() && call.kind.create_on_update {
            let created = create::create(cluster, call, new)?;
            return Ok(present::reply(201, call, &created));
        }
        return Err(call.not_found());
    };
    if !new.uid().is_empty() && new.uid() != current.uid() {
        let detail = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            new.uid(),
            current.uid()
        );
        return Err(Rejection::conflict(&call.what(), call.name, &detail));
    }
    let changed = change(cluster, call, &current, new)?;
    Ok(present::reply(200, call, &changed))
}

/// Replaces an object with what a writer other than an applier made of it.
pub(crate) fn change(
    cluster: &mut Cluster,
    call: &Call<'_>,
    current: &Object,
    mut new: Object,
) -> Result<Arc<Object>, Rejection> {
    let live = call.kind.present(current);
    let managers = managers_given(call, &live, &new);
    let managers = if managers.is_empty() {
        // Nobody is known to own anything, so nobody begins to by a mere update.
        managers
    } else {
        Author::new(cluster, call).track(&live, &new, managers)
    };
    managers.write(&mut new);
    finish(cluster, call, current, new)
}

/// The owners to begin with: those that the writer sent, or else the present ones.
fn managers_given(call: &Call<'_>, live: &Object, new: &Object) -> Managers {
    if call.subresource.is_empty() {
        if reset_requested(new) {
            return Managers::default();
        }
        let sent = managers_of(new);
        if !sent.is_empty() {
            return sent;
        }
    }
    managers_of(live)
}

/// Checks a new state against the current one and stores it, unless nothing changed.
pub(crate) fn finish(
    cluster: &mut Cluster,
    call: &Call<'_>,
    current: &Object,
    mut new: Object,
) -> Result<Arc<Object>, Rejection> {
    let kind = &call.kind;
    match new.resource_version() {
        "" if kind.unconditional_update => {}
        "" => {
            let cause = Cause::invalid(
                "metadata.resourceVersion",
                &Value::from(0),
                "must be specified for an update",
            );
            return Err(Rejection::invalid(&kind.group, &kind.plural, call.name, vec![cause]));
        }
        version if version != current.resource_version() => {
            return Err(Rejection::modified(&call.what(), call.name));
        }
        _ => {}
    }
    strategy::prepare::update(cluster, call, current, &mut new);
    let causes = strategy::validate::update(call, current, &new);
    if !causes.is_empty() {
        return Err(Rejection::invalid(&kind.group, &kind.kind, call.name, causes));
    }
    new.set_meta("resourceVersion", current.resource_version());
    let current = Arc::new(kind.present(current));
    if same(&current, &new) {
        return Ok(current);
    }
    if is_finished(&current, &new) {
        cluster.store.remove(&kind.id(), new.namespace(), new.name());
        return Ok(Arc::new(new));
    }
    Ok(cluster.store.put(&kind.id(), new))
}

/// Whether two states differ in nothing but the times of field owners.
fn same(current: &Object, new: &Object) -> bool {
    if current.content != new.content {
        return false;
    }
    let timeless = |object: &Object| {
        let mut metadata = object.metadata.clone();
        for entry in metadata.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
        }
        metadata
    };
    timeless(current) == timeless(new)
}

/// Whether the last finalizer of a deleted object just went.
fn is_finished(current: &Object, new: &Object) -> bool {
    let grace = current.metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    let held = new.at(&["spec", "finalizers"]).and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let held = held && new.kind() == "Namespace";
    current.is_terminating() && new.finalizers().is_empty() && grace == 0 && !held
}
