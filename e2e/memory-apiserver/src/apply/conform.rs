//! Whether an applied configuration fits the schema at all.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    atom::{Atom, identity},
    path::PathElement,
};
use crate::schema::{At, Kind};

/// What does not fit, with its path. Other than an update, an apply may not mention unknown fields
/// or name an item twice.
pub(crate) fn misfits(value: &Value, at: At<'_>) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, at, &mut String::new(), &mut found);
    found
}

fn walk(value: &Value, at: At<'_>, path: &mut String, found: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    let wanted = match (at.node.kind, value) {
        (Kind::Object, Value::Object(_)) | (Kind::Array, Value::Array(_)) | (Kind::Any, _) => None,
        (Kind::Object, _) => Some("map"),
        (Kind::Array, _) => Some("list"),
        (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => None,
        (Kind::Integer | Kind::Number, Value::Number(_)) => None,
        (Kind::IntOrString, Value::Number(_) | Value::String(_)) => None,
        (Kind::String, _) => Some("string"),
        (Kind::Boolean, _) => Some("boolean"),
        (Kind::Integer | Kind::Number, _) => Some("numeric (int or float)"),
        (Kind::IntOrString, _) => Some("scalar"),
    };
    if let Some(wanted) = wanted {
        found.push(format!("{path}: expected {wanted}, got {value}"));
        return;
    }
    let length = path.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                path.push_str(&format!(".{name}"));
                match at.field(name) {
                    Some(place) => walk(value, place, path, found),
                    None => found.push(format!("{path}: field not declared in schema")),
                }
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            let associative = matches!(Atom::of(value, at), Atom::List(_));
            let mut seen: BTreeSet<PathElement> = BTreeSet::new();
            for (index, item) in items.iter().enumerate() {
                let mut step = format!("[{index}]");
                if associative {
                    match identity(item, at) {
                        Err(error) => {
                            found.push(format!("{path}: element {index}: {}", error.0));
                            continue;
                        }
                        Ok(key) => {
                            step = key.to_string();
                            if !seen.insert(key) {
                                found.push(format!("{path}: duplicate entries for key {step}"));
                                continue;
                            }
                        }
                    }
                }
                path.push_str(&step);
                walk(item, at.item(), path, found);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
