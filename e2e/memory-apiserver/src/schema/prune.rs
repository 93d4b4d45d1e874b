//! Dropping what a schema does not know.

use serde_json::Value;

use super::{At, Dialect, Kind};

/// Removes unknown fields from a value and returns their paths.
///
/// For a built-in kind it also removes what Go's `omitempty` would never write: nulls, and empty
/// lists and maps that are not required.
pub(crate) fn prune(value: &mut Value, at: At<'_>, dialect: Dialect) -> Vec<String> {
    let mut dropped = Vec::new();
    walk(value, at, dialect, &mut String::new(), &mut dropped);
    dropped
}

/// Removes nulls for fields that can neither be null nor have a default. This is how nulls in a
/// custom object are read.
pub(crate) fn drop_nulls(value: &mut Value, at: At<'_>) {
    match value {
        Value::Object(fields) => fields.retain(|name, value| {
            let Some(place) = at.field(name) else { return true };
            let kept = !value.is_null() || place.node.nullable || place.node.default.is_some();
            drop_nulls(value, place);
            kept
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| drop_nulls(item, at.item())),
        _ => {}
    }
}

fn walk(value: &mut Value, at: At<'_>, dialect: Dialect, path: &mut String, dropped: &mut Vec<String>) {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| {
                path.truncate(length);
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                let own = at.node.embedded && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
                let keep = match at.field(name) {
                    _ if own => true,
                    None => {
                        dropped.push(path.clone());
                        false
                    }
                    Some(place) => {
                        walk(value, place, dialect, path, dropped);
                        dialect == Dialect::Custom
                            || at.node.kind == Kind::Any
                            || !omitted(value, place, at.node.required.iter().any(|field| field == name))
                    }
                };
                path.truncate(length);
                keep
            });
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(item, at.item(), dialect, path, dropped);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn omitted(value: &Value, place: At<'_>, required: bool) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty() && !required,
        // An empty struct says something ("emptyDir: {}"), an empty map does not.
        Value::Object(fields) => fields.is_empty() && place.node.values.is_some() && !required,
        _ => false,
    }
}
