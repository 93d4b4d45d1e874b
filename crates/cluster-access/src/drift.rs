//! Whether an object on a cluster is what a manifest wants it to be, without asking the cluster.
//!
//! Two questions decide. Does the object have every value of the manifest? Servers add defaults and
//! other managers add fields, so the object may have more. And does our field manager still own a
//! field that the manifest no longer has? Then an apply is due to give it up. `managedFields`
//! answers the second, and also tells which lists are maps, which are sets and which are atomic
//! (KEP-555; `fieldsV1` keys are `f:` field, `k:` list-map key, `v:` set value, `.` the thing itself).
//!
//! A wrong "yes" leaves drift until the set changes; a wrong "no" costs one idempotent request. Where
//! the two cannot be told apart, the answer is "no".

use std::fmt;

use fleet_plan::object::Manifest;
use kube::core::DynamicObject;
use serde_json::{Map, Value};

use crate::kinds::Schema;
use crate::quantity;

/// The first place where an object is not as its manifest wants it. Values are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    path: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    NeverApplied,
    Differs,
    NoLongerWanted,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::NeverApplied => f.write_str("not applied by this manager yet"),
            What::Differs => write!(f, "{} differs", self.path),
            What::NoLongerWanted => write!(f, "{} is no longer wanted", self.path),
        }
    }
}

