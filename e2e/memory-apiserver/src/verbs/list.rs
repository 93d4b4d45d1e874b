//! Reading: one object, or many.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::present;
use crate::{
    cluster::{Call, Cluster},
    http::Reply,
    object::Object,
    rejection::Rejection,
    selectors::Selector,
    store::Key,
};

/// GET of an object.
pub(crate) fn get(cluster: &Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    not_newer_than_now(cluster, requested_version(call.request.query.get("resourceVersion"))?)?;
    let object = cluster.find(call).ok_or_else(|| call.not_found())?;
    Ok(present::reply(200, call, &object))
}

/// GET of a list.
pub(crate) fn list(cluster: &Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let query = &call.request.query;
    let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"), &call.kind)?;
    let requested = requested_version(query.get("resourceVersion"))?;
    not_newer_than_now(cluster, requested)?;
    let page = Page::parse(query.get("continue"))?;
    let exact = query.get("resourceVersionMatch") == "Exact";
    let now = cluster.store.version();
    let version = match (&page, requested) {
        (Some(page), _) => page.version,
        (None, Some(version)) if exact => version,
        _ => now,
    };
    let id = call.kind.id();
    let objects: Vec<Arc<Object>> = if version == now {
        let namespace = Some(call.namespace).filter(|namespace| !namespace.is_empty());
        cluster.store.list(&id, namespace).cloned().collect()
    } else {
        let past = cluster.store.at_version(&id, version).map_err(|_| page_expired())?;
        let here = |key: &Key| call.namespace.is_empty() || key.0 == call.namespace;
        past.into_iter().filter(|(key, _)| here(key)).map(|(_, object)| object).collect()
    };
    let after = |object: &Object| match &page {
        Some(page) => (object.namespace(), object.name()) > (page.namespace.as_str(), page.name.as_str()),
        None => true,
    };
    let mut chosen: Vec<Arc<Object>> =
        objects.into_iter().filter(|object| after(object) && selector.matches(object)).collect();
    let mut metadata = json!({"resourceVersion": version.to_string()});
    let limit: usize = query.get("limit").parse().unwrap_or(0);
    if limit > 0 && chosen.len() > limit {
        let left = chosen.len() - limit;
        chosen.truncate(limit);
        if let (Some(last), Some(metadata)) = (chosen.last(), metadata.as_object_mut()) {
            metadata.insert("continue".into(), Page::after(version, last).token().into());
            metadata.insert("remainingItemCount".into(), left.into());
        }
    }
    Ok(Reply::ok(present::list(call, chosen.iter().map(AsRef::as_ref), metadata)))
}

/// The objects that the path and the selectors of a request choose.
pub(crate) fn selected(cluster: &Cluster, call: &Call<'_>) -> Result<Vec<Arc<Object>>, Rejection> {
    let query = &call.request.query;
    let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"), &call.kind)?;
    let namespace = Some(call.namespace).filter(|namespace| !namespace.is_empty());
    let all = cluster.store.list(&call.kind.id(), namespace);
    Ok(all.filter(|object| selector.matches(object)).cloned().collect())
}

/// Reads a version as clients send it: none, "0" for any, or a number.
pub(crate) fn requested_version(text: &str) -> Result<Option<u64>, Rejection> {
    if text.is_empty() {
        return Ok(None);
    }
    let message = || format!("resourceVersion: Invalid value: {text:?}: must be a number");
    text.parse().map(Some).map_err(|_| Rejection::bad_request(message()))
}

fn not_newer_than_now(cluster: &Cluster, version: Option<u64>) -> Result<(), Rejection> {
    let now = cluster.store.version();
    match version.filter(|version| *version > now) {
        None => Ok(()),
        Some(version) => {
            let message = format!("Timeout: Too large resource version: {version}, current: {now}");
            Err(Rejection::new(504, "Timeout", message).retry_after(1))
        }
    }
}

fn page_expired() -> Rejection {
    Rejection::expired("The provided continue parameter or resourceVersion is too old")
}

/// Where a page of a list begins.
struct Page {
    version: u64,
    namespace: String,
    name: String,
}

impl Page {
    fn after(version: u64, last: &Object) -> Self {
        Self { version, namespace: last.namespace().to_owned(), name: last.name().to_owned() }
    }

    fn token(&self) -> String {
        let token = json!({"rv": self.version, "ns": self.namespace, "name": self.name});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn parse(token: &str) -> Result<Option<Self>, Rejection> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let value: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let text = |key: &str| {
            value.as_ref().and_then(|value| value.get(key)).and_then(Value::as_str).map(str::to_owned)
        };
        let version = value.as_ref().and_then(|value| value.get("rv")).and_then(Value::as_u64);
        match (version, text("ns"), text("name")) {
            (Some(version), Some(namespace), Some(name)) => Ok(Some(Self { version, namespace, name })),
            _ => Err(Rejection::bad_request("continue key is not valid")),
        }
    }
}
