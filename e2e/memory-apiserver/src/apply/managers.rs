//! The owners of an object's fields: `metadata.managedFields`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::field_set::FieldSet;
use crate::object::Object;

/// How somebody wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// What tells one owner from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManagerId {
    pub(crate) operation: Operation,
    pub(crate) name: String,
    /// Empty for an applier, which is the same owner whatever version it applies.
    pub(crate) api_version: String,
    pub(crate) subresource: String,
}

impl ManagerId {
    pub(crate) fn new(operation: Operation, name: &str, api_version: &str, subresource: &str) -> Self {
        let api_version = match operation {
            Operation::Apply => String::new(),
            Operation::Update => api_version.to_owned(),
        };
        // A client that names itself in no way at all is called so by Kubernetes.
        let name = if name.is_empty() { "unknown" } else { name };
        Self { operation, name: name.to_owned(), api_version, subresource: subresource.to_owned() }
    }

    /// As conflicts print it.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// What one owner has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) api_version: String,
    pub(crate) fields: FieldSet,
    /// When the owner last changed something, as RFC 3339.
    pub(crate) time: Option<String>,
}

/// The owners of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managers(pub(crate) BTreeMap<ManagerId, Owned>);

/// The owners in an object's metadata; none when they cannot be read.
pub(crate) fn managers_of(object: &Object) -> Managers {
    Managers::parse(object.metadata.get("managedFields")).unwrap_or_default()
}

/// Whether a write asks to forget all owners: an empty list, or a list with one empty entry.
pub(crate) fn reset_requested(object: &Object) -> bool {
    match object.metadata.get("managedFields").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([entry]) => entry.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

impl Managers {
    /// Reads `metadata.managedFields`; `None` when an entry is malformed.
    pub(crate) fn parse(entries: Option<&Value>) -> Option<Self> {
        let mut managers = Self::default();
        for entry in entries.and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let operation = match text("operation") {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            };
            let api_version = text("apiVersion");
            if api_version.is_empty() || text("fieldsType") != "FieldsV1" {
                return None;
            }
            let id = ManagerId::new(operation, text("manager"), api_version, text("subresource"));
            let fields = entry.get("fieldsV1").map(FieldSet::from_fields_v1).unwrap_or_default();
            let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
            managers.0.insert(id, Owned { api_version: api_version.to_owned(), fields, time });
        }
        Some(managers)
    }

    /// Whether nobody owns anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `metadata.managedFields`, appliers first, then by time, name, version, subresource.
    pub(crate) fn write(&self, object: &mut Object) {
        let mut entries: Vec<(&ManagerId, &Owned)> = self.0.iter().collect();
        entries.sort_by(|(one, owns), (other, others)| {
            let key = |id: &ManagerId| (id.name.clone(), id.api_version.clone(), id.subresource.clone());
            (one.operation, &owns.time, key(one)).cmp(&(other.operation, &others.time, key(other)))
        });
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|(id, owned)| {
                let operation = if id.operation == Operation::Apply { "Apply" } else { "Update" };
                let mut entry = json!({
                    "manager": id.name, "operation": operation, "apiVersion": owned.api_version,
                    "fieldsType": "FieldsV1", "fieldsV1": owned.fields.to_fields_v1(),
                });
                if let Some(entry) = entry.as_object_mut() {
                    if let Some(time) = &owned.time {
                        entry.insert("time".into(), time.clone().into());
                    }
                    if !id.subresource.is_empty() {
                        entry.insert("subresource".into(), id.subresource.clone().into());
                    }
                }
                entry
            })
            .collect();
        if entries.is_empty() {
            object.metadata.remove("managedFields");
        } else {
            object.metadata.insert("managedFields".into(), entries.into());
        }
    }
}
