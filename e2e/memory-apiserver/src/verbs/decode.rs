//! From what a client sent to what the server works with.

use serde_json::Value;

use crate::{
    cluster::Call,
    object::{Fields, Object},
    rejection::{Cause, Rejection},
    resource::ResourceKind,
    schema::{Dialect, apply_defaults, drop_nulls, prune, type_error},
    strategy,
};

/// Bodies beyond this size are refused, as by the real server.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// The JSON in the body of a request.
pub(crate) fn body(call: &Call<'_>) -> Result<Value, Rejection> {
    let bytes = &call.request.body;
    if bytes.len() > MAX_BODY {
        let message = format!("Request entity too large: limit is {MAX_BODY}");
        return Err(Rejection::new(413, "RequestEntityTooLarge", message));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Rejection::bad_request(format!("the body of the request cannot be read: {error}")))
}

/// An object as the server keeps it: of the right kind, without unknown fields, with defaults.
///
/// # Errors
/// When the kind is wrong, a built-in kind has a wrong type in it, or (with `strict`) fields are
/// unknown.
pub(crate) fn object(mut value: Value, kind: &ResourceKind, strict: bool) -> Result<Object, Rejection> {
    let said = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, name) = (kind.api_version(), &kind.kind);
    let other = |said: &str, expected: &str| !said.is_empty() && said != expected;
    if other(said("apiVersion"), &api_version) || other(said("kind"), name) {
        return Err(Rejection::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {name} in version \"{api_version}\"",
            said("kind"),
            said("apiVersion")
        )));
    }
    if let Some(misfit) = misfit(&value, kind) {
        return Err(Rejection::bad_request(format!(
            "{name} in version \"{}\" cannot be handled as a {name}: {misfit}",
            kind.version
        )));
    }
    if kind.custom {
        drop_nulls(&mut value, kind.schema.root());
    }
    let (object, dropped) = complete(value, kind)?;
    if strict && !dropped.is_empty() {
        let list: Vec<String> = dropped.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        return Err(Rejection::bad_request(format!("strict decoding error: {}", list.join(", "))));
    }
    Ok(object)
}

/// As [`object`], for the result of an apply, which was checked already and keeps its nulls.
pub(crate) fn applied(value: Value, kind: &ResourceKind) -> Result<Object, Rejection> {
    complete(value, kind).map(|(object, _)| object)
}

/// What cannot be read at all. The content of a custom object can always be read; whether it fits
/// is a question of its validity.
fn misfit(value: &Value, kind: &ResourceKind) -> Option<String> {
    let at = kind.schema.root();
    if !kind.custom {
        return type_error(value, at, "");
    }
    type_error(value.get("metadata")?, at.field_or_any("metadata"), "metadata")
}

/// Drops unknown fields, whose paths are returned too, and fills in defaults.
fn complete(mut value: Value, kind: &ResourceKind) -> Result<(Object, Vec<String>), Rejection> {
    let at = kind.schema.root();
    let dialect = if kind.custom { Dialect::Custom } else { Dialect::BuiltIn };
    let mut dropped = prune(&mut value, at, dialect);
    if let Some(metadata) = value.get_mut("metadata").filter(|_| kind.custom) {
        dropped.extend(prune(metadata, at.field_or_any("metadata"), Dialect::BuiltIn));
    }
    apply_defaults(&mut value, at);
    let mut object = Object::from_value(value).map_err(Rejection::bad_request)?;
    object.content.insert("apiVersion".into(), kind.api_version().into());
    object.content.insert("kind".into(), kind.kind.clone().into());
    strategy::defaults::apply(kind, &mut object);
    Ok((object, dropped))
}

/// As [`object`], for the result of a patch: what does not fit is an invalid patch.
pub(crate) fn patched(value: Value, kind: &ResourceKind, strict: bool) -> Result<Object, Rejection> {
    object(value, kind, strict).map_err(|rejection| {
        let message = format!("Invalid value: {}", rejection.message);
        let cause = Cause { reason: "FieldValueInvalid".into(), message, field: "patch".into() };
        Rejection::invalid("", "", "", vec![cause])
    })
}

/// An object of a kind with nothing in it.
pub(crate) fn empty(kind: &ResourceKind) -> Object {
    let mut content = Fields::new();
    content.insert("apiVersion".into(), kind.api_version().into());
    content.insert("kind".into(), kind.kind.clone().into());
    Object { metadata: Fields::new(), content }
}

/// Checks that an object has the namespace of the path, and sets it when it has none.
pub(crate) fn place(object: &mut Object, call: &Call<'_>) -> Result<(), Rejection> {
    if !call.kind.namespaced {
        // Kubernetes silently drops a namespace that makes no sense.
        object.metadata.remove("namespace");
        return Ok(());
    }
    match object.namespace() {
        "" => object.set_meta("namespace", call.namespace),
        namespace if namespace == call.namespace => {}
        _ => {
            return Err(Rejection::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(())
}

/// Checks that an object has the name of the path.
pub(crate) fn named(object: &Object, call: &Call<'_>) -> Result<(), Rejection> {
    match object.name() {
        name if name == call.name => Ok(()),
        "" => Err(Rejection::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            call.name
        ))),
        name => Err(Rejection::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.name
        ))),
    }
}

/// Whether unknown fields are an error for this request.
pub(crate) fn is_strict(call: &Call<'_>) -> bool {
    call.request.query.get("fieldValidation") == "Strict"
}
