//! Finding the way in a kubeconfig document that may hold anything.

use serde_json::{Map, Value};

use super::error::KubeconfigError;

/// Largest document, in bytes: what a Secret can hold.
const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting; a kubeconfig with a credential plug-in needs 8.
const MAX_DEPTH: usize = 32;
/// Most YAML nodes; thousands of contexts fit.
const MAX_NODES: usize = 50_000;
/// Most aliases and the events that they may replay: enough for a hand-written anchor, not for a
/// document that multiplies itself.
const MAX_ALIASES: usize = 64;
const MAX_REPLAYED: usize = 10_000;
/// Names that an error lists, and the characters it shows of each.
const SHOWN_NAMES: usize = 8;
const SHOWN_CHARS: usize = 80;

/// The fields of one entry (cluster, user or context).
pub(super) type Fields = Map<String, Value>;

/// Reads a document within its limits.
pub(super) fn parse(bytes: &[u8]) -> Result<Fields, KubeconfigError> {
    if bytes.len() > MAX_BYTES {
        return Err(KubeconfigError::TooLarge { size: bytes.len(), limit: MAX_BYTES });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_BYTES),
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_documents: 1,
            max_inclusion_depth: 0,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
        // A snippet would quote the document, credentials included.
        with_snippet: false,
    };
    let document: Value =
        serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| KubeconfigError::NotYaml {
            place: error.location().map(|location| (location.line(), location.column())),
        })?;
    let Value::Object(fields) = document else {
        return Err(KubeconfigError::NotAKubeconfig("it is not a mapping"));
    };
    match fields.get("kind") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "Config" || kind.is_empty() => {}
        Some(_) => return Err(KubeconfigError::NotAKubeconfig("its kind is not Config")),
    }
    Ok(fields)
}

/// The body of the one entry of a list that has this name, such as `cluster` in `clusters`.
pub(super) fn entry<'a>(
    document: &'a Fields,
    list: &'static str,
    body: &'static str,
    name: &str,
) -> Result<Option<&'a Fields>, KubeconfigError> {
    let mut found = None;
    for candidate in entries(document, list)? {
        if candidate.get("name").and_then(Value::as_str) != Some(name) {
            continue;
        }
        if found.is_some() {
            return Err(KubeconfigError::Ambiguous { what: list, name: shown(name) });
        }
        found = Some(candidate);
    }
    match found.map(|entry| entry.get(body)) {
        None => Ok(None),
        Some(Some(Value::Object(fields))) => Ok(Some(fields)),
        Some(_) => Err(KubeconfigError::WrongType { field: body, expected: "a mapping" }),
    }
}

/// Names of the contexts, for a message.
pub(super) fn context_names(document: &Fields) -> String {
    let Ok(entries) = entries(document, "contexts") else { return "none".to_owned() };
    let names: Vec<String> = entries.filter_map(|entry| entry.get("name")?.as_str().map(shown)).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN_NAMES => {
            format!(
                "{} and {} more",
                names.iter().take(SHOWN_NAMES).cloned().collect::<Vec<_>>().join(", "),
                count - SHOWN_NAMES
            )
        }
        _ => names.join(", "),
    }
}

fn entries<'a>(
    document: &'a Fields,
    list: &'static str,
) -> Result<impl Iterator<Item = &'a Fields> + use<'a>, KubeconfigError> {
    let entries = match document.get(list) {
        None | Some(Value::Null) => [].as_slice(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(KubeconfigError::WrongType { field: list, expected: "a list" }),
    };
    Ok(entries.iter().filter_map(Value::as_object))
}

/// A string field; unset, null and empty are the same, as for kubectl.
pub(super) fn text<'a>(fields: &'a Fields, field: &'static str) -> Result<Option<&'a str>, KubeconfigError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KubeconfigError::WrongType { field, expected: "a string (quote it)" }),
    }
}

/// Whether a field says anything: not unset, null, false, empty.
pub(super) fn says_something(fields: &Fields, field: &str) -> bool {
    match fields.get(field) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Bool(true) | Value::Number(_)) => true,
    }
}

/// A name of the document as a message shows it.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}
