//! The side of a cache that one watch writes: events in, changes out.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;

use super::{Cache, CacheState, Change, Entry, Key, Objects, Watched};

/// The side of a cache that one watch writes.
#[derive(Debug)]
pub struct CacheWriter<K: Watched> {
    cache: Cache<K>,
    index: usize,
    namespace: Option<String>,
    /// The objects of a list that is not complete yet.
    listing: Objects<K>,
}

impl<K: Watched> CacheWriter<K> {
    pub(super) fn new(cache: &Cache<K>, index: usize, namespace: Option<String>) -> Self {
        Self { cache: cache.clone(), index, namespace, listing: BTreeMap::new() }
    }

    /// The namespace that this writer is for; `None` means the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// What the part of the cache that this writer fills knows.
    #[must_use]
    pub fn state(&self) -> CacheState {
        self.cache.shared.states.borrow().get(self.index).copied().unwrap_or(CacheState::Ready)
    }

    /// Takes over one event; the result is what it changed, in the order of
    /// names. A re-list gives the difference to what was known.
    pub fn apply(&mut self, event: Event<DeserializeGuard<K>>) -> Vec<Change<K>> {
        match event {
            Event::Init => {
                self.listing = BTreeMap::new();
                Vec::new()
            }
            Event::InitApply(object) => {
                let (key, entry) = cached(object);
                self.listing.insert(key, entry);
                Vec::new()
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                let changes = self.replace(listing);
                self.set_state(CacheState::Ready);
                changes
            }
            Event::Apply(object) => {
                let (key, entry) = cached(object);
                let before = self.write(|objects| objects.insert(key.clone(), entry.clone()));
                Change::between(key, before, Some(entry)).into_iter().collect()
            }
            Event::Delete(object) => {
                let (key, _) = cached(object);
                let before = self.write(|objects| objects.remove(&key));
                Change::between(key, before, None).into_iter().collect()
            }
        }
    }

    /// The kind is not served any more: everything is gone.
    pub fn not_served(&mut self) -> Vec<Change<K>> {
        let changes = self.replace(BTreeMap::new());
        self.set_state(CacheState::NotServed);
        changes
    }

    /// The kind is served; its first list is to come.
    pub fn loading(&mut self) {
        self.set_state(CacheState::Loading);
    }

    /// Replaces the part of the cache that this writer fills.
    fn replace(&self, mut new: Objects<K>) -> Vec<Change<K>> {
        self.write(|objects| {
            let keys: Vec<Key> = objects
                .keys()
                .filter(|(namespace, _)| self.namespace.as_ref().is_none_or(|own| own == namespace))
                .cloned()
                .collect();
            let mut changes = Vec::new();
            for key in keys {
                let before = objects.remove(&key);
                let after = new.remove(&key);
                if let Some(after) = &after {
                    objects.insert(key.clone(), after.clone());
                }
                changes.extend(Change::between(key, before, after));
            }
            for (key, after) in new {
                objects.insert(key.clone(), after.clone());
                changes.extend(Change::between(key, None, Some(after)));
            }
            changes
        })
    }

    fn write<T>(&self, write: impl FnOnce(&mut Objects<K>) -> T) -> T {
        write(&mut self.cache.shared.objects.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_state(&self, state: CacheState) {
        self.cache.shared.states.send_if_modified(|states| match states.get_mut(self.index) {
            Some(known) if *known != state => {
                *known = state;
                true
            }
            _ => false,
        });
    }
}

fn cached<K: Watched>(object: DeserializeGuard<K>) -> (Key, Entry<K>) {
    let entry = match object.0 {
        Ok(object) => Entry::Valid(Arc::new(object)),
        Err(invalid) => Entry::Invalid(Arc::new(invalid)),
    };
    let meta = entry.meta();
    let key = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    (key, entry)
}
