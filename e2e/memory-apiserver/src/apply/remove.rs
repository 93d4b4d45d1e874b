//! Taking fields out of an object.

use serde_json::{Map, Value};

use super::{
    atom::{Atom, identity},
    field_set::FieldSet,
    path::PathElement,
};
use crate::schema::At;

/// The value without the given fields.
pub(crate) fn remove(value: &Value, fields: &FieldSet, at: At<'_>) -> Value {
    inner(value, fields, at).unwrap_or_else(|| match value {
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    })
}

/// As [`remove`]; `None` when nothing is left.
fn inner(value: &Value, fields: &FieldSet, at: At<'_>) -> Option<Value> {
    match (Atom::of(value, at), value) {
        (Atom::Map(at), Value::Object(all)) => {
            let mut left = Map::new();
            for (name, value) in all {
                let step = PathElement::field(name);
                if fields.has(&step) {
                    continue;
                }
                let value = match fields.below(&step) {
                    // What was emptied this way stays as null, which is not the same as gone: its
                    // owners keep it.
                    Some(below) => inner(value, below, at.field_or_any(name)).unwrap_or_default(),
                    None => value.clone(),
                };
                left.insert(name.clone(), value);
            }
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (Atom::List(at), Value::Array(all)) => {
            let mut left = Vec::new();
            for item in all {
                let Ok(step) = identity(item, at) else {
                    left.push(item.clone());
                    continue;
                };
                if fields.has(&step) {
                    continue;
                }
                left.extend(match fields.below(&step) {
                    Some(below) => inner(item, below, at.item()),
                    None => Some(item.clone()),
                });
            }
            (!left.is_empty()).then_some(Value::Array(left))
        }
        _ => Some(value.clone()),
    }
}
