//! A set of fields, as a tree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::path::PathElement;
use crate::schema::At;

/// A set of paths. A path can be in the set itself, have longer paths in the set, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    members: BTreeSet<PathElement>,
    children: BTreeMap<PathElement, FieldSet>,
}

impl FieldSet {
    /// A set of paths given by field names.
    pub(crate) fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Vec<PathElement> = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Whether no path is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Adds a path. The empty path stands for the whole object, which nobody owns.
    pub(crate) fn insert(&mut self, path: &[PathElement]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Adds a step with everything below it.
    pub(crate) fn put(&mut self, step: PathElement, member: bool, below: Self) {
        if member {
            self.members.insert(step.clone());
        }
        if !below.is_empty() {
            let merged = match self.children.remove(&step) {
                Some(there) => there.union(&below),
                None => below,
            };
            self.children.insert(step, merged);
        }
    }

    /// Whether the step itself is in the set.
    pub(crate) fn has(&self, step: &PathElement) -> bool {
        self.members.contains(step)
    }

    /// What is in the set below a step; `None` when nothing is.
    pub(crate) fn below(&self, step: &PathElement) -> Option<&Self> {
        self.children.get(step).filter(|below| !below.is_empty())
    }

    /// Paths of either set.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut children = self.children.clone();
        for (step, below) in &other.children {
            let merged = children.get(step).map_or_else(|| below.clone(), |there| there.union(below));
            children.insert(step.clone(), merged);
        }
        Self { members: self.members.union(&other.members).cloned().collect(), children }.compact()
    }

    /// Paths of both sets.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(step, below)| {
            other.children.get(step).map(|there| (step.clone(), below.intersection(there)))
        });
        let members = self.members.intersection(&other.members).cloned().collect();
        Self { members, children: children.collect() }.compact()
    }

    /// Paths of this set that are not in the other.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().map(|(step, below)| {
            let left =
                other.children.get(step).map_or_else(|| below.clone(), |there| below.difference(there));
            (step.clone(), left)
        });
        let members = self.members.difference(&other.members).cloned().collect();
        Self { members, children: children.collect() }.compact()
    }

    /// Paths of this set that are neither in the other nor below a path of it.
    pub(crate) fn outside(&self, other: &Self) -> Self {
        let children =
            self.children.iter().filter(|(step, _)| !other.members.contains(step)).map(|(step, below)| {
                let left =
                    other.children.get(step).map_or_else(|| below.clone(), |there| below.outside(there));
                (step.clone(), left)
            });
        let members = self.members.difference(&other.members).cloned().collect();
        Self { members, children: children.collect() }.compact()
    }

    /// The set together with every declared field on the way to one of its paths. Removing such a
    /// set removes a struct whole instead of leaving an empty one behind.
    pub(crate) fn with_declared_parents(&self, at: At<'_>) -> Self {
        let mut members = self.members.clone();
        let children = self.children.iter().map(|(step, below)| {
            let place = match step {
                PathElement::Field(name) => {
                    if at.declared(name).is_some() {
                        members.insert(step.clone());
                    }
                    at.field_or_any(name)
                }
                _ => at.item(),
            };
            (step.clone(), below.with_declared_parents(place))
        });
        let children = children.collect();
        Self { members, children }
    }

    /// Every path, in order.
    pub(crate) fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<PathElement>, paths: &mut Vec<Vec<PathElement>>) {
        let steps: BTreeSet<&PathElement> = self.members.iter().chain(self.children.keys()).collect();
        for step in steps {
            prefix.push(step.clone());
            if self.members.contains(step) {
                paths.push(prefix.clone());
            }
            if let Some(below) = self.children.get(step) {
                below.collect(prefix, paths);
            }
            prefix.pop();
        }
    }

    /// The set as `fieldsV1`.
    pub(crate) fn to_fields_v1(&self) -> Value {
        let mut fields = Map::new();
        for step in &self.members {
            if self.below(step).is_none() {
                fields.insert(step.text(), Value::Object(Map::new()));
            }
        }
        for (step, below) in &self.children {
            let mut inner = below.to_fields_v1();
            if self.members.contains(step)
                && let Value::Object(inner) = &mut inner
            {
                inner.insert(".".into(), Value::Object(Map::new()));
            }
            fields.insert(step.text(), inner);
        }
        Value::Object(fields)
    }

    /// Reads `fieldsV1`. Steps that nobody knows are dropped.
    pub(crate) fn from_fields_v1(value: &Value) -> Self {
        let mut set = Self::default();
        for (text, inner) in value.as_object().into_iter().flatten() {
            let Some(step) = PathElement::parse(text) else { continue };
            let below = Self::from_fields_v1(inner);
            let member = inner.get(".").is_some() || below.is_empty();
            set.put(step, member, below);
        }
        set
    }

    fn compact(mut self) -> Self {
        self.children.retain(|_, below| !below.is_empty());
        self
    }
}
