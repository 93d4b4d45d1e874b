//! The values of OCM's charts: those written inline laid over those in a ConfigMap.
//!
//! As upstream does it, inline wins wherever it says something: mappings are merged key by key, a
//! list replaces a list, and an empty text, list or mapping says nothing. Three things differ:
//!
//! - an explicit `false` or `0` counts as saying something (upstream can not tell it from "not set");
//! - a key that the chart does not have, in the ConfigMap, is an error that names it (upstream drops
//!   it; inline the schema of the CRD drops it before we see it);
//! - so is a value of the wrong type.
//!
//! Errors name paths and expected types, never a value, because values may be credentials.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Largest text of values, in bytes. The charts' own files, comments included, have 8 KiB.
const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting; an affinity goes 12 deep.
const MAX_DEPTH: usize = 32;
/// Most YAML nodes.
const MAX_NODES: usize = 20_000;
/// Most aliases and the events that they may replay: enough for anchors that somebody wrote, not for
/// a document that multiplies itself.
const MAX_ALIASES: usize = 64;
const MAX_REPLAYED: usize = 10_000;
/// Unknown keys that an error lists.
const SHOWN_KEYS: usize = 8;

/// Chart values that can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValuesError {
    /// The text is too long to be looked at.
    #[error("valuesFrom: the text has {size} bytes, {MAX_BYTES} are accepted; name a smaller key")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// The text is no YAML document within our limits.
    #[error("valuesFrom: the text is not one YAML document of sane size{}", place(*.line, *.column))]
    NotYaml {
        /// Line of the fault, from 1; 0 when unknown.
        line: u64,
        /// Column of the fault, from 1; 0 when unknown.
        column: u64,
    },
    /// The document is a list or a scalar.
    #[error("valuesFrom: a mapping of chart values was expected")]
    NotAMapping,
    /// Keys that the chart does not have.
    #[error("valuesFrom: the chart has no {}; correct or remove them", shown(.paths))]
    UnknownKeys {
        /// Their paths, sorted.
        paths: Vec<String>,
    },
    /// A value of the wrong type.
    #[error("{source_name}: {path} {problem}")]
    Malformed {
        /// `values` or `valuesFrom`.
        source_name: &'static str,
        /// Path of the value.
        path: String,
        /// What was expected.
        problem: String,
    },
}

fn place(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!(": line {line}, column {column}") }
}

fn shown(paths: &[String]) -> String {
    let mut text = paths.iter().take(SHOWN_KEYS).cloned().collect::<Vec<_>>().join(", ");
    if paths.len() > SHOWN_KEYS {
        text.push_str(&format!(" and {} more", paths.len() - SHOWN_KEYS));
    }
    text
}

/// Merges `inline` values over the text `from` of a ConfigMap key; the rules are those of the module.
///
/// # Errors
/// When the text is no mapping of chart values, has unknown keys, or the result has a value of the
/// wrong type.
pub fn merge<T>(inline: Option<&T>, from: Option<&str>) -> Result<T, ValuesError>
where
    T: Serialize + DeserializeOwned,
{
    let mut merged = match from {
        None => Value::Object(Map::new()),
        Some(text) => {
            let document = parse(text)?;
            let mut unknown = Vec::new();
            let typed = read::<T>(&document, "valuesFrom", |path| unknown.push(path))?;
            mapping_where_due(&document, &json_of("valuesFrom", &typed)?, &mut Vec::new())?;
            if !unknown.is_empty() {
                unknown.sort_unstable();
                return Err(ValuesError::UnknownKeys { paths: unknown });
            }
            document
        }
    };
    if let Some(inline) = inline {
        overlay(&mut merged, &json_of("values", inline)?);
    }
    read(&merged, "values", |_| ())
}

/// Lays `over` over `base`: mappings are merged, everything else that is not empty replaces.
pub(crate) fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key.as_str()).or_insert(Value::Null), value);
            }
            base.retain(|_, value| !value.is_null());
        }
        (base, over) if !is_empty(over) => *base = over.clone(),
        _ => {}
    }
}

