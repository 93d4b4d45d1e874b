//! Checking a value against a schema.

use serde_json::Value;

use super::{At, Kind, Limits, ListType};
use crate::rejection::Cause;

/// Everything that is wrong with a value. CEL rules are not evaluated.
pub(crate) fn validate(value: &Value, at: At<'_>, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    walk(value, at, path, &mut causes);
    causes
}

/// What is wrong with the type of a value, itself or anything below, in the words of a decoder.
pub(crate) fn type_error(value: &Value, at: At<'_>, path: &str) -> Option<String> {
    if !value.is_null() && !fits(value, at.node.kind) {
        let (got, wanted) = (name_of(value), kind_name(at.node.kind));
        return Some(format!("json: cannot unmarshal {got} into field {path} of type {wanted}"));
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| type_error(value, at.field_or_any(name), &join(path, name))),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| type_error(item, at.item(), &format!("{path}[{index}]"))),
        _ => None,
    }
}

fn walk(value: &Value, at: At<'_>, path: &str, causes: &mut Vec<Cause>) {
    let node = at.node;
    if value.is_null() {
        if !node.nullable && node.kind != Kind::Any {
            let detail = format!("{path} in body must be of type {}: \"null\"", kind_name(node.kind));
            causes.push(Cause::wrong_type(path, &Value::from("null"), &detail));
        }
        return;
    }
    if !fits(value, node.kind) {
        let (got, wanted) = (name_of(value), kind_name(node.kind));
        let detail = format!("{path} in body must be of type {wanted}: \"{got}\"");
        causes.push(Cause::wrong_type(path, &Value::from(got), &detail));
        return;
    }
    if let Some(limits) = &node.limits {
        check(value, limits, path, causes);
    }
    match value {
        Value::Object(fields) => {
            for name in node.required.iter().filter(|name| !fields.contains_key(name.as_str())) {
                causes.push(Cause::required(join(path, name), ""));
            }
            for (name, value) in fields {
                if let Some(place) = at.field(name) {
                    walk(value, place, &join(path, name), causes);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, at.item(), &format!("{path}[{index}]"), causes);
            }
            duplicates(items, &node.list, path, causes);
        }
        _ => {}
    }
}

/// The items of a set, and the keys of a list-map, must be unique.
fn duplicates(items: &[Value], list: &ListType, path: &str, causes: &mut Vec<Cause>) {
    let key = |item: &Value| match list {
        ListType::Atomic => None,
        ListType::Set => Some(item.clone()),
        ListType::Map(keys) => Some(keys.iter().map(|key| item.get(key).cloned()).collect()),
    };
    let mut seen: Vec<Value> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(key) = key(item) else { continue };
        if seen.contains(&key) {
            let message = format!("Duplicate value: {item}");
            let field = format!("{path}[{index}]");
            causes.push(Cause { reason: "FieldValueDuplicate".into(), message, field });
        }
        seen.push(key);
    }
}

fn check(value: &Value, limits: &Limits, path: &str, causes: &mut Vec<Cause>) {
    if !limits.one_of.is_empty() && !limits.one_of.contains(value) {
        causes.push(Cause::unsupported(path, value, &limits.one_of));
    }
    let mut complain = |detail: String| causes.push(Cause::invalid(path, value, &detail));
    let mut excess = Vec::new();
    let beyond = |count: usize, limit: Option<u64>| limit.filter(|limit| count as u64 > *limit);
    let short = |count: usize, limit: Option<u64>| limit.filter(|limit| (count as u64) < *limit);
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            if let Some(limit) = beyond(length, limits.max_length) {
                excess.push(Cause::too_long(path, limit));
            }
            if let Some(limit) = short(length, limits.min_length) {
                complain(format!("{path} in body should be at least {limit} chars long"));
            }
            if let Some(pattern) = &limits.pattern
                && !pattern.is_match(text)
            {
                complain(format!("{path} in body should match '{pattern}'"));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if let Some(limit) = limits.minimum.filter(|limit| number < *limit) {
                complain(format!("{path} in body should be greater than or equal to {limit}"));
            }
            if let Some(limit) = limits.maximum.filter(|limit| number > *limit) {
                complain(format!("{path} in body should be less than or equal to {limit}"));
            }
        }
        Value::Array(items) => {
            if let Some(limit) = beyond(items.len(), limits.max_items) {
                excess.push(Cause::too_many(path, items.len(), limit));
            }
            if let Some(limit) = short(items.len(), limits.min_items) {
                complain(format!("{path} in body should have at least {limit} items"));
            }
        }
        Value::Object(fields) => {
            if let Some(limit) = beyond(fields.len(), limits.max_properties) {
                excess.push(Cause::too_many(path, fields.len(), limit));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    causes.extend(excess);
}

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::String => value.is_string(),
        Kind::Integer => value.is_i64() || value.is_u64(),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::IntOrString => value.is_string() || value.is_number(),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "any",
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::IntOrString => "integer or string",
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}
