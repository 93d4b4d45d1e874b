//! Defaults that depend on other fields. The others are in the schema's rules.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    object::{Object, fields_of},
    resource::ResourceKind,
    strategy::pod,
};

/// The label by which every namespace can be selected.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Fills in the defaults of a built-in kind.
pub(crate) fn apply(kind: &ResourceKind, object: &mut Object) {
    if kind.custom {
        return;
    }
    sections(kind, object);
    match kind.kind.as_str() {
        "Namespace" => namespace(object),
        "Secret" => secret(object),
        "Service" => service(object),
        "RoleBinding" | "ClusterRoleBinding" => binding(object),
        "CustomResourceDefinition" => definition(object),
        "Deployment" => rolling_update(object),
        _ => {}
    }
    pod::apply_defaults(object);
}

/// A built-in object always has the sections that its kind has, if only empty ones.
pub(crate) fn sections(kind: &ResourceKind, object: &mut Object) {
    for name in ["spec", "status"] {
        if kind.schema.root().declared(name).is_some() {
            object.section(name);
        }
    }
}

fn namespace(object: &mut Object) {
    let name = object.name().to_owned();
    if !name.is_empty() {
        let labels = object.metadata.entry("labels").or_insert(Value::Null);
        fields_of(labels).insert(NAMESPACE_LABEL.into(), name.into());
    }
}

/// `stringData` is only a way to write `data`.
fn secret(object: &mut Object) {
    let Some(Value::Object(texts)) = object.content.remove("stringData") else { return };
    let data = object.section("data");
    for (key, value) in texts {
        if let Value::String(text) = value {
            data.insert(key, STANDARD.encode(text).into());
        }
    }
}

fn service(object: &mut Object) {
    let ports = object.section("spec").get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(number) = port.get("port").cloned() {
            port.entry("targetPort").or_insert(number);
        }
    }
}

fn binding(object: &mut Object) {
    let subjects = object.content.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        if matches!(subject.get("kind").and_then(Value::as_str), Some("User" | "Group")) {
            subject.entry("apiGroup").or_insert(RBAC.into());
        }
    }
}

fn definition(object: &mut Object) {
    let names = fields_of(object.section("spec").entry("names").or_insert(Value::Null));
    let Some(kind) = names.get("kind").and_then(Value::as_str).map(str::to_owned) else { return };
    names.entry("singular").or_insert(kind.to_lowercase().into());
    names.entry("listKind").or_insert(format!("{kind}List").into());
}

fn rolling_update(object: &mut Object) {
    let Some(Value::Object(strategy)) = object.section("spec").get_mut("strategy") else { return };
    if strategy.get("type").is_none_or(|kind| kind == "RollingUpdate") {
        strategy.insert("type".into(), "RollingUpdate".into());
        strategy.entry("rollingUpdate").or_insert(json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
    }
}
