//! How objects are shown: in full or as metadata only.

use serde_json::{Value, json};

use crate::{cluster::Call, http::Reply, object::Object, resource::ResourceKind};

/// Whether a client asked for metadata only.
pub(crate) fn metadata_only(accept: &str) -> bool {
    accept.contains("as=PartialObjectMetadata")
}

/// An object as a client wants it.
pub(crate) fn object(kind: &ResourceKind, object: &Object, metadata_only: bool) -> Value {
    if metadata_only {
        return json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.metadata,
        });
    }
    kind.present(object).to_value()
}

/// The answer with one object.
pub(crate) fn reply(code: u16, call: &Call<'_>, found: &Object) -> Reply {
    Reply::Json(code, object(&call.kind, found, metadata_only(&call.request.accept)))
}

/// A list of objects. As in Kubernetes, the items of built-in kinds do not say what they are.
pub(crate) fn list<'o>(call: &Call<'_>, objects: impl Iterator<Item = &'o Object>, metadata: Value) -> Value {
    let partial = metadata_only(&call.request.accept);
    let items: Vec<Value> = objects
        .map(|found| {
            let mut item = object(&call.kind, found, partial);
            if !call.kind.custom
                && !partial
                && let Some(fields) = item.as_object_mut()
            {
                fields.remove("apiVersion");
                fields.remove("kind");
            }
            item
        })
        .collect();
    let (api_version, kind) = match partial {
        true => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
        false => (call.kind.api_version(), call.kind.list_kind.clone()),
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items})
}
