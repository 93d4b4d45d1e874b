//! Upstream's CRDs of 0.3.5, from the table of their fields that the API's tests compare ours with.
//!
//! What the table does not tell (the columns, most rules) is left out, and a type of Kubernetes in it takes
//! anything. So these are CRDs of another make with the same fields, types, defaults and enums, which is
//! what an upgrade meets.

use anyhow::{Context, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

use super::helm::root;

const GROUP: &str = "fleetconfig.open-cluster-management.io";

/// The three CRDs.
pub(crate) fn upstream_crds() -> Result<Vec<CustomResourceDefinition>> {
    [("FleetConfig", "v1alpha1"), ("Hub", "v1beta1"), ("Spoke", "v1beta1")]
        .into_iter()
        .map(|(kind, version)| crd(kind, version))
        .collect()
}

fn crd(kind: &str, version: &str) -> Result<CustomResourceDefinition> {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let table = root().join(format!("crates/fleetconfig-api/tests/api/upstream-0.3.5/{plural}.tsv"));
    let text = std::fs::read_to_string(&table).with_context(|| format!("reading {}", table.display()))?;
    // The table is of the spec.
    let status = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let mut schema = json!({ "type": "object", "properties": { "status": status } });
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let (path, type_) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let (required, rules) = (cells.next() == Some("required"), cells.next().unwrap_or_default());
        place(&mut schema, path, field(type_, rules)?, required).with_context(|| format!("{kind} {path}"))?;
    }
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{GROUP}") },
        "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": { "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular },
            "versions": [{ "name": version, "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} } }],
        },
    });
    Ok(serde_json::from_value(crd)?)
}

/// The schema of a field.
fn field(type_: &str, rules: &str) -> Result<Value> {
    let object = || json!({ "type": "object", "properties": {} });
    let anything = || json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let mut schema = match type_ {
        "object" => object(),
        "[]object" => json!({ "type": "array", "items": object() }),
        "string" => json!({ "type": "string" }),
        "string/byte" => json!({ "type": "string", "format": "byte" }),
        "[]string" => json!({ "type": "array", "items": { "type": "string" } }),
        "map[string]string" => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        "bool" => json!({ "type": "boolean" }),
        "integer" => json!({ "type": "integer" }),
        "integer/int32" => json!({ "type": "integer", "format": "int32" }),
        "integer/int64" => json!({ "type": "integer", "format": "int64" }),
        _ if type_.starts_with("[]") => json!({ "type": "array", "items": anything() }),
        _ if type_.starts_with("core/v1 ") => anything(),
        _ => bail!("the table has an unknown type: {type_}"),
    };
    let fields = schema.as_object_mut().context("a schema is an object")?;
    for rule in rules.split("; ") {
        if let Some(values) = rule.strip_prefix("enum=") {
            let words: Vec<Value> = values.split(" / ").map(|word| value(word, type_)).collect();
            fields.insert("enum".to_owned(), words.into());
        } else if let Some(given) = rule.strip_prefix("default=") {
            let given = serde_json::from_str(given).with_context(|| format!("default {given}"))?;
            fields.insert("default".to_owned(), given);
        }
    }
    Ok(schema)
}

/// A word of an enum.
fn value(word: &str, type_: &str) -> Value {
    match word.parse::<i64>() {
        Ok(number) if type_.starts_with("integer") => number.into(),
        _ => word.trim_matches('"').into(),
    }
}

/// Puts a field where its path says; parents come before.
fn place(schema: &mut Value, path: &str, field: Value, required: bool) -> Result<()> {
    let mut parent = schema;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let name = name.trim_end_matches("[]");
        let own: &mut Map<String, Value> = parent.as_object_mut().context("the parent is no object")?;
        let own = match own.get("items") {
            Some(_) => own.get_mut("items").and_then(Value::as_object_mut).context("items are no object")?,
            None => own,
        };
        if names.peek().is_some() {
            parent = own
                .get_mut("properties")
                .and_then(|all| all.get_mut(name))
                .context("the parent is missing")?;
            continue;
        }
        if required {
            let all = own.entry("required").or_insert_with(|| json!([]));
            all.as_array_mut().context("required is no list")?.push(name.into());
        }
        let all = own.entry("properties").or_insert_with(|| json!({}));
        all.as_object_mut().context("properties are no object")?.insert(name.to_owned(), field);
        break;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_make_crds_with_the_fields_of_upstream() {
        let crds = upstream_crds().expect("three CRDs");
        let text = serde_json::to_value(&crds).expect("JSON").to_string();
        for field in ["purgeKlusterletOperator", "bundleVersion", "autoApprovedARNPatterns"] {
            assert!(text.contains(field), "{field}");
        }
        assert!(!text.contains("deletionPolicy"), "that field is ours");
    }
}
