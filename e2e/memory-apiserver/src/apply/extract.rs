//! Which fields an object mentions.

use serde_json::Value;

use super::{
    atom::{Atom, identified},
    field_set::FieldSet,
    path::PathElement,
};
use crate::schema::At;

/// The set of fields that a value mentions: its leaves, the items of its lists, the keys of its
/// maps, and empty structs.
pub(crate) fn fields_of(value: &Value, at: At<'_>) -> FieldSet {
    below(value, at).1
}

/// Whether the value is a leaf, and the fields below it.
fn below(value: &Value, at: At<'_>) -> (bool, FieldSet) {
    let mut set = FieldSet::default();
    match Atom::of(value, at) {
        Atom::Leaf(_) => return (true, set),
        Atom::Map(at) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                let (leaf, fields) = below(value, at.field_or_any(name));
                let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                let member = leaf || empty || at.declared(name).is_none();
                set.put(PathElement::field(name), member, fields);
            }
        }
        Atom::List(at) => {
            for (step, item) in identified(value, at) {
                set.put(step, true, below(item, at.item()).1);
            }
        }
    }
    (false, set)
}