/// Compares a manifest with the object that a cluster has; `None` when an apply by this manager
/// would change nothing.
pub fn drift(manifest: &Manifest, live: &DynamicObject, manager: &str) -> Option<Drift> {
    let at_root = |what| Some(Drift { path: String::new(), what });
    let entry = live.metadata.managed_fields.iter().flatten().find(|entry| {
        entry.manager.as_deref() == Some(manager)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let Some(entry) = entry else { return at_root(What::NeverApplied) };
    if entry.api_version.as_deref() != Some(manifest.key.resource.api_version.as_str()) {
        return at_root(What::NeverApplied);
    }
    let Some(Value::Object(owned)) = entry.fields_v1.as_ref().map(|fields| &fields.0) else {
        return at_root(What::NeverApplied);
    };
    let Ok(Value::Object(live)) = serde_json::to_value(live) else { return at_root(What::Differs) };
    let Value::Object(wanted) = &manifest.body else { return at_root(What::Differs) };
    let mut wanted = wanted.clone();
    let mut owned = owned.clone();
    prepare(&mut wanted, &mut owned, &manifest.key.resource.kind);
    Walk { schema: Schema::of(&manifest.key.resource) }.object(&wanted, &live, Some(&owned), &Path::Root)
}

/// Takes out what identifies the object instead of describing it, and writes a Secret's `stringData`
/// as the server does.
fn prepare(wanted: &mut Map<String, Value>, owned: &mut Map<String, Value>, kind: &str) {
    for field in ["apiVersion", "kind", "status"] {
        wanted.remove(field);
    }
    if let Some(Value::Object(metadata)) = wanted.get_mut("metadata") {
        metadata.remove("name");
        metadata.remove("namespace");
    }
    if kind == "Secret" {
        let texts = take_object(wanted, "stringData").into_iter();
        let encoded = texts.map(|(key, text)| (key, base64_of(text.as_str().unwrap_or_default())));
        merge(wanted, "data", encoded.map(|(key, text)| (key, Value::String(text))));
        // Ownership of it stays recorded, although the object never has it.
        let owned_texts = take_object(owned, "f:stringData");
        merge(owned, "f:data", owned_texts.into_iter());
    }
}

fn take_object(from: &mut Map<String, Value>, field: &str) -> Map<String, Value> {
    match from.remove(field) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn merge(into: &mut Map<String, Value>, field: &str, fields: impl ExactSizeIterator<Item = (String, Value)>) {
    if fields.len() == 0 {
        return;
    }
    let target = into.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(target) = target {
        target.extend(fields);
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Where the walk is; written out only for a difference.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    /// An entry of one of the maps from resource names to quantities.
    fn is_quantity(&self) -> bool {
        matches!(self, Self::Field(Path::Field(_, "limits" | "requests" | "hard" | "capacity"), _))
    }

    fn drift(&self, what: What) -> Option<Drift> {
        Some(Drift { path: self.to_string(), what })
    }
}

/// A part of `fieldsV1`; none where nothing below is owned one by one.
type Owned<'a> = Option<&'a Map<String, Value>>;

struct Walk {
    schema: Schema,
}

impl Walk {
    fn object(
        &self,
        wanted: &Map<String, Value>,
        live: &Map<String, Value>,
        owned: Owned<'_>,
        path: &Path<'_>,
    ) -> Option<Drift> {
        let given_up = owned_keys(owned)
            .filter_map(|key| key.strip_prefix("f:"))
            .find(|field| !wanted.contains_key(*field));
        if let Some(field) = given_up {
            return Path::Field(path, field).drift(What::NoLongerWanted);
        }
        wanted.iter().find_map(|(field, value)| {
            let here = Path::Field(path, field);
            match live.get(field) {
                None | Some(Value::Null) if self.means_nothing(field, value) => None,
                None => here.drift(What::Differs),
                Some(live) => self.value(field, value, live, below(owned, field), &here),
            }
        })
    }

    fn value(
        &self,
        field: &str,
        wanted: &Value,
        live: &Value,
        owned: Owned<'_>,
        path: &Path<'_>,
    ) -> Option<Drift> {
        match (wanted, live) {
            // An explicit null asks for nothing.
            (Value::Null, _) => None,
            (Value::Object(wanted), Value::Object(live)) => {
                if is_selector(field, wanted) && wanted != live {
                    return path.drift(What::Differs);
                }
                self.object(wanted, live, owned, path)
            }
            (Value::Array(wanted), Value::Array(live)) => self.list(wanted, live, owned, path),
            (wanted, live) if self.same_scalar(wanted, live) => None,
            (wanted, live) if path.is_quantity() && quantity::same(wanted, live) => None,
            _ => path.drift(What::Differs),
        }
    }

    fn list(&self, wanted: &[Value], live: &[Value], owned: Owned<'_>, path: &Path<'_>) -> Option<Drift> {
        let keys: Vec<Map<String, Value>> =
            owned_keys(owned).filter_map(|key| serde_json::from_str(key.strip_prefix("k:")?).ok()).collect();
        let values: Vec<Value> =
            owned_keys(owned).filter_map(|key| serde_json::from_str(key.strip_prefix("v:")?).ok()).collect();
        if !keys.is_empty() {
            return self.list_map(wanted, live, owned, &keys, path);
        }
        if !values.is_empty() {
            if values.iter().any(|value| !wanted.contains(value)) {
                return path.drift(What::NoLongerWanted);
            }
            let missing = wanted.iter().position(|value| !live.contains(value))?;
            return Path::Element(path, missing).drift(What::Differs);
        }
        if wanted.len() != live.len() {
            return path.drift(What::Differs);
        }
        wanted.iter().zip(live).enumerate().find_map(|(index, (wanted, live))| {
            self.value("", wanted, live, None, &Path::Element(path, index))
        })
    }

    fn list_map(
        &self,
        wanted: &[Value],
        live: &[Value],
        owned: Owned<'_>,
        keys: &[Map<String, Value>],
        path: &Path<'_>,
    ) -> Option<Drift> {
        if keys.iter().any(|key| !wanted.iter().any(|element| has_key(element, key))) {
            return path.drift(What::NoLongerWanted);
        }
        wanted.iter().enumerate().find_map(|(index, element)| {
            let here = Path::Element(path, index);
            let Some(key) = keys.iter().find(|key| has_key(element, key)) else {
                return here.drift(What::Differs);
            };
            let Some(live) = live.iter().find(|live| has_key(live, key)) else {
                return here.drift(What::Differs);
            };
            let owned = owned
                .into_iter()
                .flatten()
                .find(|(text, _)| {
                    text.strip_prefix("k:").is_some_and(|text| {
                        serde_json::from_str::<Map<String, Value>>(text).is_ok_and(|parsed| &parsed == key)
                    })
                })
                .and_then(|(_, owned)| owned.as_object());
            self.value("", element, live, owned, &here)
        })
    }

    /// Whether a field of this value may be missing from the object and yet be as wanted.
    fn means_nothing(&self, field: &str, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            _ if self.schema == Schema::Custom => false,
            // These say which member of a union is meant, by being there.
            Value::Object(_) if matches!(field, "emptyDir" | "podSelector" | "namespaceSelector") => false,
            Value::Object(map) => map.is_empty(),
            Value::Bool(value) => !value,
            Value::String(text) => text.is_empty(),
            Value::Number(number) => number.as_f64() == Some(0.0),
        }
    }

    fn same_scalar(&self, wanted: &Value, live: &Value) -> bool {
        match (wanted, live) {
            (Value::Number(wanted), Value::Number(live)) => {
                wanted == live || wanted.as_f64().is_some_and(|wanted| live.as_f64() == Some(wanted))
            }
            // IntOrString of the built-in kinds.
            (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
                self.schema == Schema::Typed && number.to_string() == *text
            }
            (wanted, live) => wanted == live,
        }
    }
}

/// What is owned below a field.
fn below<'a>(owned: Owned<'a>, field: &str) -> Owned<'a> {
    owned?.get(&format!("f:{field}"))?.as_object()
}

fn owned_keys(owned: Owned<'_>) -> impl Iterator<Item = &String> {
    owned.into_iter().flat_map(Map::keys)
}

/// Maps of labels that are replaced as a whole, and that no server adds defaults to.
fn is_selector(field: &str, wanted: &Map<String, Value>) -> bool {
    matches!(field, "nodeSelector" | "matchLabels" | "selector") && wanted.values().all(Value::is_string)
}

/// Whether an element of a list-map has this key. A key field that the element leaves out has its
/// default (such as `protocol: TCP` of a port), which the server has put into the key.
fn has_key(element: &Value, key: &Map<String, Value>) -> bool {
    key.iter().all(|(field, value)| element.get(field).is_none_or(|own| own == value))
        && key.keys().any(|field| element.get(field).is_some())
}

#[cfg(test)]
mod tests;
