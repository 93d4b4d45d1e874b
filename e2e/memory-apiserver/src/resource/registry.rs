//! All kinds, by group, version and plural name.

use std::{collections::BTreeMap, sync::Arc};

use super::{ResourceId, ResourceKind, builtin};

/// The kinds that are served.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    /// By group and plural; the versions of one kind in order of preference.
    kinds: BTreeMap<ResourceId, Vec<Arc<ResourceKind>>>,
    /// Of custom kinds, what their definition was when it was read.
    origins: BTreeMap<ResourceId, String>,
}

impl Registry {
    /// The built-in kinds.
    pub(crate) fn builtin() -> Self {
        let mut registry = Self { kinds: BTreeMap::new(), origins: BTreeMap::new() };
        for kind in builtin::KINDS.iter() {
            registry.kinds.entry(kind.id()).or_default().push(kind.clone());
        }
        registry
    }

    /// Sets the versions of a custom kind, and which state of its definition they come from.
    pub(crate) fn define(&mut self, id: ResourceId, origin: String, versions: Vec<ResourceKind>) {
        self.origins.insert(id.clone(), origin);
        self.kinds.insert(id, versions.into_iter().map(Arc::new).collect());
    }

    /// Which state of its definition a custom kind comes from.
    pub(crate) fn origin(&self, id: &ResourceId) -> Option<&str> {
        self.origins.get(id).map(String::as_str)
    }

    /// Forgets the custom kinds that are not wanted any more.
    pub(crate) fn retain_custom(&mut self, wanted: impl Fn(&ResourceId) -> bool) {
        self.origins.retain(|id, _| wanted(id));
        let origins = &self.origins;
        self.kinds.retain(|id, versions| {
            origins.contains_key(id) || versions.first().is_some_and(|kind| !kind.custom)
        });
    }

    /// A kind by its place in a path.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<ResourceKind>> {
        let versions = self.kinds.get(&ResourceId::new(group, plural))?;
        versions.iter().find(|kind| kind.version == version).cloned()
    }

    /// A kind in the version that the server prefers.
    pub(crate) fn preferred(&self, id: &ResourceId) -> Option<Arc<ResourceKind>> {
        self.kinds.get(id).and_then(|versions| versions.first()).cloned()
    }

    /// A kind by `apiVersion` and `kind`, as objects name it.
    pub(crate) fn find_kind(&self, api_version: &str, kind: &str) -> Option<Arc<ResourceKind>> {
        self.iter().find(|entry| entry.kind == kind && entry.api_version() == api_version).cloned()
    }

    /// Whether any kind of the group is served.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.kinds.keys().any(|id| id.group == group)
    }

    /// Whether any kind of the group is served in the version.
    pub(crate) fn has_version(&self, group: &str, version: &str) -> bool {
        self.iter().any(|kind| kind.group == group && kind.version == version)
    }

    /// Every kind in every version.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ResourceKind>> {
        self.kinds.values().flatten()
    }
}
