//! Structs that are there before anybody fills them.

use serde_json::{Map, Value};

use super::At;

/// A live object of a built-in kind with an empty struct wherever the new one has a struct that was
/// not there.
///
/// In Go, a struct inside an object is there even when nothing is in it, so nobody comes to own it
/// by filling it. Which structs are behind a pointer, and so really can be absent, the schema does
/// not tell: those below the top level that stay empty (`emptyDir: {}`) are taken to be. Maps, lists
/// and what is in lists are never there by themselves.
pub(crate) fn with_structs(live: &Value, new: &Value, at: At<'_>) -> Value {
    fill(live, new, at, true)
}

fn fill(live: &Value, new: &Value, at: At<'_>, top: bool) -> Value {
    let Some(live) = live.as_object() else { return live.clone() };
    let mut filled = live.clone();
    for (name, value) in new.as_object().into_iter().flatten() {
        let Some(place) = at.declared(name) else { continue };
        let is_struct = !place.node.fields.is_empty() && !place.node.atomic;
        if is_struct && value.as_object().is_some_and(|fields| top || !fields.is_empty()) {
            let empty = Value::Object(Map::new());
            let there = live.get(name).filter(|there| there.is_object()).unwrap_or(&empty);
            filled.insert(name.clone(), fill(there, value, place, false));
        }
    }
    Value::Object(filled)
}
