//! What was written and has not come back through a watch yet.
//!
//! A pass may begin before the cache has seen the status that the pass before it wrote. Working from
//! the older status would do things twice; so what was written last is kept until it is overtaken.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};

/// The last written version of each object, and when it was told, by UID.
#[derive(Default)]
pub(super) struct Echo {
    written: Mutex<HashMap<String, Written>>,
    /// When the status of each object was last told, by UID.
    told: Mutex<HashMap<String, Timestamp>>,
}

struct Written {
    version: u64,
    object: Box<dyn Any + Send>,
}

impl Echo {
    /// Notes an object as the API server returned it from a write.
    pub(super) fn wrote<K: Resource + Clone + Send + 'static>(&self, object: &K) {
        if let (Some(uid), Some(version)) = (object.uid(), version(object)) {
            self.lock().insert(uid, Written { version, object: Box::new(object.clone()) });
        }
    }

    /// The newer one of the cached object and the one that was written last.
    pub(super) fn newest<K: Resource + Clone + Send + 'static>(&self, cached: &K) -> K {
        let Some(uid) = cached.uid() else { return cached.clone() };
        let mut written = self.lock();
        let newer = written.get(&uid).filter(|known| version(cached).is_some_and(|own| own < known.version));
        if let Some(object) = newer.and_then(|known| known.object.downcast_ref::<K>()) {
            return object.clone();
        }
        written.remove(&uid);
        cached.clone()
    }

    /// Notes that an object's status was told.
    pub(super) fn tell(&self, uid: String, now: Timestamp) {
        self.times().insert(uid, now);
    }

    /// When an object's status was last told by this process.
    pub(super) fn told(&self, uid: &str) -> Option<Timestamp> {
        self.times().get(uid).copied()
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
        self.times().remove(uid);
    }

    fn times(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resource versions of one resource grow with every write and may be compared as numbers
/// (Kubernetes 1.35 made that part of the contract; etcd has always done so).
fn version<K: Resource>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn map(version: &str, value: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.uid = Some("u".into());
        map.metadata.resource_version = Some(version.into());
        map.data = Some([("k".to_owned(), value.to_owned())].into());
        map
    }

    #[test]
    fn what_was_written_counts_until_the_cache_has_caught_up() {
        let echo = Echo::default();
        echo.wrote(&map("10", "written"));
        assert_eq!(echo.newest(&map("9", "old")), map("10", "written"));
        assert_eq!(echo.newest(&map("11", "newer")), map("11", "newer"));
        // Overtaken once, it never comes back.
        assert_eq!(echo.newest(&map("9", "old")), map("9", "old"));
    }
}
