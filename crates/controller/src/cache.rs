//! What the watches have seen: one read-only cache per kind and cluster.
//!
//! Not kube's reflector store, for three reasons. A store of guarded objects
//! ([`DeserializeGuard`]) hands out the guard, not the object. After a re-list
//! the store says neither what has vanished nor what is new, and it hides new
//! objects until the list is complete although their events have gone out. And
//! a wake-up needs the object before *and* after: an event that only moves a
//! reference concerns both ends.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{DeserializeGuard, error_boundary::InvalidObject};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

/// A kind that can be watched and cached.
pub trait Watched:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// One cached object.
#[derive(Debug)]
pub enum Entry<K> {
    /// It is what its type says.
    Valid(Arc<K>),
    /// It could not be read as its type; metadata and the reason are known.
    Invalid(Arc<InvalidObject>),
}

impl<K> Clone for Entry<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Valid(object) => Self::Valid(Arc::clone(object)),
            Self::Invalid(invalid) => Self::Invalid(Arc::clone(invalid)),
        }
    }
}

impl<K: Watched> Entry<K> {
    /// The metadata, which is known in either case.
    #[must_use]
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Valid(object) => object.meta(),
            Self::Invalid(invalid) => &invalid.metadata,
        }
    }

    /// The object, if it could be read.
    #[must_use]
    pub fn valid(&self) -> Option<&Arc<K>> {
        match self {
            Self::Valid(object) => Some(object),
            Self::Invalid(_) => None,
        }
    }
}

/// How much a cache knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheState {
    /// The cluster does not serve this kind (its CRD is not installed).
    NotServed,
    /// The first list is not complete.
    Loading,
    /// Complete, and kept up to date.
    Ready,
}

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

/// Namespace (empty for cluster-scoped) and name.
type Key = (String, String);
type Objects<K> = BTreeMap<Key, Entry<K>>;

#[derive(Debug)]
struct Shared<K> {
    objects: RwLock<Objects<K>>,
    /// One per writer.
    states: watch::Sender<Vec<CacheState>>,
}

/// A read handle; clones read the same cache.
#[derive(Debug)]
pub struct Cache<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Watched> Cache<K> {
    /// A cache that one watch of the whole cluster fills.
    #[must_use]
    pub fn new() -> (Self, CacheWriter<K>) {
        let cache = Self::with_states(1);
        let writer = CacheWriter::new(&cache, 0, None);
        (cache, writer)
    }

    /// A cache that one watch per namespace fills.
    #[must_use]
    pub fn of_namespaces(namespaces: &[String]) -> (Self, Vec<CacheWriter<K>>) {
        let cache = Self::with_states(namespaces.len());
        let writers = namespaces
            .iter()
            .enumerate()
            .map(|(index, namespace)| CacheWriter::new(&cache, index, Some(namespace.clone())))
            .collect();
        (cache, writers)
    }

