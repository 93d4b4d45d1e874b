//! The part of an API server that these tests need: what it does to an object
//! before storing it, and why it refuses one. Messages are worded as the API
//! server words them, so that a fixture expects the same text of both.

use regex::Regex;
use serde_json::Value;

/// Fills in defaults as an API server does: also in place of a `null` that the
/// schema does not allow.
pub(crate) fn complete(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(properties) = schema["properties"].as_object() {
                for (name, property) in properties {
                    if let Some(default) = property.get("default")
                        && object.get(name).is_none_or(Value::is_null)
                    {
                        object.insert(name.clone(), default.clone());
                    }
                    if let Some(value) = object.get_mut(name) {
                        complete(property, value);
                    }
                }
            } else if schema["additionalProperties"].is_object() {
                for value in object.values_mut() {
                    complete(&schema["additionalProperties"], value);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                complete(&schema["items"], item);
            }
        }
        _ => {}
    }
}

/// Why an API server would refuse a completed object: structure first, rules
/// only if the structure holds.
pub(crate) fn refusals(schema: &Value, value: &Value, old: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    for section in ["spec", "status"] {
        if let Some(value) = value.get(section) {
            check(&schema["properties"][section], value, section, &mut found);
        }
    }
    if found.is_empty()
        && let Err(errors) = kube_cel::Validator::new().validate(schema, value, old)
    {
        found.extend(
            errors
                .as_slice()
                .iter()
                .map(|error| format!("{}: Invalid value: {}", error.field_path, error.message)),
        );
    }
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_string() && !value.is_i64() {
            found.push(format!("{path} in body must be of type integer,string"));
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        other => panic!("{path}: the schema has the type {other:?}"),
    };
    if !fits {
        found.push(format!("{path} in body must be of type {}", schema["type"]));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{path}: Unsupported value: {value}"));
    }
    match value {
        Value::String(text) => check_text(schema, text, path, found),
        Value::Number(number) => {
            if let (Some(number), Some(least)) = (number.as_f64(), schema["minimum"].as_f64())
                && number < least
            {
                found.push(format!("{path} in body should be greater than or equal to {least}"));
            }
        }
        Value::Array(items) => check_list(schema, items, path, found),
        Value::Object(object) => check_object(schema, object, path, found),
        _ => {}
    }
}

fn check_text(schema: &Value, text: &str, path: &str, found: &mut Vec<String>) {
    if let Some(pattern) = schema["pattern"].as_str()
        && !Regex::new(pattern).unwrap().is_match(text)
    {
        found.push(format!("{path} in body should match '{pattern}'"));
    }
    if let Some(most) = schema["maxLength"].as_u64()
        && text.len() as u64 > most
    {
        found.push(format!("{path}: Too long: may not be more than {most} bytes"));
    }
    if let Some(least) = schema["minLength"].as_u64()
        && (text.len() as u64) < least
    {
        found.push(format!("{path} in body should be at least {least} chars long"));
    }
}

fn check_list(schema: &Value, items: &[Value], path: &str, found: &mut Vec<String>) {
    if let Some(most) = schema["maxItems"].as_u64()
        && items.len() as u64 > most
    {
        found.push(format!("{path}: Too many: {}: must have at most {most} items", items.len()));
    }
    if let Some(keys) = schema["x-kubernetes-list-map-keys"].as_array() {
        let key = |item: &Value| -> Vec<Value> {
            keys.iter().map(|key| item[key.as_str().unwrap()].clone()).collect()
        };
        for (index, item) in items.iter().enumerate() {
            if items[..index].iter().any(|earlier| key(earlier) == key(item)) {
                found.push(format!("{path}[{index}]: Duplicate value"));
            }
        }
    }
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), found);
    }
}

fn check_object(
    schema: &Value,
    object: &serde_json::Map<String, Value>,
    path: &str,
    found: &mut Vec<String>,
) {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if !object.contains_key(name) {
            found.push(format!("{path}.{name}: Required value"));
        }
    }
    for (name, value) in object {
        let path = format!("{path}.{name}");
        if let Some(property) = schema["properties"].get(name) {
            check(property, value, &path, found);
        } else if schema["additionalProperties"].is_object() {
            check(&schema["additionalProperties"], value, &path, found);
        } else {
            found.push(format!("{path}: unknown field"));
        }
    }
}
