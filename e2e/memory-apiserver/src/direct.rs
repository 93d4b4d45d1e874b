//! Access to a server without a client: for tests that set a scene or look at the result, and for
//! hooks that play a controller.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Method, Uri, header};
use bytes::Bytes;
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::{
    http::{ApiRequest, Reply},
    identity::Identity,
    rejection::Rejection,
    shared::Shared,
};

/// A way into a server that is synchronous, is not logged, and is not hit by faults.
///
/// Everything goes through the same code as requests of clients do, so the rules of the API hold
/// here too. The methods block for no longer than a lock is held.
#[derive(Clone)]
pub struct Direct {
    shared: Arc<Shared>,
    identity: Identity,
    manager: String,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").field("manager", &self.manager).finish_non_exhaustive()
    }
}

impl Direct {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, identity: Identity::admin(), manager: "memory-test".to_owned() }
    }

    /// The same access as somebody else: the user of requests, and the field manager of writes.
    #[must_use]
    pub fn acting_as(&self, identity: Identity, manager: &str) -> Self {
        Self { shared: self.shared.clone(), identity, manager: manager.to_owned() }
    }

    /// An object; `None` when there is none, or no such kind. `namespace` is empty for a
    /// cluster-scoped kind.
    pub fn get(&self, kind: &ApiResource, namespace: &str, name: &str) -> Option<Value> {
        self.request(Method::GET, &object_path(kind, namespace, name, ""), "", Value::Null).ok()
    }

    /// The objects of a kind, of one namespace or (empty) of all; none when there is no such kind.
    pub fn list(&self, kind: &ApiResource, namespace: &str) -> Vec<Value> {
        let found = self.request(Method::GET, &list_path(kind, namespace), "", Value::Null);
        let mut items = match found.ok().as_mut().and_then(|list| list.get_mut("items")) {
            Some(Value::Array(items)) => std::mem::take(items),
            _ => Vec::new(),
        };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.insert("apiVersion".into(), kind.api_version.clone().into());
            item.insert("kind".into(), kind.kind.clone().into());
        }
        items
    }

    /// Makes an object. Its path comes from its `apiVersion`, `kind` and metadata.
    ///
    /// # Errors
    /// When the server refuses, or does not know the kind.
    pub fn create(&self, object: Value) -> Result<Value, Rejection> {
        let place = self.place(&object)?;
        self.request(Method::POST, &list_path(&place.kind, &place.namespace), JSON, object)
    }

    /// Applies an object with force, in the name of the field manager.
    ///
    /// # Errors
    /// When the server refuses, or does not know the kind.
    pub fn apply(&self, object: Value) -> Result<Value, Rejection> {
        self.apply_to("", object)
    }

    /// Applies the status of an object with force, in the name of the field manager.
    ///
    /// # Errors
    /// When the server refuses, or does not know the kind.
    pub fn apply_status(&self, object: Value) -> Result<Value, Rejection> {
        self.apply_to("/status", object)
    }

    /// Merges into an object, or into one of its subresources (`""`, `"status"`, `"approval"`).
    ///
    /// # Errors
    /// When the server refuses.
    pub fn merge(
        &self,
        kind: &ApiResource,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: Value,
    ) -> Result<Value, Rejection> {
        let subresource = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
        let path = object_path(kind, namespace, name, &subresource);
        self.request(Method::PATCH, &path, "application/merge-patch+json", patch)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn delete(&self, kind: &ApiResource, namespace: &str, name: &str) -> Result<(), Rejection> {
        let path = object_path(kind, namespace, name, "");
        self.request(Method::DELETE, &path, JSON, json!({})).map(drop)
    }

    /// Any request, by method, path with query, content type and body. Not for watches.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Value,
    ) -> Result<Value, Rejection> {
        let uri: Uri = path.parse().map_err(|_| Rejection::bad_request(format!("{path:?} is no path")))?;
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::CONTENT_TYPE, content_type), (header::USER_AGENT, &self.manager)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = ApiRequest::read(method, &uri, &headers, self.identity.clone(), body);
        match self.shared.execute(&request).0? {
            Reply::Json(_, value) | Reply::Document(_, value) => Ok(value),
            Reply::Text(text) => Ok(text.into()),
            Reply::Watch => Err(Rejection::bad_request("a watch needs a client")),
        }
    }

    fn apply_to(&self, subresource: &str, object: Value) -> Result<Value, Rejection> {
        let place = self.place(&object)?;
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let path = object_path(&place.kind, &place.namespace, name, subresource);
        let path = format!("{path}?force=true&fieldManager={}", self.manager);
        self.request(Method::PATCH, &path, "application/apply-patch+yaml", object)
    }

    fn place(&self, object: &Value) -> Result<Place, Rejection> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let known = self.shared.read(|cluster| cluster.registry.find_kind(&api_version, &kind));
        let found = known.ok_or_else(|| {
            Rejection::bad_request(format!("the kind {kind} of {api_version} is not served"))
        })?;
        let kind = ApiResource {
            group: found.group.clone(),
            version: found.version.clone(),
            api_version,
            kind,
            plural: found.plural.clone(),
        };
        Ok(Place { kind, namespace: text("/metadata/namespace") })
    }
}

const JSON: &str = "application/json";

struct Place {
    kind: ApiResource,
    namespace: String,
}

fn list_path(kind: &ApiResource, namespace: &str) -> String {
    let root = if kind.group.is_empty() { "/api" } else { "/apis" };
    let (api_version, plural) = (&kind.api_version, &kind.plural);
    match namespace {
        "" => format!("{root}/{api_version}/{plural}"),
        namespace => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
    }
}

fn object_path(kind: &ApiResource, namespace: &str, name: &str, subresource: &str) -> String {
    format!("{}/{name}{subresource}", list_path(kind, namespace))
}
