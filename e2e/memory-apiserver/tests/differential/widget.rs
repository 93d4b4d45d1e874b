//! A kind with lists and maps of every sort.

use serde_json::{Value, json};

/// The CRD of the kind `Widget` in a group.
pub(crate) fn widget(group: &str) -> Value {
    let word = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": word});
    let keyed = |keys: Value, fields: Value| {
        json!({
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys,
            "items": {"type": "object", "required": keys, "properties": fields},
        })
    };
    let spec = json!({"type": "object", "properties": {
        "word": word, "labels": map,
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": word},
        "words": {"type": "array", "items": word},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"x": word, "y": word}},
        "parts": keyed(json!(["name"]), json!({"name": word, "value": word, "more": map})),
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        "nested": {"type": "object", "properties": {
            "depth": {"type": "integer", "default": 7}, "inner": {"type": "object", "properties": {"word": word}},
        }},
    }});
    let times = json!({"type": word, "status": word, "lastUpdateTime": word, "lastTransitionTime": word});
    let conditions = keyed(json!(["type"]), times);
    let status = json!({"type": "object", "properties": {"conditions": conditions}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
            }],
        },
    })
}
