//! What makes an object invalid.

use serde_json::Value;

use crate::{
    cluster::Call,
    names,
    object::Object,
    rejection::Cause,
    resource::ResourceKind,
    schema::validate,
    selectors::{is_label_key, is_label_value},
    strategy::pod,
};

/// Annotations may not take more than this together.
const MAX_ANNOTATIONS: u64 = 256 * 1024;

/// Everything that is wrong with a new object.
pub(crate) fn create(kind: &ResourceKind, object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    match object.name() {
        "" => causes.push(Cause::required("metadata.name", "name or generateName is required")),
        name => causes.extend(names::check(name, kind.names)),
    }
    causes.extend(metadata(object));
    causes.extend(content(kind, object));
    causes
}

/// Everything that is wrong with the new state of an object.
pub(crate) fn update(call: &Call<'_>, current: &Object, new: &Object) -> Vec<Cause> {
    let mut causes = metadata(new);
    for field in ["uid", "name", "namespace"] {
        if new.meta(field) != current.meta(field) {
            let value = Value::from(new.meta(field));
            causes.push(Cause::invalid(format!("metadata.{field}"), &value, "field is immutable"));
        }
    }
    if current.is_terminating() {
        let before = current.finalizers();
        let added: Vec<&str> =
            new.finalizers().into_iter().filter(|finalizer| !before.contains(finalizer)).collect();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
            );
            causes.push(Cause::forbidden("metadata.finalizers", &detail));
        }
    }
    for path in call.kind.immutable {
        if let (old, Some(value)) = (current.at(path), new.at(path))
            && old != Some(value)
        {
            causes.push(Cause::invalid(path.join("."), value, "field is immutable"));
        }
    }
    if call.kind.kind == "CertificateSigningRequest" {
        causes.extend(request_conditions(call.subresource, current, new));
    }
    causes.extend(content(&call.kind, new));
    causes
}

fn metadata(object: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in object.labels() {
        if !is_label_key(key) {
            let detail =
                "a label key is a name of at most 63 characters, optionally after a DNS prefix and '/'";
            causes.push(Cause::invalid("metadata.labels", &Value::from(key), detail));
        }
        if !is_label_value(value) {
            let detail = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' \
                          or '.', and must start and end with an alphanumeric character, with at most 63 characters";
            causes.push(Cause::invalid("metadata.labels", &Value::from(value), detail));
        }
    }
    let annotations = object.metadata.get("annotations").and_then(Value::as_object);
    let size = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    let total: usize = annotations.into_iter().flatten().map(size).sum();
    if total as u64 > MAX_ANNOTATIONS {
        causes.push(Cause::too_long("metadata.annotations", MAX_ANNOTATIONS));
    }
    for finalizer in object.finalizers() {
        if !is_label_key(finalizer) {
            let detail = "a finalizer is a qualified name";
            causes.push(Cause::invalid("metadata.finalizers", &Value::from(finalizer), detail));
        }
    }
    let owners = object.metadata.get("ownerReferences").and_then(Value::as_array);
    for (index, owner) in owners.into_iter().flatten().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                let path = format!("metadata.ownerReferences[{index}].{field}");
                causes.push(Cause::invalid(path, &Value::from(""), "must not be empty"));
            }
        }
    }
    causes
}

fn content(kind: &ResourceKind, object: &Object) -> Vec<Cause> {
    let mut value = object.to_value();
    if let Some(fields) = value.as_object_mut() {
        // The metadata was decoded strictly; the status of a built-in kind is not validated, so
        // that part of a condition can be written.
        fields.remove("metadata");
        if !kind.custom {
            fields.remove("status");
        }
    }
    let mut causes = validate(&value, kind.schema.root(), "");
    if kind.custom {
        return causes;
    }
    match kind.kind.as_str() {
        "ConfigMap" | "Secret" => causes.extend(keys(object)),
        "CustomResourceDefinition" => causes.extend(definition(object)),
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" => causes.extend(selector(object)),
        _ => {}
    }
    causes.extend(pod::validate(object));
    causes
}

/// The keys of ConfigMaps and Secrets become file names.
fn keys(object: &Object) -> Vec<Cause> {
    let sections = ["data", "binaryData"].into_iter();
    let keys = sections.flat_map(|section| {
        let fields = object.content.get(section).and_then(Value::as_object);
        fields.into_iter().flatten().map(move |(key, _)| (section, key))
    });
    let fits = |key: &str| {
        (1..=253).contains(&key.len())
            && key != "."
            && !key.starts_with("..")
            && key.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    };
    keys.filter(|(_, key)| !fits(key))
        .map(|(section, key)| {
            let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
            Cause::invalid(format!("{section}[{key}]"), &Value::from(key.as_str()), detail)
        })
        .collect()
}

fn definition(crd: &Object) -> Vec<Cause> {
    let mut causes = Vec::new();
    let text = |path: &[&str]| crd.at(path).and_then(Value::as_str).unwrap_or_default();
    let expected = format!("{}.{}", text(&["spec", "names", "plural"]), text(&["spec", "group"]));
    if crd.name() != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &Value::from(crd.name()), detail));
    }
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let versions: Vec<&Value> = versions.into_iter().flatten().collect();
    let flag = |version: &Value, key: &str| version.get(key).and_then(Value::as_bool).unwrap_or(false);
    if versions.iter().filter(|version| flag(version, "storage")).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &Value::from(versions.len()), detail));
    }
    for (index, version) in versions.iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none() {
            let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
            causes.push(Cause::required(field, "schemas are required"));
        }
    }
    causes
}

/// The selector of a workload must choose its own pods.
fn selector(object: &Object) -> Vec<Cause> {
    let labels = object.at(&["spec", "template", "metadata", "labels"]);
    let wanted = object.at(&["spec", "selector", "matchLabels"]).and_then(Value::as_object);
    let matches = wanted
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    if matches {
        return Vec::new();
    }
    let value = labels.cloned().unwrap_or_default();
    vec![Cause::invalid(
        "spec.template.metadata.labels",
        &value,
        "`selector` does not match template `labels`",
    )]
}

/// Once a request is approved or denied it stays so, and only the approval may say it.
fn request_conditions(subresource: &str, current: &Object, new: &Object) -> Vec<Cause> {
    let decided = |object: &Object, wanted: &str| {
        let conditions = object.at(&["status", "conditions"]).and_then(Value::as_array);
        conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.get("type").and_then(Value::as_str) == Some(wanted))
    };
    let mut causes = Vec::new();
    for decision in ["Approved", "Denied"] {
        let (before, after) = (decided(current, decision), decided(new, decision));
        if before && !after {
            let detail = format!("updates may not remove a condition of type {decision:?}");
            causes.push(Cause::forbidden("status.conditions", &detail));
        }
        if !before && after && subresource != "approval" {
            let detail = format!("updates may not add a condition of type {decision:?}");
            causes.push(Cause::forbidden("status.conditions", &detail));
        }
    }
    if decided(new, "Approved") && decided(new, "Denied") {
        let detail = "Approved and Denied conditions are mutually exclusive";
        causes.push(Cause::invalid("status.conditions", &Value::from("Denied"), detail));
    }
    causes
}
