//! Changes of objects, as hooks see them.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    cluster::Cluster,
    direct::Direct,
    object::Object,
    store::{Event, EventKind},
};

/// A callback for every change.
pub(crate) type Hook = Arc<dyn Fn(&Direct, &Change) + Send + Sync>;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name of the kind.
    pub resource: String,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The object after the change, in the version that the server prefers; of a deleted one, the
    /// last state.
    pub object: Value,
    /// The object before the change.
    pub previous: Option<Value>,
}

impl Change {
    pub(crate) fn of(cluster: &Cluster, event: &Event) -> Self {
        let kind = cluster.registry.preferred(&event.resource);
        let show = |object: &Object| match &kind {
            Some(kind) => kind.present(object).to_value(),
            None => object.to_value(),
        };
        Self {
            kind: match event.kind {
                EventKind::Added => ChangeKind::Created,
                EventKind::Modified => ChangeKind::Updated,
                EventKind::Deleted => ChangeKind::Deleted,
            },
            group: event.resource.group.clone(),
            resource: event.resource.resource.clone(),
            namespace: event.object.namespace().to_owned(),
            name: event.object.name().to_owned(),
            object: show(&event.object),
            previous: event.previous.as_deref().map(show),
        }
    }

    /// Whether the change is about this kind, given by group and plural name.
    pub fn is_of(&self, group: &str, resource: &str) -> bool {
        self.group == group && self.resource == resource
    }
}
