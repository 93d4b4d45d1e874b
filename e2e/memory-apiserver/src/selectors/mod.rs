//! Which objects a list, a watch or a deletecollection is about.

mod field;
mod label;

pub(crate) use field::FieldSelector;
pub(crate) use label::{LabelSelector, is_label_key, is_label_value};

use crate::{object::Object, rejection::Rejection, resource::ResourceKind};

/// Label and field selector together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selector {
    /// Reads both selectors as a query has them.
    ///
    /// # Errors
    /// When one is malformed, or the kind has no such field.
    pub(crate) fn parse(labels: &str, fields: &str, kind: &ResourceKind) -> Result<Self, Rejection> {
        Ok(Self { labels: LabelSelector::parse(labels)?, fields: FieldSelector::parse(fields, kind)? })
    }

    /// Whether the selectors choose an object.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.labels.matches(&object.labels()) && self.fields.matches(object)
    }
}
