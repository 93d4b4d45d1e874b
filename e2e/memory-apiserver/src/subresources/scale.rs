//! The scale of an object: its replicas, without the rest.

use serde_json::{Value, json};

use crate::{
    cluster::{Call, Cluster},
    http::{Reply, Verb},
    object::{Object, fields_of},
    rejection::Rejection,
    resource::ScalePaths,
    verbs::{decode, patch, update},
};

/// GET.
pub(crate) fn read(cluster: &Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let object = cluster.find(call).ok_or_else(|| call.not_found())?;
    Ok(Reply::ok(scale_of(&object, paths(call)?)))
}

/// PUT and PATCH.
pub(crate) fn write(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let current = cluster.find(call).ok_or_else(|| call.not_found())?;
    let paths = paths(call)?;
    let scale = match call.request.info.verb {
        Verb::Patch if call.request.info.content_type == "application/apply-patch+yaml" => {
            return Err(Rejection::unsupported_media_type("apply of a scale is not served"));
        }
        Verb::Patch => patch::transform(call, scale_of(&current, paths))?,
        _ => decode::body(call)?,
    };
    let replicas = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| 0.into());
    let mut new = call.kind.present(&current);
    if let Some(version) = scale.pointer("/metadata/resourceVersion").and_then(Value::as_str)
        && !version.is_empty()
    {
        new.set_meta("resourceVersion", version);
    }
    set(&mut new, &paths.spec_replicas, replicas);
    // Replicas belong to the object itself, so it is written as such, in the name of the scale.
    let changed = update::finish(cluster, &Call { subresource: "", ..call.clone() }, &current, new)?;
    Ok(Reply::ok(scale_of(&changed, paths)))
}

fn paths<'c>(call: &'c Call<'_>) -> Result<&'c ScalePaths, Rejection> {
    call.kind.scale.as_ref().ok_or_else(Rejection::no_such_resource)
}

fn scale_of(object: &Object, paths: &ScalePaths) -> Value {
    let at = |path: &[String]| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        object.at(&path).cloned()
    };
    let number = |path: &[String]| at(path).unwrap_or_else(|| 0.into());
    let selector = match &paths.selector {
        Some(path) => at(path),
        None => object.at(&["spec", "selector", "matchLabels"]).and_then(Value::as_object).map(|labels| {
            let pairs =
                labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
            pairs.collect::<Vec<_>>().join(",").into()
        }),
    };
    let mut metadata = json!({});
    if let Some(fields) = metadata.as_object_mut() {
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            fields.extend(object.metadata.get(field).map(|value| (field.to_owned(), value.clone())));
        }
    }
    let mut status = json!({"replicas": number(&paths.status_replicas)});
    if let (Some(selector), Some(status)) = (selector, status.as_object_mut()) {
        status.insert("selector".into(), selector);
    }
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata,
        "spec": {"replicas": number(&paths.spec_replicas)}, "status": status,
    })
}

fn set(object: &mut Object, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else { return };
    let fields = parents.iter().fold(&mut object.content, |fields, name| {
        fields_of(fields.entry(name.clone()).or_insert(Value::Null))
    });
    fields.insert(last.clone(), value);
}
