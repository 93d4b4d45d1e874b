//! CustomResourceDefinitions, and objects of the kinds they define.

use anyhow::{Context, Result, ensure};
use kube::{core::GroupVersionKind, discovery::Discovery};
use serde_json::{Value, json};

use super::lab::{Answer, Lab, at, expect, text};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A kind `Widget` with a bit of everything.
pub(super) fn widget(lab: &Lab) -> Value {
    let keyed = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object", "required": ["name"],
            "properties": {
                "name": {"type": "string"}, "value": {"type": "string"},
                "weight": {"type": "integer", "default": 1},
            },
        },
    });
    let spec = json!({
        "type": "object", "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 10},
            "colour": {"type": "string", "enum": ["red", "green"], "default": "red"},
            "code": {"type": "string", "pattern": "^[a-z]{2}$"},
            "note": {"type": "string", "maxLength": 5, "minLength": 2},
            "nothing": {"type": "string", "nullable": true},
            "nested": {
                "type": "object", "default": {},
                "properties": {"depth": {"type": "integer", "default": 3}, "on": {"type": "boolean"}},
            },
            "parts": keyed,
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            "words": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "whole": {
                "type": "object", "x-kubernetes-map-type": "atomic",
                "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "port": {"x-kubernetes-int-or-string": true},
            "replicas": {"type": "integer"},
        },
    });
    let status = json!({
        "type": "object",
        "properties": {
            "phase": {"type": "string"}, "replicas": {"type": "integer"}, "selector": {"type": "string"},
            "conditions": {
                "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object", "required": ["type"],
                    "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
                },
            },
        },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{}", lab.group())},
        "spec": {
            "group": lab.group(), "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": spec, "status": status},
                }},
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
                "selectableFields": [{"jsonPath": ".spec.colour"}],
            }],
        },
    })
}

fn crd_path(lab: &Lab) -> String {
    format!("{CRDS}/widgets.{}", lab.group())
}

/// Path of the widgets of the case.
pub(super) fn path(lab: &Lab) -> String {
    lab.path(&format!("{}/v1", lab.group()), "widgets")
}

pub(super) fn one(lab: &Lab) -> String {
    format!("{}/a", path(lab))
}

/// Defines a kind and waits until it is served.
pub(super) async fn define(lab: &Lab, crd: Value) -> Result<Value> {
    lab.post(CRDS, &crd).await?.is(201)?;
    lab.until(&path(lab), |answer| answer.code == 200).await?;
    let established = |answer: &Answer| condition(&answer.body, "Established") == "True";
    Ok(lab.until(&crd_path(lab), established).await?.body)
}

fn condition<'v>(object: &'v Value, kind: &str) -> &'v str {
    let conditions = at(object, "/status/conditions").as_array();
    let found = conditions.into_iter().flatten().find(|one| text(one, "/type") == kind);
    found.map_or("", |one| text(one, "/status"))
}

pub(super) fn object(lab: &Lab, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/v1", lab.group()), "kind": "Widget", "metadata": {"name": "a"}, "spec": spec,
    })
}

pub(super) async fn before_and_after(lab: &Lab) -> Result<()> {
    let answer = lab.get(&path(lab)).await?;
    ensure!(answer.code == 404, "{answer:?}");
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    lab.delete(&crd_path(lab)).await?.is(200)?;
    lab.until_gone(&crd_path(lab)).await?;
    lab.until_gone(&path(lab)).await
}

pub(super) async fn status_conditions(lab: &Lab) -> Result<()> {
    let made = define(lab, widget(lab)).await?;
    ensure!(condition(&made, "NamesAccepted") == "True", "{made}");
    expect(&made, "/status/storedVersions", json!(["v1"]))?;
    expect(&made, "/status/acceptedNames/kind", json!("Widget"))?;
    expect(&made, "/spec/names/singular", json!("widget"))?;
    expect(&made, "/spec/names/listKind", json!("WidgetList"))?;
    expect(&made, "/spec/conversion", json!({"strategy": "None"}))?;
    expect(&made, "/metadata/generation", json!(1))?;
    let ending = lab.delete(&crd_path(lab)).await?.is(200)?;
    ensure!(condition(&ending, "Terminating") == "True", "{ending}");
    expect(&ending, "/metadata/finalizers", json!(["customresourcecleanup.apiextensions.k8s.io"]))
}

pub(super) async fn discovery(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.until(&format!("/apis/{}/v1", lab.group()), |answer| answer.code == 200).await?;
    let discovery = Discovery::new(lab.client.clone()).filter(&[&lab.group()]).run().await?;
    let kind = GroupVersionKind::gvk(&lab.group(), "v1", "Widget");
    let (resource, capabilities) = discovery.resolve_gvk(&kind).context("not discovered")?;
    ensure!(resource.plural == "widgets", "{resource:?}");
    let subresources: Vec<&str> =
        capabilities.subresources.iter().map(|(found, _)| found.plural.as_str()).collect();
    ensure!(subresources.contains(&"status") && subresources.contains(&"scale"), "{subresources:?}");
    Ok(())
}

pub(super) async fn new_schema(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    let shape = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/shape";
    let patch = json!([{"op": "add", "path": shape, "value": {"type": "string", "default": "round"}}]);
    let changed = lab.json_patch(&crd_path(lab), patch).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    // A new default also shows on what was stored before it.
    lab.until(&one(lab), |answer| at(&answer.body, "/spec/shape") == "round").await.map(drop)
}

