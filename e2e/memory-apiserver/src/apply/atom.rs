//! How a value takes part in a merge: as one piece, as a map, or as a list with identities.

use serde_json::Value;

use super::path::PathElement;
use crate::schema::{At, Kind, ListType};

/// The role of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Atom<'a> {
    /// One piece: a scalar, an atomic list or an atomic map.
    Leaf(LeafKind),
    /// A struct or a map whose fields are owned one by one.
    Map(At<'a>),
    /// A list whose items have an identity.
    List(At<'a>),
}

/// Which kind of single piece. Only matters to see that a value changed its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    Scalar,
    List,
    Map,
}

impl<'a> Atom<'a> {
    /// The role of a value at a place.
    pub(crate) fn of(value: &Value, at: At<'a>) -> Self {
        match (at.node.kind, value) {
            (Kind::Object, _) | (Kind::Any, Value::Object(_)) if at.node.atomic => Self::Leaf(LeafKind::Map),
            // Where anything goes, a null is first of all a map with nothing in it.
            (Kind::Object, _) | (Kind::Any, Value::Object(_) | Value::Null) => Self::Map(at),
            (Kind::Array, _) if at.node.list != ListType::Atomic => Self::List(at),
            (Kind::Array, _) | (Kind::Any, Value::Array(_)) => Self::Leaf(LeafKind::List),
            _ => Self::Leaf(LeafKind::Scalar),
        }
    }

    /// Whether two roles are of the same kind.
    pub(crate) fn same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(one), Self::Leaf(other)) => one == other,
            (Self::Map(_), Self::Map(_)) | (Self::List(_), Self::List(_)) => true,
            _ => false,
        }
    }
}

/// Why an item of a list has no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoIdentity(pub(crate) String);

/// The identity of an item of a set or list-map. `at` is the place of the list.
pub(crate) fn identity(item: &Value, at: At<'_>) -> Result<PathElement, NoIdentity> {
    let ListType::Map(keys) = &at.node.list else {
        return match item {
            Value::Object(_) | Value::Array(_) | Value::Null => {
                Err(NoIdentity(format!("an item of a set must be a scalar, not {item}")))
            }
            scalar => Ok(PathElement::value(scalar)),
        };
    };
    let Value::Object(fields) = item else {
        return Err(NoIdentity("an item of an associative list with keys must be an object".into()));
    };
    let found = keys.iter().filter_map(|key| {
        let default = || at.item().declared(key).and_then(|place| place.node.default.as_ref());
        fields.get(key).or_else(default).map(|value| (key.as_str(), value))
    });
    let found: Vec<(&str, &Value)> = found.collect();
    if found.is_empty() {
        return Err(NoIdentity(format!(
            "associative list with keys has an element that omits all key fields {keys:?} (and doesn't have \
             default values for any key fields)"
        )));
    }
    Ok(PathElement::key(found))
}

/// The items of a list with their identities; items without one, and further items with one that
/// was seen, are left out.
pub(crate) fn identified<'v>(list: &'v Value, at: At<'_>) -> Vec<(PathElement, &'v Value)> {
    let mut found: Vec<(PathElement, &Value)> = Vec::new();
    for item in list.as_array().into_iter().flatten() {
        if let Ok(step) = identity(item, at)
            && !found.iter().any(|(seen, _)| *seen == step)
        {
            found.push((step, item));
        }
    }
    found
}

/// Whether neither value has anything in it to descend to: they are not lists, or maps, of the kind
/// that is asked for, or empty ones. Such a place is one piece, which tells null, empty and absent
/// apart.
pub(crate) fn nothing_inside(atom: &Atom<'_>, values: [Option<&Value>; 2]) -> bool {
    values.into_iter().flatten().all(|value| match (atom, value) {
        (Atom::Map(_), Value::Object(fields)) => fields.is_empty(),
        (Atom::List(_), Value::Array(items)) => items.is_empty(),
        _ => true,
    })
}
