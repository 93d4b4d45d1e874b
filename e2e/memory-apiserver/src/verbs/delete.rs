//! DELETE.

use serde_json::{Value, json};

use super::{decode, list, present};
use crate::{
    cluster::{Call, Cluster},
    http::Reply,
    lifecycle,
    object::Object,
    rejection::Rejection,
    resource::ResourceKind,
};

/// Holds an object until its dependents let go of it.
pub(crate) const ORPHAN: &str = "orphan";
/// Holds an object until its dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";

/// What a deletion may ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    uid: Option<String>,
    resource_version: Option<String>,
    /// `Orphan`, `Background` or `Foreground`; empty for the default.
    policy: String,
    grace: Option<i64>,
}

impl Options {
    fn read(call: &Call<'_>) -> Result<Self, Rejection> {
        let body = if call.request.body.is_empty() { Value::Null } else { decode::body(call)? };
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let query = &call.request.query;
        let policy = text("/propagationPolicy").unwrap_or_else(|| query.get("propagationPolicy").to_owned());
        if !matches!(policy.as_str(), "" | "Orphan" | "Background" | "Foreground") {
            let cause = crate::rejection::Cause::unsupported(
                "propagationPolicy",
                &Value::from(policy),
                &["Foreground", "Background", "Orphan"].map(Value::from),
            );
            return Err(Rejection::invalid("meta.k8s.io", "DeleteOptions", "", vec![cause]));
        }
        let policy = match body.get("orphanDependents").and_then(Value::as_bool) {
            Some(true) => "Orphan".to_owned(),
            _ => policy,
        };
        Ok(Self {
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
            policy,
            grace: body.get("gracePeriodSeconds").and_then(Value::as_i64),
        })
    }

    fn check(&self, call: &Call<'_>, object: &Object) -> Result<(), Rejection> {
        let differs = |wanted: &Option<String>, found: &str| {
            wanted.clone().filter(|wanted| !wanted.is_empty() && wanted != found)
        };
        let conflict = |detail: String| Err(Rejection::conflict(&call.what(), object.name(), &detail));
        if let Some(uid) = differs(&self.uid, object.uid()) {
            return conflict(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might \
                 have been deleted and then recreated",
                object.uid()
            ));
        }
        if let Some(version) = differs(&self.resource_version, object.resource_version()) {
            return conflict(format!(
                "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in \
                 record ({}). The object might have been modified",
                object.resource_version()
            ));
        }
        Ok(())
    }
}

/// DELETE of one object.
pub(crate) fn one(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let options = Options::read(call)?;
    let object = cluster.find(call).ok_or_else(|| call.not_found())?;
    options.check(call, &object)?;
    lifecycle::namespace::may_be_deleted(call)?;
    match delete(cluster, &call.kind, &object, &options) {
        Outcome::Held(object) => Ok(present::reply(200, call, &object)),
        Outcome::Gone(object) if call.kind.returns_deleted => Ok(present::reply(200, call, &object)),
        Outcome::Gone(object) => {
            let mut details = json!({"name": object.name(), "kind": call.kind.plural, "uid": object.uid()});
            if let Some(details) = details.as_object_mut().filter(|_| !call.kind.group.is_empty()) {
                details.insert("group".into(), call.kind.group.clone().into());
            }
            Ok(Reply::ok(json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            })))
        }
    }
}

/// DELETE of a list.
pub(crate) fn collection(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    if call.kind.kind == "Namespace" {
        return Err(Rejection::method_not_allowed());
    }
    let options = Options::read(call)?;
    let chosen = list::selected(cluster, call)?;
    for object in &chosen {
        options.check(call, object)?;
        delete(cluster, &call.kind, object, &options);
    }
    let metadata = json!({"resourceVersion": cluster.store.version().to_string()});
    Ok(Reply::ok(present::list(call, chosen.iter().map(AsRef::as_ref), metadata)))
}

/// What became of a deleted object.
pub(crate) enum Outcome {
    /// It is on its way out.
    Held(Object),
    /// It is gone.
    Gone(Object),
}

/// Deletes an object: marks it when something holds it, removes it otherwise.
pub(crate) fn delete(
    cluster: &mut Cluster,
    kind: &ResourceKind,
    object: &Object,
    options: &Options,
) -> Outcome {
    let now = cluster.clock.stamp();
    let mut marked = object.clone();
    let first = !object.is_terminating();
    if first {
        hold(&mut marked, kind, options);
    }
    let held_by_spec =
        kind.kind == "Namespace" && !crate::object::texts(marked.at(&["spec", "finalizers"])).is_empty();
    let grace = grace_of(kind, object, options);
    if marked.finalizers().is_empty() && !held_by_spec && grace == 0 {
        cluster.store.remove(&kind.id(), object.namespace(), object.name());
        return Outcome::Gone(object.clone());
    }
    if first {
        marked.set_meta("deletionTimestamp", &now);
        // Namespaces and CRDs go their own way here.
        if !matches!(kind.kind.as_str(), "Namespace" | "CustomResourceDefinition") {
            marked.metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
            if let Some(generation) = object.generation() {
                marked.metadata.insert("generation".into(), (generation + 1).into());
            }
        }
        lifecycle::mark_terminating(kind, &mut marked, &now);
        marked = Object::clone(&cluster.store.put(&kind.id(), marked));
    }
    Outcome::Held(marked)
}

/// Deletes without being asked by a client: by the collector, or with a namespace or CRD.
pub(crate) fn delete_in_background(cluster: &mut Cluster, kind: &ResourceKind, object: &Object) {
    delete(cluster, kind, object, &Options { grace: Some(0), ..Options::default() });
}

/// Sets or clears the finalizers by which the garbage collector works, as the policy wants it;
/// without a policy they stay as they are.
fn hold(object: &mut Object, kind: &ResourceKind, options: &Options) {
    let mut finalizers: Vec<String> = object.finalizers().into_iter().map(str::to_owned).collect();
    if !options.policy.is_empty() {
        finalizers.retain(|finalizer| finalizer != ORPHAN && finalizer != FOREGROUND);
    }
    let wanted = match options.policy.as_str() {
        "Orphan" => Some(ORPHAN),
        "Foreground" => Some(FOREGROUND),
        _ => None,
    };
    let cleanup = (kind.kind == "CustomResourceDefinition").then_some(lifecycle::crd::CLEANUP);
    for finalizer in wanted.into_iter().chain(cleanup) {
        if !finalizers.iter().any(|there| there == finalizer) {
            finalizers.push(finalizer.to_owned());
        }
    }
    let finalizers: Vec<&str> = finalizers.iter().map(String::as_str).collect();
    object.set_finalizers(&finalizers);
}

/// Only pods that were given to a node are deleted gracefully; there is no node here to finish it,
/// so the one who plays the kubelet deletes again with a grace period of zero.
fn grace_of(kind: &ResourceKind, object: &Object, options: &Options) -> i64 {
    let scheduled =
        object.at(&["spec", "nodeName"]).and_then(Value::as_str).is_some_and(|node| !node.is_empty());
    if kind.kind != "Pod" || !scheduled {
        return 0;
    }
    let own = object.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64);
    options.grace.or(own).unwrap_or(30)
}
