//! The kinds that a CustomResourceDefinition describes.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    Generation, ResourceKind, ScalePaths,
    builtin::{METADATA_DEFINITIONS, OBJECT_META},
};
use crate::{
    object::{Object, texts},
    schema::{Dialect, Kind, Node, Parser, RULES, Schema},
};

/// The served versions of the kind that a CRD describes, the preferred one first.
pub(crate) fn kinds_of(crd: &Object) -> Vec<ResourceKind> {
    let text = |path: &[&str]| crd.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |path: &[&str]| texts(crd.at(path)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let versions = crd.at(&["spec", "versions"]).and_then(Value::as_array);
    let mut kinds: Vec<ResourceKind> = versions
        .into_iter()
        .flatten()
        .filter(|version| version.get("served").and_then(Value::as_bool).unwrap_or(false))
        .map(|version| {
            let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
            let subresource =
                |name: &str| version.get("subresources").and_then(|found| found.get(name)).cloned();
            let kind = text(&["spec", "names", "kind"]);
            let plural = text(&["spec", "names", "plural"]);
            let or = |given: String, default: String| if given.is_empty() { default } else { given };
            ResourceKind {
                list_kind: or(text(&["spec", "names", "listKind"]), format!("{kind}List")),
                singular: or(text(&["spec", "names", "singular"]), kind.to_lowercase()),
                short_names: list(&["spec", "names", "shortNames"]),
                categories: list(&["spec", "names", "categories"]),
                namespaced: text(&["spec", "scope"]) == "Namespaced",
                custom: true,
                status: subresource("status").is_some(),
                scale: subresource("scale").as_ref().map(scale_of),
                generation: Generation::Content,
                unconditional_update: false,
                returns_deleted: false,
                selectable: selectable_of(version),
                ..ResourceKind::new(&text(&["spec", "group"]), name, &kind, &plural, schema_of(version))
            }
        })
        .collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(version_priority(&kind.version)));
    kinds
}

/// The order in which Kubernetes prefers versions: GA before beta before alpha, then by number.
pub(crate) fn version_priority(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        (digits.parse().unwrap_or(0), text.get(digits.len()..).unwrap_or_default().to_owned())
    };
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let (major, rest) = number(rest);
    let stage = |rest: &str, prefix: &str| rest.strip_prefix(prefix).map(|rest| number(rest).0);
    match (rest.as_str(), stage(&rest, "beta"), stage(&rest, "alpha")) {
        ("", _, _) => (3, major, 0),
        (_, Some(minor), _) => (2, major, minor),
        (_, _, Some(minor)) => (1, major, minor),
        _ => (0, 0, 0),
    }
}

fn schema_of(version: &Value) -> Schema {
    let mut parser = Parser::new(&METADATA_DEFINITIONS, &RULES);
    let declared = version.get("schema").and_then(|schema| schema.get("openAPIV3Schema"));
    let root = match declared {
        Some(schema) => parser.schema(schema, Dialect::Custom),
        None => parser.push(Node { kind: Kind::Object, open: true, ..Node::default() }),
    };
    let metadata = parser.definition(OBJECT_META);
    let text = parser.push(Node { kind: Kind::String, ..Node::default() });
    parser.amend(root, |node| {
        node.kind = Kind::Object;
        node.fields.insert("metadata".into(), metadata);
        node.fields.insert("apiVersion".into(), text);
        node.fields.insert("kind".into(), text);
        node.required.retain(|field| field != "metadata");
    });
    Schema::new(parser.finish().into(), root)
}

fn path_of(json_path: &Value) -> Vec<String> {
    let path = json_path.as_str().unwrap_or_default();
    path.split('.').filter(|field| !field.is_empty()).map(str::to_owned).collect()
}

fn scale_of(scale: &Value) -> ScalePaths {
    let path = |key: &str| scale.get(key).map(path_of);
    ScalePaths {
        spec_replicas: path("specReplicasPath").unwrap_or_default(),
        status_replicas: path("statusReplicasPath").unwrap_or_default(),
        selector: path("labelSelectorPath"),
    }
}

fn selectable_of(version: &Value) -> Vec<(Cow<'static, str>, Vec<String>)> {
    let fields = version.get("selectableFields").and_then(Value::as_array);
    fields
        .into_iter()
        .flatten()
        .filter_map(|field| field.get("jsonPath"))
        .map(|path| {
            let path = path_of(path);
            (Cow::Owned(path.join(".")), path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_and_more_stable_versions_are_preferred() {
        let mut versions = vec!["v1alpha1", "v1", "v2beta1", "v1beta2", "v10", "foo"];
        versions.sort_by_key(|version| std::cmp::Reverse(version_priority(version)));
        assert_eq!(versions, ["v10", "v1", "v2beta1", "v1beta2", "v1alpha1", "foo"]);
    }
}