pub(super) async fn several_versions(lab: &Lab) -> Result<()> {
    let mut crd = widget(lab);
    if let Some(versions) = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut)
        && let Some(mut old) = versions.first().cloned()
    {
        if let Some(fields) = old.as_object_mut() {
            fields.insert("name".into(), "v1beta1".into());
            fields.insert("storage".into(), false.into());
        }
        versions.push(old);
    }
    define(lab, crd).await?;
    let old = lab.path(&format!("{}/v1beta1", lab.group()), "widgets");
    lab.until(&old, |answer| answer.code == 200).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    let read = lab.get(&format!("{old}/a")).await?.is(200)?;
    expect(&read, "/apiVersion", json!(format!("{}/v1beta1", lab.group())))?;
    let changed = lab.merge(&format!("{old}/a"), json!({"spec": {"size": 2}})).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    let read = lab.get(&one(lab)).await?.is(200)?;
    expect(&read, "/apiVersion", json!(format!("{}/v1", lab.group())))?;
    expect(&read, "/spec/size", json!(2))?;
    let wrong = lab.post(&old, &object(lab, json!({"size": 1}))).await?;
    wrong.refused(400, "BadRequest")?;
    let group = lab.until(&format!("/apis/{}", lab.group()), |answer| answer.code == 200).await?.body;
    expect(&group, "/preferredVersion/version", json!("v1"))
}

pub(super) async fn scale(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1, "replicas": 2}))).await?.is(201)?;
    let status = json!({"status": {"replicas": 1, "selector": "app=a"}});
    lab.merge(&format!("{}/status", one(lab)), status).await?.is(200)?;
    let path = format!("{}/scale", one(lab));
    let scale = lab.get(&path).await?.is(200)?;
    expect(&scale, "/kind", json!("Scale"))?;
    expect(&scale, "/spec", json!({"replicas": 2}))?;
    expect(&scale, "/status", json!({"replicas": 1, "selector": "app=a"}))?;
    let scaled = lab.merge(&path, json!({"spec": {"replicas": 5}})).await?.is(200)?;
    expect(&scaled, "/spec/replicas", json!(5))?;
    let read = lab.get(&one(lab)).await?.is(200)?;
    expect(&read, "/spec/replicas", json!(5))?;
    expect(&read, "/metadata/generation", json!(2))
}

pub(super) async fn selectable_fields(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1, "colour": "green"}))).await?.is(201)?;
    let count = |list: &Value| at(list, "/items").as_array().map_or(0, Vec::len);
    let green = lab.get(&format!("{}?fieldSelector=spec.colour%3Dgreen", path(lab))).await?.is(200)?;
    ensure!(count(&green) == 1, "{green}");
    expect(&green, "/kind", json!("WidgetList"))?;
    expect(&green, "/items/0/kind", json!("Widget"))?;
    let red = lab.get(&format!("{}?fieldSelector=spec.colour%3Dred", path(lab))).await?.is(200)?;
    ensure!(count(&red) == 0, "{red}");
    let answer = lab.get(&format!("{}?fieldSelector=spec.size%3D1", path(lab))).await?;
    answer.refused(400, "BadRequest").map(drop)
}

pub(super) async fn bad_names(lab: &Lab) -> Result<()> {
    let mut crd = widget(lab);
    if let Some(name) = crd.pointer_mut("/metadata/name") {
        *name = json!(format!("gadgets.{}", lab.group()));
    }
    lab.post(CRDS, &crd).await?.invalid("FieldValueInvalid", "metadata.name")?;
    let mut crd = widget(lab);
    if let Some(version) = crd.pointer_mut("/spec/versions/0").and_then(Value::as_object_mut) {
        version.insert("storage".into(), false.into());
    }
    lab.post(CRDS, &crd).await?.invalid("FieldValueInvalid", "spec.versions")?;
    let mut crd = widget(lab);
    if let Some(version) = crd.pointer_mut("/spec/versions/0").and_then(Value::as_object_mut) {
        version.remove("schema");
    }
    let answer = lab.post(CRDS, &crd).await?;
    answer.invalid("FieldValueRequired", "spec.versions[0].schema.openAPIV3Schema").map(drop)
}

pub(super) async fn finalizers_hold_the_kind(lab: &Lab) -> Result<()> {
    define(lab, widget(lab)).await?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.is(201)?;
    lab.merge(&one(lab), json!({"metadata": {"finalizers": ["example.com/one"]}})).await?.is(200)?;
    lab.delete(&crd_path(lab)).await?.is(200)?;
    let marked = |answer: &Answer| !at(&answer.body, "/metadata/deletionTimestamp").is_null();
    lab.until(&one(lab), marked).await?;
    lab.get(&crd_path(lab)).await?.is(200)?;
    lab.post(&path(lab), &object(lab, json!({"size": 1}))).await?.refused(403, "Forbidden")?;
    lab.merge(&one(lab), json!({"metadata": {"finalizers": null}})).await?.is(200)?;
    lab.until_gone(&crd_path(lab)).await
}

pub(super) async fn without_status(lab: &Lab) -> Result<()> {
    let mut crd = widget(lab);
    if let Some(version) = crd.pointer_mut("/spec/versions/0").and_then(Value::as_object_mut) {
        version.remove("subresources");
    }
    define(lab, crd).await?;
    let mut given = object(lab, json!({"size": 1}));
    if let Some(fields) = given.as_object_mut() {
        fields.insert("status".into(), json!({"phase": "mine"}));
    }
    let made = lab.post(&path(lab), &given).await?.is(201)?;
    expect(&made, "/status/phase", json!("mine"))?;
    let changed = lab.merge(&one(lab), json!({"status": {"phase": "yours"}})).await?.is(200)?;
    expect(&changed, "/metadata/generation", json!(2))?;
    lab.merge(&format!("{}/status", one(lab)), json!({})).await?.refused(404, "NotFound").map(drop)
}
