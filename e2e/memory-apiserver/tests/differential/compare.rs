//! What must be equal in two answers, and where it is not.

use serde_json::{Value, json};

/// What must be equal: everything but what each server makes up.
pub(crate) fn essence(mut answer: Value) -> Value {
    if answer["kind"] == "Status" {
        let causes = answer["details"]["causes"].as_array().cloned().unwrap_or_default();
        let mut causes: Vec<Value> =
            causes.into_iter().map(|cause| json!([cause["reason"], cause["field"]])).collect();
        causes.sort_by_key(Value::to_string);
        causes.dedup();
        return json!({"reason": answer["reason"], "causes": causes});
    }
    if let Some(metadata) = answer["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(field);
        }
        for entry in metadata.get_mut("managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                let timed = entry.remove("time").is_some();
                entry.insert("timed".into(), timed.into());
            }
        }
        // Entries are sorted by time, of which the two servers have their own.
        if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            entries.sort_by_key(Value::to_string);
        }
    }
    // A status of a built-in kind may show empty structs, texts and times that nobody set.
    strip_zeros(&mut answer["status"]);
    if answer["status"] == json!({}) || answer["status"].is_null() {
        answer.as_object_mut().unwrap().remove("status");
    }
    answer
}

/// Where two answers differ.
pub(crate) fn differ(real: &Value, memory: &Value, path: &str, found: &mut Vec<String>) {
    match (real, memory) {
        (Value::Object(one), Value::Object(other)) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                differ(&real[name], &memory[name], &format!("{path}/{name}"), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(one, other, &format!("{path}/{index}"), found);
            }
        }
        _ if real != memory => found.push(format!("{path}: real {real}, memory {memory}")),
        _ => {}
    }
}

/// Takes out what Go shows of fields that nobody set.
fn strip_zeros(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null() && value != "");
            fields.values_mut().for_each(strip_zeros);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_zeros),
        _ => {}
    }
}
