//! Filling in what a user left out.

use serde_json::Value;

use super::At;

/// Puts the defaults of the schema into the gaps of a value.
///
/// As in Kubernetes, a default fills a gap only where the object around it exists, and a `null`
/// for a field that may not be null counts as a gap.
pub(crate) fn apply_defaults(value: &mut Value, at: At<'_>) {
    match value {
        Value::Object(fields) => {
            for (name, place) in at.declared_fields() {
                let gap = match fields.get(name) {
                    None => true,
                    Some(Value::Null) => !place.node.nullable,
                    Some(_) => false,
                };
                if gap && let Some(default) = &place.node.default {
                    fields.insert(name.into(), default.clone());
                }
            }
            for (name, value) in fields {
                if let Some(place) = at.field(name) {
                    apply_defaults(value, place);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                apply_defaults(item, at.item());
            }
        }
        _ => {}
    }
}
