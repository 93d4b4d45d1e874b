//! PATCH: JSON patch, merge patch, server-side apply.

use std::sync::Arc;

use json_patch::{AddOperation, PatchOperation, ReplaceOperation};
use serde_json::Value;

use super::{author::Author, create, decode, present, update};
use crate::{
    apply::{ApplyError, Conflict, Managers, Writer, managers_of},
    cluster::{Call, Cluster},
    http::Reply,
    object::Object,
    rejection::{Cause, Rejection},
};

/// PATCH.
pub(crate) fn patch(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let content_type = call.request.info.content_type.as_str();
    let force = call.request.query.get("force");
    if content_type != "application/apply-patch+yaml" && !force.is_empty() {
        return Err(bad_option(Cause::forbidden("force", "may not be specified for non-apply patch")));
    }
    let (code, object) = match content_type {
        "application/apply-patch+yaml" => apply_patch(cluster, call)?,
        "application/json-patch+json" | "application/merge-patch+json" => {
            let current = cluster.find(call).ok_or_else(|| call.not_found())?;
            let patched = transform(call, call.kind.present(&current).to_value())?;
            let mut new = decode::patched(patched, &call.kind, decode::is_strict(call))?;
            decode::named(&new, call)?;
            decode::place(&mut new, call)?;
            (200, update::change(cluster, call, &current, new)?)
        }
        other => {
            return Err(Rejection::unsupported_media_type(format!(
                "the body of the request was in an unknown format ({other}) - accepted media types include: \
                 application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )));
        }
    };
    Ok(present::reply(code, call, &object))
}

/// A JSON value after the JSON patch or merge patch of a request.
pub(crate) fn transform(call: &Call<'_>, mut value: Value) -> Result<Value, Rejection> {
    let patch = decode::body(call).map_err(|rejection| {
        Rejection::bad_request(format!("error decoding patch: {}", rejection.message))
    })?;
    if call.request.info.content_type == "application/merge-patch+json" {
        if !patch.is_object() {
            return Err(Rejection::bad_request("error decoding patch: a merge patch must be an object"));
        }
        json_patch::merge(&mut value, &patch);
        return Ok(value);
    }
    let operations: Vec<PatchOperation> = serde_json::from_value(patch)
        .map_err(|error| Rejection::bad_request(format!("error decoding patch: {error}")))?;
    for operation in operations {
        let Some(operation) = lenient(operation, &value) else { continue };
        json_patch::patch(&mut value, &[operation]).map_err(|_| Rejection::unprocessable())?;
    }
    Ok(value)
}

/// Where the library that Kubernetes uses is laxer than RFC 6902: "test is null" holds where nothing
/// is, and "replace" adds a field that is not there. `None` when there is nothing to do.
fn lenient(operation: PatchOperation, value: &Value) -> Option<PatchOperation> {
    match operation {
        PatchOperation::Test(test) if test.value.is_null() && value.pointer(test.path.as_str()).is_none() => {
            None
        }
        PatchOperation::Replace(replace) if value.pointer(replace.path.as_str()).is_none() => {
            let ReplaceOperation { path, value } = replace;
            Some(PatchOperation::Add(AddOperation { path, value }))
        }
        operation => Some(operation),
    }
}

fn apply_patch(cluster: &mut Cluster, call: &Call<'_>) -> Result<(u16, Arc<Object>), Rejection> {
    if call.request.info.field_manager.is_empty() {
        return Err(bad_option(Cause::required("fieldManager", "is required for apply patch")));
    }
    let config = decode::body(call)
        .map_err(|rejection| Rejection::bad_request(format!("error decoding YAML: {}", rejection.message)))?;
    let (api_version, kind) = (call.kind.api_version(), &call.kind.kind);
    let said = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    if said("apiVersion") != api_version || said("kind") != kind.as_str() {
        let message = format!("invalid object type: {}, Kind={}", said("apiVersion"), said("kind"));
        return Err(Rejection::bad_request(message));
    }
    if config.pointer("/metadata/managedFields").is_some_and(|entries| !entries.is_null()) {
        return Err(Rejection::bad_request("metadata.managedFields must be nil"));
    }
    let current = cluster.find(call);
    if current.is_none() && !call.subresource.is_empty() {
        return Err(call.not_found());
    }
    let author = Author::new(cluster, call);
    let live = current.as_ref().map_or_else(|| decode::empty(&call.kind), |found| call.kind.present(found));
    let managers = match &current {
        Some(_) => known_managers(call, &live, &author),
        None => Managers::default(),
    };
    let force = call.request.query.flag("force");
    let applied = author.apply(&live, &config, managers, force);
    let (new, managers) = applied.map_err(|error| refuse(&api_version, kind, error))?;
    let mut new = decode::applied(new, &call.kind)?;
    managers.write(&mut new);
    if current.is_none() && !new.uid().is_empty() {
        let detail = format!(
            "uid mismatch: the provided object specified uid {}, and no existing object was found",
            new.uid()
        );
        return Err(Rejection::conflict(&call.what(), call.name, &detail));
    }
    decode::place(&mut new, call)?;
    decode::named(&new, call)?;
    match current {
        Some(current) => Ok((200, update::finish(cluster, call, &current, new)?)),
        None => Ok((201, create::store(cluster, call, new)?)),
    }
}

/// The owners of an object. What nobody owns when somebody applies for the first time is given to
/// an owner of that name, as in Kubernetes.
fn known_managers(call: &Call<'_>, live: &Object, author: &Author<'_>) -> Managers {
    let managers = managers_of(live);
    if !managers.is_empty() {
        return managers;
    }
    let first = Writer { name: "before-first-apply", ..author.writer() };
    author.track_as(&first, &decode::empty(&call.kind), live, managers)
}

fn refuse(api_version: &str, kind: &str, error: ApplyError) -> Rejection {
    match error {
        ApplyError::Misfit(misfits) => {
            let list = match misfits.as_slice() {
                [one] => one.clone(),
                more => format!("errors:\n  {}", more.join("\n  ")),
            };
            Rejection::internal(format!(
                "failed to create typed patch object ({api_version}, Kind={kind}): {list}"
            ))
        }
        ApplyError::Conflicts(conflicts) => {
            let message = conflict_message(&conflicts);
            let causes = conflicts
                .into_iter()
                .map(|conflict| Cause {
                    reason: "FieldManagerConflict".into(),
                    message: format!("conflict with {}", conflict.manager),
                    field: conflict.field,
                })
                .collect();
            Rejection::apply_conflict(causes, message)
        }
    }
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", one.manager, one.field);
    }
    let mut managers: Vec<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    managers.sort_unstable();
    managers.dedup();
    let mut lines = Vec::new();
    for manager in managers {
        lines.push(format!("conflicts with {manager}:"));
        let theirs = conflicts.iter().filter(|conflict| conflict.manager == manager);
        lines.extend(theirs.map(|conflict| format!("- {}", conflict.field)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

fn bad_option(cause: Cause) -> Rejection {
    Rejection::invalid("meta.k8s.io", "PatchOptions", "", vec![cause])
}
