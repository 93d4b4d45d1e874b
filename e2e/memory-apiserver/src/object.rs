//! A Kubernetes object as JSON, with its metadata kept apart from the rest.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The members of a JSON object.
pub(crate) type Fields = Map<String, Value>;

/// An object as the server holds it.
///
/// The metadata is a field of its own, so that every access to it is infallible; `content` has
/// `apiVersion`, `kind` and everything else at the top level.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object {
    /// `metadata`.
    pub(crate) metadata: Fields,
    /// Every other top-level field.
    pub(crate) content: Fields,
}

impl Object {
    /// Takes a JSON value apart.
    ///
    /// # Errors
    /// When the value, or its metadata, is not a JSON object.
    pub(crate) fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut content) = value else {
            return Err("an object was expected at the top level".into());
        };
        let metadata = match content.remove("metadata") {
            None | Some(Value::Null) => Fields::new(),
            Some(Value::Object(metadata)) => metadata,
            Some(_) => return Err("metadata must be an object".into()),
        };
        Ok(Self { metadata, content })
    }

    /// Puts the JSON value together again.
    pub(crate) fn to_value(&self) -> Value {
        let mut content = self.content.clone();
        content.insert("metadata".into(), Value::Object(self.metadata.clone()));
        Value::Object(content)
    }

    /// The object as [`Object::to_value`], without `metadata.managedFields`.
    pub(crate) fn to_value_unmanaged(&self) -> Value {
        let mut copy = self.clone();
        copy.metadata.remove("managedFields");
        copy.to_value()
    }

    /// A text of the metadata; empty when it is missing or not a text.
    pub(crate) fn meta(&self, key: &str) -> &str {
        self.metadata.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a text of the metadata, or removes it when the text is empty.
    pub(crate) fn set_meta(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            self.metadata.remove(key);
        } else {
            self.metadata.insert(key.into(), value.into());
        }
    }

    /// `kind`.
    pub(crate) fn kind(&self) -> &str {
        self.content.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.name`.
    pub(crate) fn name(&self) -> &str {
        self.meta("name")
    }

    /// `metadata.namespace`; empty for a cluster-scoped object.
    pub(crate) fn namespace(&self) -> &str {
        self.meta("namespace")
    }

    /// `metadata.uid`.
    pub(crate) fn uid(&self) -> &str {
        self.meta("uid")
    }

    /// `metadata.resourceVersion`.
    pub(crate) fn resource_version(&self) -> &str {
        self.meta("resourceVersion")
    }

    /// Whether deletion has begun.
    pub(crate) fn is_terminating(&self) -> bool {
        self.metadata.contains_key("deletionTimestamp")
    }

    /// `metadata.generation`, when the kind has one.
    pub(crate) fn generation(&self) -> Option<i64> {
        self.metadata.get("generation").and_then(Value::as_i64)
    }

    /// `metadata.finalizers`.
    pub(crate) fn finalizers(&self) -> Vec<&str> {
        texts(self.metadata.get("finalizers"))
    }

    /// Replaces `metadata.finalizers`; an empty list is removed.
    pub(crate) fn set_finalizers(&mut self, finalizers: &[&str]) {
        if finalizers.is_empty() {
            self.metadata.remove("finalizers");
        } else {
            self.metadata.insert("finalizers".into(), finalizers.into());
        }
    }

    /// `metadata.labels`.
    pub(crate) fn labels(&self) -> BTreeMap<&str, &str> {
        let labels = self.metadata.get("labels").and_then(Value::as_object);
        labels
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| value.as_str().map(|value| (key.as_str(), value)))
            .collect()
    }

    /// The uids in `metadata.ownerReferences`.
    pub(crate) fn owner_uids(&self) -> Vec<&str> {
        let owners = self.metadata.get("ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().filter_map(|owner| owner.get("uid").and_then(Value::as_str)).collect()
    }

    /// The value at a path of field names below the top level, metadata included.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        if *first == "metadata" {
            let (second, rest) = rest.split_first()?;
            return descend(self.metadata.get(*second)?, rest);
        }
        descend(self.content.get(*first)?, rest)
    }

    /// A top-level section as a JSON object, made empty first when it is not one.
    pub(crate) fn section(&mut self, name: &str) -> &mut Fields {
        fields_of(self.content.entry(name).or_insert(Value::Null))
    }
}

/// The JSON object in a place, made empty first when something else is there.
pub(crate) fn fields_of(place: &mut Value) -> &mut Fields {
    if !place.is_object() {
        *place = Value::Object(Fields::new());
    }
    match place {
        Value::Object(fields) => fields,
        // The place was made an object above.
        _ => unreachable!("a JSON object was just put here"),
    }
}

/// The texts of a JSON array; empty when there is none.
pub(crate) fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn descend<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, field| value.get(*field))
}
