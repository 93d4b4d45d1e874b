//! The objects and their history.

mod history;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use history::{Event, EventKind, Expired, History};

use crate::{object::Object, resource::ResourceId};

/// Namespace (empty for cluster-scoped kinds) and name.
pub(crate) type Key = (String, String);

/// The first version is given after this one, so that a small number is always too old.
const FIRST_VERSION: u64 = 1000;

/// All objects of a cluster. Objects are shared, so that cloning the store is cheap: a dry run
/// works on a clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    objects: BTreeMap<ResourceId, BTreeMap<Key, Arc<Object>>>,
    history: History,
    version: u64,
    /// Changes that nobody was told about yet.
    news: Vec<Event>,
}

impl Store {
    /// An empty store that remembers this many changes.
    pub(crate) fn new(history: usize) -> Self {
        let history = History::new(FIRST_VERSION, history);
        Self { objects: BTreeMap::new(), history, version: FIRST_VERSION, news: Vec::new() }
    }

    /// The version of the latest change.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The changes so far.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Forgets the changes up to now.
    pub(crate) fn compact(&mut self) {
        self.history.compact(self.version);
    }

    /// One object.
    pub(crate) fn get(&self, id: &ResourceId, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(id)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a kind, of one namespace or of all, in the order of their keys.
    pub(crate) fn list<'s>(
        &'s self,
        id: &ResourceId,
        namespace: Option<&'s str>,
    ) -> impl Iterator<Item = &'s Arc<Object>> + use<'s> {
        let all = self.objects.get(id).into_iter().flatten();
        all.filter(move |(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
            .map(|(_, object)| object)
    }

    /// Every object of every kind.
    pub(crate) fn everything(&self) -> impl Iterator<Item = (&ResourceId, &Arc<Object>)> {
        self.objects.iter().flat_map(|(id, objects)| objects.values().map(move |object| (id, object)))
    }

    /// Writes an object under its namespace and name, and gives it the next version.
    pub(crate) fn put(&mut self, id: &ResourceId, mut object: Object) -> Arc<Object> {
        self.version += 1;
        object.set_meta("resourceVersion", &self.version.to_string());
        let key = (object.namespace().to_owned(), object.name().to_owned());
        let object = Arc::new(object);
        let previous = self.objects.entry(id.clone()).or_default().insert(key, object.clone());
        let kind = if previous.is_some() { EventKind::Modified } else { EventKind::Added };
        self.record(kind, id, object.clone(), previous);
        object
    }

    /// Removes an object. What is returned, and what watchers see, carries the version of the
    /// removal.
    pub(crate) fn remove(&mut self, id: &ResourceId, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let previous = self.objects.get_mut(id)?.remove(&(namespace.to_owned(), name.to_owned()))?;
        self.version += 1;
        let mut last = Object::clone(&previous);
        last.set_meta("resourceVersion", &self.version.to_string());
        let last = Arc::new(last);
        self.record(EventKind::Deleted, id, last.clone(), Some(previous));
        Some(last)
    }

    fn record(
        &mut self,
        kind: EventKind,
        id: &ResourceId,
        object: Arc<Object>,
        previous: Option<Arc<Object>>,
    ) {
        let event = Event { version: self.version, kind, resource: id.clone(), object, previous };
        self.news.push(event.clone());
        self.history.push(event);
    }

    /// The changes since this was last called.
    pub(crate) fn take_news(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.news)
    }

    /// The objects of a kind as they were at a version.
    ///
    /// # Errors
    /// When the history does not reach back so far.
    pub(crate) fn at_version(
        &self,
        id: &ResourceId,
        version: u64,
    ) -> Result<BTreeMap<Key, Arc<Object>>, Expired> {
        let mut objects = self.objects.get(id).cloned().unwrap_or_default();
        for event in self.history.since(version)?.rev().filter(|event| event.resource == *id) {
            let key = (event.object.namespace().to_owned(), event.object.name().to_owned());
            match &event.previous {
                Some(previous) => objects.insert(key, previous.clone()),
                None => objects.remove(&key),
            };
        }
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, value: u64) -> Object {
        Object::from_value(json!({"metadata": {"name": name}, "value": value})).unwrap()
    }

    #[test]
    fn the_past_can_be_seen_as_far_as_the_history_reaches() {
        let id = ResourceId::new("", "things");
        let mut store = Store::new(100);
        store.put(&id, object("a", 1));
        let then = store.version();
        store.put(&id, object("a", 2));
        store.put(&id, object("b", 1));
        store.remove(&id, "", "a");
        let past = store.at_version(&id, then).unwrap();
        assert_eq!(past.len(), 1);
        assert_eq!(past[&(String::new(), "a".to_owned())].content["value"], 1);
        store.compact();
        assert_eq!(store.at_version(&id, then), Err(Expired));
    }

    #[test]
    fn a_short_history_forgets_the_oldest_changes() {
        let id = ResourceId::new("", "things");
        let mut store = Store::new(2);
        let start = store.version();
        for value in 0..3 {
            store.put(&id, object("a", value));
        }
        assert!(store.history().since(start).is_err());
        assert_eq!(store.history().since(start + 1).unwrap().count(), 2);
    }
}
