//! Reading JSON schemas: those that k8s-openapi generates, and the ones in CRDs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Kind, Limits, ListType, Node, NodeId, rules::Rules};
use crate::object::{Fields, texts};

/// Where a schema comes from, because the two say "anything goes" differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Generated from Kubernetes' own types: an object without fields is free-form.
    BuiltIn,
    /// From a CRD: an object without fields has none, unless it says otherwise.
    Custom,
}

/// Reads schemas into one list of nodes.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    definitions: &'a Fields,
    rules: &'a Rules,
    nodes: Vec<Node>,
    known: BTreeMap<String, NodeId>,
}

impl<'a> Parser<'a> {
    /// A parser that resolves `$ref` among `definitions`.
    pub(crate) fn new(definitions: &'a Fields, rules: &'a Rules) -> Self {
        Self { definitions, rules, nodes: Vec::new(), known: BTreeMap::new() }
    }

    /// The nodes read so far.
    pub(crate) fn finish(self) -> Vec<Node> {
        self.nodes
    }

    /// Adds a node.
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Changes a node that was read.
    pub(crate) fn amend(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(id) {
            change(node);
        }
    }

    /// Reads the definition with this name. A definition may refer to itself.
    pub(crate) fn definition(&mut self, name: &str) -> NodeId {
        if let Some(id) = self.known.get(name) {
            return *id;
        }
        let id = self.push(Node::default());
        self.known.insert(name.into(), id);
        if let Some(schema) = self.definitions.get(name) {
            let mut node = self.node(schema, Dialect::BuiltIn);
            self.rule_fields(name, &mut node);
            if let Some(slot) = self.nodes.get_mut(id) {
                *slot = node;
            }
        }
        id
    }

    /// Reads a schema.
    pub(crate) fn schema(&mut self, schema: &Value, dialect: Dialect) -> NodeId {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
                self.definition(&name)
            }
            None => {
                let node = self.node(schema, dialect);
                self.push(node)
            }
        }
    }

    fn node(&mut self, schema: &Value, dialect: Dialect) -> Node {
        let flag = |key: &str| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
        let mut node = Node {
            kind: kind_of(schema),
            atomic: schema.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"),
            open: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            nullable: flag("nullable"),
            required: texts(schema.get("required")).into_iter().map(str::to_owned).collect(),
            default: schema.get("default").cloned(),
            limits: limits_of(schema),
            list: list_type_of(schema),
            ..Node::default()
        };
        if let Some(Value::Object(properties)) = schema.get("properties") {
            for (name, schema) in properties {
                let id = self.schema(schema, dialect);
                node.fields.insert(name.clone(), id);
            }
        }
        match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => node.values = Some(self.schema(values, dialect)),
            Some(Value::Bool(true)) => node.open = true,
            _ => {}
        }
        if let Some(items) = schema.get("items") {
            node.items = Some(self.schema(items, dialect));
        }
        if dialect == Dialect::BuiltIn
            && node.kind == Kind::Object
            && node.fields.is_empty()
            && node.values.is_none()
        {
            // RawExtension, JSON, FieldsV1: their content is nobody's business. They may hold any
            // JSON value; structs that are empty today (none of ours) would be treated alike.
            node.kind = Kind::Any;
            node.open = true;
        }
        if node.kind == Kind::Any {
            node.open = true;
        }
        node
    }

    /// Adds what Kubernetes knows about a definition but its published types do not say.
    fn rule_fields(&mut self, name: &str, node: &mut Node) {
        let Some(rules) = self.rules.of(name) else { return };
        node.atomic |= rules.atomic;
        for (field, rule) in &rules.fields {
            let Some(id) = node.fields.get(*field).copied() else { continue };
            // The field may share its node with others (a definition), so it gets its own.
            let Some(mut own) = self.nodes.get(id).cloned() else { continue };
            if let Some(list) = &rule.list {
                own.list = list.clone();
            }
            if let Some(default) = &rule.default {
                own.default = Some(default.clone());
            }
            own.atomic |= rule.atomic;
            let id = self.push(own);
            node.fields.insert((*field).into(), id);
        }
    }
}

fn kind_of(schema: &Value) -> Kind {
    if schema.get("x-kubernetes-int-or-string").and_then(Value::as_bool) == Some(true) {
        return Kind::IntOrString;
    }
    let name = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        other => other.and_then(Value::as_str),
    };
    match name {
        Some("object") => Kind::Object,
        Some("array") => Kind::Array,
        Some("string") => Kind::String,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        _ => Kind::Any,
    }
}

fn list_type_of(schema: &Value) -> ListType {
    match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => ListType::Set,
        Some("map") => {
            let keys = texts(schema.get("x-kubernetes-list-map-keys"));
            ListType::Map(keys.into_iter().map(str::to_owned).collect())
        }
        _ => ListType::Atomic,
    }
}

fn limits_of(schema: &Value) -> Option<Box<Limits>> {
    let count = |key: &str| schema.get(key).and_then(Value::as_u64);
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    let limits = Limits {
        one_of: schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        pattern: schema
            .get("pattern")
            .and_then(Value::as_str)
            .and_then(|pattern| regex::Regex::new(pattern).ok()),
        minimum: number("minimum"),
        maximum: number("maximum"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        max_properties: count("maxProperties"),
    };
    let some = !limits.one_of.is_empty()
        || limits.pattern.is_some()
        || limits.minimum.is_some()
        || limits.maximum.is_some()
        || [limits.min_length, limits.max_length, limits.min_items, limits.max_items, limits.max_properties]
            .iter()
            .any(Option::is_some);
    some.then(|| Box::new(limits))
}
