//! What one event did to one object.

use kube::runtime::reflector::ObjectRef;

use super::{Entry, Key, Watched};

/// One object came, changed or went.
#[derive(Debug)]
pub struct Change<K: Watched> {
    /// Which object.
    pub key: ObjectRef<K>,
    /// As it was known before; `None` if it is new.
    pub before: Option<Entry<K>>,
    /// As it is now; `None` if it is gone.
    pub after: Option<Entry<K>>,
}

impl<K: Watched> Change<K> {
    /// The change from `before` to `after`, unless both are the same version.
    pub(super) fn between(
        (namespace, name): Key,
        before: Option<Entry<K>>,
        after: Option<Entry<K>>,
    ) -> Option<Self> {
        match (&before, &after) {
            (None, None) => return None,
            (Some(before), Some(after)) => {
                let (before, after) = (before.meta(), after.meta());
                let same = before.resource_version.is_some()
                    && before.resource_version == after.resource_version
                    && before.uid == after.uid;
                if same {
                    return None;
                }
            }
            _ => {}
        }
        let mut key = ObjectRef::new(&name);
        if !namespace.is_empty() {
            key = key.within(&namespace);
        }
        Some(Self { key, before, after })
    }

    /// Whether nothing but the status (or managed fields) differs, so that the
    /// writer of the status need not be woken by its own writing.
    ///
    /// Only for kinds whose server counts `metadata.generation`, that is for
    /// custom resources with the status subresource.
    #[must_use]
    pub fn is_status_only(&self) -> bool {
        let (Some(Entry::Valid(before)), Some(Entry::Valid(after))) = (&self.before, &self.after) else {
            return false;
        };
        let (before, after) = (before.meta(), after.meta());
        before.uid == after.uid
            && before.generation == after.generation
            && before.deletion_timestamp == after.deletion_timestamp
            && before.finalizers == after.finalizers
            && before.labels == after.labels
            && before.annotations == after.annotations
            && before.owner_references == after.owner_references
    }

    /// The versions of the object that this change is about: before and after.
    pub fn versions(&self) -> impl Iterator<Item = &Entry<K>> {
        self.before.iter().chain(&self.after)
    }
}
