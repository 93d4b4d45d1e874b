//! An object of a built-in kind before anybody wrote to it.

use serde_json::{Map, Value};

use super::At;

/// The structs that a value fills, empty.
///
/// In Go, a struct inside an object is there even when nothing is in it, so nobody comes to own it
/// by filling it. Structs that stay empty, maps and lists are not there.
pub(crate) fn blank(value: &Value, at: At<'_>) -> Value {
    let mut blank_fields = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let Some(place) = at.declared(name) else { continue };
        let is_struct = !place.node.fields.is_empty() && !place.node.atomic;
        if is_struct && value.as_object().is_some_and(|fields| !fields.is_empty()) {
            blank_fields.insert(name.clone(), blank(value, place));
        }
    }
    Value::Object(blank_fields)
}
