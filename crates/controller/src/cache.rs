//! What the watches have seen: one read-only cache per kind and cluster.
//!
//! Not kube's reflector store, for three reasons. A store of guarded objects
//! ([`DeserializeGuard`](kube::core::DeserializeGuard)) hands out the guard, not the object. After a re-list
//! the store says neither what has vanished nor what is new, and it hides new
//! objects until the list is complete although their events have gone out. And
//! a wake-up needs the object before *and* after: an event that only moves a
//! reference concerns both ends.

mod change;
mod writer;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

pub use self::change::Change;
pub use self::writer::CacheWriter;

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

/// Namespace (empty for cluster-scoped) and name.
type Key = (String, String);
type Objects<K> = BTreeMap<Key, Entry<K>>;

#[derive(Debug)]
struct Shared<K> {
    objects: RwLock<Objects<K>>,
    /// The namespaces that are watched; `None` means the whole cluster.
    namespaces: Option<Vec<String>>,
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
        let cache = Self::with_states(1, None);
        let writer = CacheWriter::new(&cache, 0, None);
        (cache, writer)
    }

    /// A cache that one watch per namespace fills.
    #[must_use]
    pub fn of_namespaces(namespaces: &[String]) -> (Self, Vec<CacheWriter<K>>) {
        let cache = Self::with_states(namespaces.len(), Some(namespaces.to_vec()));
        let writers = namespaces
            .iter()
            .enumerate()
            .map(|(index, namespace)| CacheWriter::new(&cache, index, Some(namespace.clone())))
            .collect();
        (cache, writers)
    }

    fn with_states(writers: usize, namespaces: Option<Vec<String>>) -> Self {
        Self {
            shared: Arc::new(Shared {
                objects: RwLock::default(),
                namespaces,
                states: watch::Sender::new(vec![CacheState::Loading; writers]),
            }),
        }
    }

    /// Whether objects of this namespace are watched.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        let watched = self.shared.namespaces.as_ref();
        watched.is_none_or(|watched| watched.iter().any(|one| one == namespace))
    }

    /// Whether there is an object of this UID, readable or not.
    #[must_use]
    pub fn has_uid(&self, uid: &str) -> bool {
        self.read(|objects| objects.values().any(|entry| entry.meta().uid.as_deref() == Some(uid)))
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

#[cfg(test)]
mod tests;
