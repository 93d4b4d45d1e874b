//! What the server knows about the shape of a kind: types, defaults, and how lists merge.
//!
//! One representation serves the built-in kinds (from k8s-openapi) and custom ones (from the
//! schema in their CRD).

mod default;
mod parse;
mod prune;
mod rules;
mod structs;
mod validate;

use std::{collections::BTreeMap, sync::Arc, sync::LazyLock};

use serde_json::Value;

pub(crate) use default::apply_defaults;
pub(crate) use parse::{Dialect, Parser};
pub(crate) use prune::{drop_nulls, prune};
pub(crate) use rules::RULES;
pub(crate) use structs::with_structs;
pub(crate) use validate::{type_error, validate};

/// Index of a node in its schema.
pub(crate) type NodeId = usize;

/// The type that a value must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything.
    #[default]
    Any,
    /// A struct (with `fields`) or a map (with `values`).
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A number or a text: `IntOrString`, `Quantity`.
    IntOrString,
}

/// How two versions of a list are merged by server-side apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListType {
    /// The list is one value.
    #[default]
    Atomic,
    /// The items are scalars, each owned by itself.
    Set,
    /// The items are objects, told apart by these fields.
    Map(Vec<String>),
}

/// Limits on a value; all optional.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) one_of: Vec<Value>,
    pub(crate) pattern: Option<regex::Regex>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) max_properties: Option<u64>,
}

/// One place in a schema.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Declared fields of a struct.
    pub(crate) fields: BTreeMap<String, NodeId>,
    /// Type of the values of a map.
    pub(crate) values: Option<NodeId>,
    /// Type of the items of a list.
    pub(crate) items: Option<NodeId>,
    pub(crate) list: ListType,
    /// The map or struct is one value for server-side apply.
    pub(crate) atomic: bool,
    /// Undeclared fields are kept.
    pub(crate) open: bool,
    /// An object with `apiVersion`, `kind` and `metadata` of its own.
    pub(crate) embedded: bool,
    pub(crate) nullable: bool,
    pub(crate) required: Vec<String>,
    pub(crate) default: Option<Value>,
    pub(crate) limits: Option<Box<Limits>>,
}

/// The schema of a kind. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    nodes: Arc<[Node]>,
    root: NodeId,
}

static ANY: LazyLock<Node> = LazyLock::new(|| Node { open: true, nullable: true, ..Node::default() });

impl Schema {
    pub(crate) fn new(nodes: Arc<[Node]>, root: NodeId) -> Self {
        Self { nodes, root }
    }

    /// A schema that accepts everything.
    pub(crate) fn any() -> Self {
        Self { nodes: Arc::new([]), root: 0 }
    }

    /// The top of the schema.
    pub(crate) fn root(&self) -> At<'_> {
        At::find(&self.nodes, self.root)
    }
}

/// A place in a schema, from which one can go down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    nodes: &'a [Node],
    /// What is declared here.
    pub(crate) node: &'a Node,
}

impl<'a> At<'a> {
    fn find(nodes: &'a [Node], id: NodeId) -> Self {
        // Where the schema says nothing, everything goes.
        Self { nodes, node: nodes.get(id).unwrap_or(&ANY) }
    }

    /// The place of a field that the schema declares by name.
    pub(crate) fn declared(self, name: &str) -> Option<Self> {
        self.node.fields.get(name).map(|id| Self::find(self.nodes, *id))
    }

    /// The place of a field, declared by name or by being the value of a map; `None` when the
    /// schema does not know it.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        let known = self.declared(name).or_else(|| self.node.values.map(|id| Self::find(self.nodes, id)));
        match known {
            None if self.node.open => Some(Self { nodes: self.nodes, node: &ANY }),
            known => known,
        }
    }

    /// As [`At::field`], with "anything" for what the schema does not know.
    pub(crate) fn field_or_any(self, name: &str) -> Self {
        self.field(name).unwrap_or(Self { nodes: self.nodes, node: &ANY })
    }

    /// The place of the items of a list.
    pub(crate) fn item(self) -> Self {
        match self.node.items {
            Some(id) => Self::find(self.nodes, id),
            None => Self { nodes: self.nodes, node: &ANY },
        }
    }

    /// The declared fields with their places.
    pub(crate) fn declared_fields(self) -> impl Iterator<Item = (&'a str, At<'a>)> {
        self.node.fields.iter().map(move |(name, id)| (name.as_str(), Self::find(self.nodes, *id)))
    }
}