    fn with_states(writers: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                objects: RwLock::default(),
                states: watch::Sender::new(vec![CacheState::Loading; writers]),
            }),
        }
    }

    /// The object of this name, readable or not.
    #[must_use]
    pub fn entry(&self, key: &ObjectRef<K>) -> Option<Entry<K>> {
        let key = (key.namespace.clone().unwrap_or_default(), key.name.clone());
        self.read(|objects| objects.get(&key).cloned())
    }

    /// The object of this name, if it exists and could be read.
    #[must_use]
    pub fn get(&self, key: &ObjectRef<K>) -> Option<Arc<K>> {
        self.entry(key).and_then(|entry| entry.valid().cloned())
    }

    /// The readable objects that satisfy `wanted`, by namespace and name. The
    /// cache is locked meanwhile: `wanted` must be quick.
    #[must_use]
    pub fn select(&self, wanted: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        self.read(|objects| {
            objects.values().filter_map(Entry::valid).filter(|object| wanted(object)).cloned().collect()
        })
    }

    /// All readable objects, by namespace and name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<K>> {
        self.select(|_| true)
    }

    /// The objects that could not be read as their type.
    #[must_use]
    pub fn invalid(&self) -> Vec<Arc<InvalidObject>> {
        self.read(|objects| {
            objects
                .values()
                .filter_map(|entry| match entry {
                    Entry::Valid(_) => None,
                    Entry::Invalid(invalid) => Some(Arc::clone(invalid)),
                })
                .collect()
        })
    }

    /// How much this cache knows: the least of what its watches know.
    #[must_use]
    pub fn state(&self) -> CacheState {
        least(&self.shared.states.borrow())
    }

    /// Resolves when [`state`](Self::state) is `Ready`.
    pub async fn ready(&self) {
        let mut states = self.shared.states.subscribe();
        // Cannot fail: `self` keeps the sender.
        let _ = states.wait_for(|states| least(states) == CacheState::Ready).await;
    }

    fn read<T>(&self, read: impl FnOnce(&Objects<K>) -> T) -> T {
        // Writers leave the map consistent at every point where they could panic.
        read(&self.shared.objects.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn least(states: &[CacheState]) -> CacheState {
    states.iter().copied().min().unwrap_or(CacheState::Ready)
}

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
    fn new(cache: &Cache<K>, index: usize, namespace: Option<String>) -> Self {
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
                change(key, before, Some(entry)).into_iter().collect()
            }
            Event::Delete(object) => {
                let (key, _) = cached(object);
                let before = self.write(|objects| objects.remove(&key));
                change(key, before, None).into_iter().collect()
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
                changes.extend(change(key, before, after));
            }
            for (key, after) in new {
                objects.insert(key.clone(), after.clone());
                changes.extend(change(key, None, Some(after)));
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

/// The change from `before` to `after`, unless both are the same version.
fn change<K: Watched>(
    (namespace, name): Key,
    before: Option<Entry<K>>,
    after: Option<Entry<K>>,
) -> Option<Change<K>> {
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
    Some(Change { key, before, after })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn object(namespace: &str, name: &str, version: u32) -> DeserializeGuard<ConfigMap> {
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": name, "uid": name,
                "resourceVersion": version.to_string(), "generation": 1},
        }))
        .unwrap()
    }

    fn broken(name: &str) -> DeserializeGuard<ConfigMap> {
        serde_json::from_value(json!({
            "metadata": {"namespace": "n", "name": name, "resourceVersion": "1"},
            "data": "not a map",
        }))
        .unwrap()
    }

    fn list(writer: &mut CacheWriter<ConfigMap>, objects: Vec<DeserializeGuard<ConfigMap>>) -> Vec<String> {
        let mut changes = writer.apply(Event::Init);
        for object in objects {
            changes.extend(writer.apply(Event::InitApply(object)));
        }
        assert!(changes.is_empty(), "nothing is known before the list ends");
        describe(&writer.apply(Event::InitDone))
    }

    fn describe(changes: &[Change<ConfigMap>]) -> Vec<String> {
        changes
            .iter()
            .map(|change| {
                let sign = match (&change.before, &change.after) {
                    (None, _) => '+',
                    (_, None) => '-',
                    _ => '~',
                };
                format!("{sign}{}", change.key.name)
            })
            .collect()
    }

    #[test]
    fn a_relist_tells_what_came_changed_and_went() {
        let (cache, mut writer) = Cache::new();
        assert_eq!(cache.state(), CacheState::Loading);
        let objects = ["a", "b", "c"].map(|name| object("n", name, 1)).into();
        assert_eq!(list(&mut writer, objects), ["+a", "+b", "+c"]);
        assert_eq!(cache.state(), CacheState::Ready);
        let objects = vec![object("n", "a", 1), object("n", "b", 2), object("n", "d", 1)];
        assert_eq!(list(&mut writer, objects), ["~b", "-c", "+d"]);
        let names: Vec<_> = cache.all().iter().map(|o| o.metadata.name.clone()).collect();
        assert_eq!(names, ["a", "b", "d"].map(|n| Some(n.to_owned())));
    }

    #[test]
    fn the_cache_stays_whole_while_a_relist_is_under_way() {
        let (cache, mut writer) = Cache::new();
        list(&mut writer, vec![object("n", "a", 1)]);
        writer.apply(Event::Init);
        writer.apply(Event::InitApply(object("n", "b", 1)));
        assert_eq!(cache.all().len(), 1);
        assert!(cache.get(&ObjectRef::new("a").within("n")).is_some());
    }

    #[test]
    fn each_namespace_is_relisted_for_itself() {
        let (cache, mut writers) = Cache::of_namespaces(&["m".into(), "n".into()]);
        list(&mut writers[0], vec![object("m", "a", 1)]);
        assert_eq!(cache.state(), CacheState::Loading, "n is not listed yet");
        list(&mut writers[1], vec![object("n", "b", 1)]);
        assert_eq!(cache.state(), CacheState::Ready);
        assert_eq!(list(&mut writers[1], vec![]), ["-b"]);
        assert_eq!(cache.all().len(), 1);
    }

    #[test]
    fn a_broken_object_is_known_as_broken_and_heals() {
        let (cache, mut writer) = Cache::new();
        list(&mut writer, vec![broken("a"), object("n", "b", 1)]);
        let key = ObjectRef::new("a").within("n");
        assert!(matches!(cache.entry(&key), Some(Entry::Invalid(_))));
        assert!(cache.get(&key).is_none());
        assert_eq!((cache.all().len(), cache.invalid().len()), (1, 1));
        writer.apply(Event::Apply(object("n", "a", 2)));
        assert!(cache.get(&key).is_some());
    }

    #[test]
    fn a_kind_that_is_no_longer_served_is_empty() {
        let (cache, mut writer) = Cache::new();
        list(&mut writer, vec![object("n", "a", 1)]);
        assert_eq!(describe(&writer.not_served()), ["-a"]);
        assert_eq!(cache.state(), CacheState::NotServed);
        writer.loading();
        assert_eq!(cache.state(), CacheState::Loading);
    }

    #[test]
    fn a_status_write_is_told_from_what_a_user_does() {
        let (_, mut writer) = Cache::new();
        list(&mut writer, vec![object("n", "a", 1)]);
        let mut apply = |version: u32, edit: &dyn Fn(&mut ObjectMeta)| {
            let mut new = object("n", "a", version);
            edit(new.0.as_mut().unwrap().meta_mut());
            let changes = writer.apply(Event::Apply(new));
            changes.first().map(Change::is_status_only)
        };
        assert_eq!(apply(1, &|_| {}), None, "the same version is no change");
        assert_eq!(apply(2, &|_| {}), Some(true));
        assert_eq!(apply(3, &|meta| meta.generation = Some(2)), Some(false));
        assert_eq!(apply(4, &|meta| meta.uid = Some("b".into())), Some(false));
        let finalizers = |meta: &mut ObjectMeta| {
            meta.uid = Some("b".into());
            meta.finalizers = Some(vec!["x".into()]);
        };
        assert_eq!(apply(5, &finalizers), Some(false));
        let gone = writer.apply(Event::Delete(object("n", "a", 6)));
        assert!(!gone[0].is_status_only());
    }

    #[tokio::test]
    async fn ready_waits_for_the_first_list() {
        let (cache, mut writer) = Cache::<ConfigMap>::new();
        let waiting = tokio::spawn({
            let cache = cache.clone();
            async move { cache.ready().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        list(&mut writer, vec![]);
        waiting.await.unwrap();
    }
}
