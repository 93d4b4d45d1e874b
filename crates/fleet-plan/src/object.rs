//! Objects as plain values: what a plan wants to exist, and how it names what exists.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::{ApiResource, DynamicObject, Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

/// Names one object of one cluster: kind, namespace (none for cluster-scoped kinds) and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// Group, version, kind and plural of the object.
    pub resource: ApiResource,
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectKey {
    /// The key of a cluster-scoped object of kind `K`.
    pub fn cluster<K: Resource<DynamicType = ()>>(name: impl Into<String>) -> Self {
        Self { resource: ApiResource::erase::<K>(&()), namespace: None, name: name.into() }
    }

    /// The key of a namespaced object of kind `K`.
    pub fn namespaced<K: Resource<DynamicType = ()>>(
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self { resource: ApiResource::erase::<K>(&()), namespace: Some(namespace.into()), name: name.into() }
    }

    /// The reference that events and messages use.
    pub fn reference(&self) -> ObjectReference {
        ObjectReference {
            api_version: Some(self.resource.api_version.clone()),
            kind: Some(self.resource.kind.clone()),
            namespace: self.namespace.clone(),
            name: Some(self.name.clone()),
            ..ObjectReference::default()
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.resource.kind, self.name),
            None => write!(f, "{} {}", self.resource.kind, self.name),
        }
    }
}

/// An object that a plan wants to exist: its key and the fields that we own, nothing else.
///
/// `Debug` prints the key alone, because a body may hold credentials.
#[derive(Clone, PartialEq)]
pub struct Manifest {
    /// Which object.
    pub key: ObjectKey,
    /// The body for server-side apply, with `apiVersion` and `kind`.
    pub body: Value,
}

impl std::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Manifest({})", self.key)
    }
}

/// A manifest could not be built from an object.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The object has no name.
    #[error("a {0} without metadata.name cannot be applied")]
    Unnamed(String),
    /// The object does not serialise.
    #[error("writing a {kind} as JSON")]
    Serialise {
        /// Kind of the object.
        kind: String,
        /// What serde said.
        source: serde_json::Error,
    },
}

impl Manifest {
    /// A manifest of a typed object. Types whose required fields serialise even when empty must be
    /// built with [`Manifest::of_value`] instead, or the empty fields would be owned by us.
    ///
    /// # Errors
    /// When the object has no name, or does not serialise.
    pub fn of<K>(object: &K) -> Result<Self, ManifestError>
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        let resource = ApiResource::erase::<K>(&());
        let mut body = serde_json::to_value(object)
            .map_err(|source| ManifestError::Serialise { kind: resource.kind.clone(), source })?;
        if let Value::Object(fields) = &mut body {
            fields.insert("apiVersion".into(), resource.api_version.clone().into());
            fields.insert("kind".into(), resource.kind.clone().into());
            fields.remove("status");
        }
        let name = object.meta().name.clone().ok_or_else(|| ManifestError::Unnamed(resource.kind.clone()))?;
        Ok(Self { key: ObjectKey { resource, namespace: object.meta().namespace.clone(), name }, body })
    }

    /// A manifest of kind `K` whose body is given as JSON (with `metadata.name`).
    ///
    /// # Errors
    /// When the body has no name.
    pub fn of_value<K: Resource<DynamicType = ()>>(mut body: Value) -> Result<Self, ManifestError> {
        let resource = ApiResource::erase::<K>(&());
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let name = text("/metadata/name").ok_or_else(|| ManifestError::Unnamed(resource.kind.clone()))?;
        let namespace = text("/metadata/namespace");
        if let Value::Object(fields) = &mut body {
            fields.insert("apiVersion".into(), resource.api_version.clone().into());
            fields.insert("kind".into(), resource.kind.clone().into());
        }
        Ok(Self { key: ObjectKey { resource, namespace, name }, body })
    }

    /// Adds labels to the object's metadata, keeping those it has.
    #[must_use]
    pub fn labelled<'a>(mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        if let Some(metadata) = self.body.get_mut("metadata").and_then(Value::as_object_mut) {
            let map = metadata.entry("labels").or_insert_with(|| Value::Object(Default::default()));
            if !map.is_object() {
                *map = Value::Object(Default::default());
            }
            if let Some(map) = map.as_object_mut() {
                for (key, value) in labels {
                    map.entry(key).or_insert_with(|| value.into());
                }
            }
        }
        self
    }
}

/// The key of a live object read without its type.
pub fn key_of(resource: &ApiResource, object: &DynamicObject) -> ObjectKey {
    ObjectKey { resource: resource.clone(), namespace: object.namespace(), name: object.name_any() }
}
