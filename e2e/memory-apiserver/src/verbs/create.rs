//! POST, and the other ways to make an object.

use std::sync::Arc;

use super::{author::Author, decode, present};
use crate::{
    apply::managers_of,
    cluster::{Call, Cluster},
    http::Reply,
    lifecycle, names,
    object::Object,
    rejection::Rejection,
    strategy,
};

/// POST.
pub(crate) fn post(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let body = decode::body(call)?;
    let object = decode::object(body, &call.kind, decode::is_strict(call))?;
    if !object.resource_version().is_empty() {
        return Err(Rejection::internal("resourceVersion should not be set on objects to be created"));
    }
    let created = create(cluster, call, object)?;
    Ok(present::reply(201, call, &created))
}

/// Makes an object that was decoded; its fields are owned by the caller.
pub(crate) fn create(
    cluster: &mut Cluster,
    call: &Call<'_>,
    mut object: Object,
) -> Result<Arc<Object>, Rejection> {
    let nothing = decode::empty(&call.kind);
    let managers = Author::new(cluster, call).track(&nothing, &object, managers_of(&object));
    managers.write(&mut object);
    store(cluster, call, object)
}

/// Makes an object whose managedFields are as they should be.
pub(crate) fn store(
    cluster: &mut Cluster,
    call: &Call<'_>,
    mut object: Object,
) -> Result<Arc<Object>, Rejection> {
    let kind = &call.kind;
    decode::place(&mut object, call)?;
    let generated = object.name().is_empty() && !object.meta("generateName").is_empty();
    if generated {
        generate_name(cluster, call, &mut object);
    }
    namespace_accepts(cluster, call, object.name())?;
    if kind.custom && !lifecycle::crd::accepts(cluster, kind) {
        let detail = "create not allowed while custom resource definition is terminating";
        return Err(Rejection::forbidden(&call.what(), object.name(), detail));
    }
    let uid = cluster.next_uid();
    object.set_meta("uid", &uid);
    object.set_meta("creationTimestamp", &cluster.clock.stamp());
    for field in
        ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"]
    {
        object.metadata.remove(field);
    }
    strategy::prepare::create(cluster, call, &mut object);
    let causes = strategy::validate::create(kind, &object);
    if !causes.is_empty() {
        return Err(Rejection::invalid(&kind.group, &kind.kind, object.name(), causes));
    }
    if let Some(there) = cluster.store.get(&kind.id(), object.namespace(), object.name()) {
        let detail = if there.is_terminating() { "object is being deleted" } else { "" };
        return Err(Rejection::already_exists(&call.what(), object.name(), detail));
    }
    Ok(cluster.store.put(&kind.id(), object))
}

fn generate_name(cluster: &mut Cluster, call: &Call<'_>, object: &mut Object) {
    let prefix = object.meta("generateName").to_owned();
    let prefix: String = prefix.chars().take(58).collect();
    loop {
        cluster.made_up += 1;
        let name = format!("{prefix}{}", names::suffix(cluster.made_up));
        if cluster.store.get(&call.kind.id(), call.namespace, &name).is_none() {
            object.set_meta("name", &name);
            return;
        }
    }
}

/// A namespace must be there, and not on its way out, to take new objects.
fn namespace_accepts(cluster: &Cluster, call: &Call<'_>, name: &str) -> Result<(), Rejection> {
    if !call.kind.namespaced {
        return Ok(());
    }
    let namespaces = lifecycle::namespace::id();
    let Some(namespace) = cluster.store.get(&namespaces, "", call.namespace) else {
        return Err(Rejection::not_found(&namespaces, call.namespace));
    };
    if !namespace.is_terminating() {
        return Ok(());
    }
    let namespace = call.namespace;
    let detail =
        format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = crate::rejection::Cause {
        reason: "NamespaceTerminating".into(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".into(),
    };
    Err(Rejection::forbidden(&call.what(), name, &detail).because(vec![cause]))
}
