//! Which fields differ between two versions of an object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    atom::{Atom, identified, nothing_inside},
    field_set::FieldSet,
    path::PathElement,
};
use crate::schema::At;

/// The difference between two versions. A field is in one of the sets at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// In the old version only.
    pub(crate) removed: FieldSet,
    /// In both, with different values.
    pub(crate) modified: FieldSet,
    /// In the new version only.
    pub(crate) added: FieldSet,
}

impl Difference {
    /// The difference outside the given fields.
    pub(crate) fn outside(self, fields: &FieldSet) -> Self {
        Self {
            removed: self.removed.outside(fields),
            modified: self.modified.outside(fields),
            added: self.added.outside(fields),
        }
    }
}

/// Compares two versions.
pub(crate) fn compare(old: &Value, new: &Value, at: At<'_>) -> Difference {
    let mut difference = Difference::default();
    Walk { difference: &mut difference, path: Vec::new() }.both(Some(old), Some(new), at);
    difference
}

struct Walk<'d> {
    difference: &'d mut Difference,
    path: Vec<PathElement>,
}

impl Walk<'_> {
    fn both(&mut self, old: Option<&Value>, new: Option<&Value>, at: At<'_>) {
        let atom = |value: &Value| Atom::of(value, at);
        let leaf = match (old.map(atom), new.map(atom)) {
            (None, None) => return,
            (Some(one), None) | (None, Some(one)) => self.one_kind(old, new, one),
            (Some(one), Some(other)) if one.same_kind(&other) => self.one_kind(old, new, other),
            (Some(one), Some(other)) => {
                // The value changed its kind, which only a free-form place allows.
                self.one_kind(old, new, one) | self.one_kind(old, new, other)
            }
        };
        if !leaf {
            match (old, new) {
                (None, _) => self.difference.added.insert(&self.path),
                (_, None) => self.difference.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    /// Compares as the given kind; true when the place was taken as a leaf.
    fn one_kind(&mut self, old: Option<&Value>, new: Option<&Value>, atom: Atom<'_>) -> bool {
        match atom {
            Atom::Leaf(_) => self.leaf(old, new),
            _ if nothing_inside(&atom, [old, new]) => self.leaf(old, new),
            Atom::Map(at) => {
                let (old, new) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
                let names: BTreeSet<&String> =
                    old.into_iter().chain(new).flat_map(|fields| fields.keys()).collect();
                for name in names {
                    let (old, new) = (old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)));
                    self.down(PathElement::field(name), old, new, at.field_or_any(name));
                }
                false
            }
            Atom::List(at) => {
                let old = old.map(|old| identified(old, at)).unwrap_or_default();
                let new = new.map(|new| identified(new, at)).unwrap_or_default();
                let find = |items: &[(PathElement, &Value)], step: &PathElement| {
                    items.iter().position(|(other, _)| other == step)
                };
                for (step, item) in &old {
                    let other = find(&new, step).and_then(|at| new.get(at)).map(|(_, item)| *item);
                    self.down(step.clone(), Some(item), other, at.item());
                }
                for (step, item) in new.iter().filter(|(step, _)| find(&old, step).is_none()) {
                    self.down(step.clone(), None, Some(item), at.item());
                }
                false
            }
        }
    }

    fn down(&mut self, step: PathElement, old: Option<&Value>, new: Option<&Value>, at: At<'_>) {
        self.path.push(step);
        self.both(old, new, at);
        self.path.pop();
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.difference.added.insert(&self.path),
            (_, None) => self.difference.removed.insert(&self.path),
            (old, new) if old != new => self.difference.modified.insert(&self.path),
            _ => {}
        }
        true
    }
}