/// Whether a value says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Reads a text that anybody who may write the ConfigMap has written.
fn parse(text: &str) -> Result<Value, ValuesError> {
    if text.len() > MAX_BYTES {
        return Err(ValuesError::TooLarge { size: text.len() });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
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
    let document: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location();
        ValuesError::NotYaml {
            line: place.map_or(0, |place| place.line()),
            column: place.map_or(0, |place| place.column()),
        }
    })?;
    match document {
        // An empty text, or one of comments only.
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(mut fields) => {
            for value in fields.values_mut() {
                quote_quantities(value);
            }
            Ok(Value::Object(fields))
        }
        _ => Err(ValuesError::NotAMapping),
    }
}

/// Makes text of the numbers among resource amounts (`cpu: 1`), which Kubernetes takes as well.
fn quote_quantities(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::Object(amounts) if key == "limits" || key == "requests" => {
                        for amount in amounts.values_mut().filter(|amount| amount.is_number()) {
                            *amount = Value::String(amount.to_string());
                        }
                    }
                    other => quote_quantities(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quote_quantities),
        _ => {}
    }
}

/// Reads typed values, telling `unknown` the paths of keys that the type does not have.
fn read<T: DeserializeOwned>(
    value: &Value,
    source_name: &'static str,
    mut unknown: impl FnMut(String),
) -> Result<T, ValuesError> {
    let mut track = serde_path_to_error::Track::new();
    let path_aware = serde_path_to_error::Deserializer::new(value, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| unknown(readable(&path.to_string()));
    let read = T::deserialize(serde_ignored::Deserializer::new(path_aware, &mut note));
    read.map_err(|error| ValuesError::Malformed {
        source_name,
        path: track.path().to_string(),
        problem: expectation(&error.to_string()),
    })
}

/// Refuses a list where the chart has a mapping: serde would take its items for the fields, in order.
fn mapping_where_due(document: &Value, typed: &Value, path: &mut Vec<String>) -> Result<(), ValuesError> {
    let mut deeper = |part: String, document: &Value, typed: &Value| {
        path.push(part);
        let result = mapping_where_due(document, typed, path);
        path.pop();
        result
    };
    match (document, typed) {
        (Value::Object(document), Value::Object(typed)) => typed.iter().try_for_each(|(key, typed)| {
            document.get(key).map_or(Ok(()), |document| deeper(key.clone(), document, typed))
        }),
        (Value::Array(document), Value::Array(typed)) => {
            let mut pairs = document.iter().zip(typed).enumerate();
            pairs.try_for_each(|(index, (document, typed))| deeper(index.to_string(), document, typed))
        }
        (Value::Array(_), Value::Object(_)) => Err(ValuesError::Malformed {
            source_name: "valuesFrom",
            path: readable(&path.join(".")),
            problem: "is not a mapping".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn json_of(source_name: &'static str, values: &impl Serialize) -> Result<Value, ValuesError> {
    serde_json::to_value(values).map_err(|_| ValuesError::Malformed {
        source_name,
        path: ".".to_owned(),
        problem: "can not be written as JSON".to_owned(),
    })
}

/// A path of serde_ignored in the form of serde_path_to_error: `[0]` for the items of a list, no
/// mark for optional values.
fn readable(path: &str) -> String {
    let mut readable = String::new();
    for part in path.split('.').filter(|part| *part != "?") {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            readable.push_str(&format!("[{part}]"));
        } else {
            if !readable.is_empty() {
                readable.push('.');
            }
            readable.push_str(part);
        }
    }
    readable
}

/// The part of serde's message that says what was expected, without the value that was found.
fn expectation(message: &str) -> String {
    if let Some((_, expected)) = message.split_once(", expected ") {
        format!("is not {}", if matches!(expected, "i32" | "i64") { "an integer" } else { expected })
    } else if message.starts_with("missing field") {
        format!("has a {message}")
    } else {
        "is not of the form that the chart takes".to_owned()
    }
}

/// The SHA-256, in hex, of a value as JSON with sorted keys: the same for the same content, whatever
/// the order in which it was written, and whether whole numbers were written as such.
pub fn content_hash(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a number is a whole one that a float holds exactly.
fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for key in keys {
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                if let Some(value) = fields.get(key) {
                    write_canonical(value, text);
                }
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        // The API server gives 180.0 back as 180.
        Value::Number(number) => match number.as_f64().filter(|float| is_whole(*float)) {
            Some(float) if number.is_f64() => text.push_str(&format!("{float:.0}")),
            _ => text.push_str(&number.to_string()),
        },
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests;
