//! Memory of sets that are known to be complete on a cluster, so that they are not read again at
//! every reconcile.
//!
//! It is a shortcut and nothing else: it is lost with the process, it expires, and whoever sees an
//! event of an object of a set strikes the set out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleet_plan::object::Manifest;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::cluster::ClusterUid;

/// How long a set that was seen complete is taken to be so.
const PERIOD: Duration = Duration::from_secs(600);

/// Content of a set and who applies it, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetDigest([u8; 32]);

impl SetDigest {
    /// Digest of the bodies of a set, in order, and of the field manager.
    pub fn of(set: &[Manifest], manager: &str) -> Self {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        };
        add(manager);
        for manifest in set {
            add(&manifest.key.resource.plural);
            add(&manifest.body.to_string());
        }
        Self(hash.finalize().into())
    }
}

/// Which sets are known to be complete, per cluster.
#[derive(Debug)]
pub struct Ledger {
    period: Duration,
    known: Mutex<HashMap<ClusterUid, HashMap<String, Known>>>,
}

#[derive(Debug)]
struct Known {
    digest: SetDigest,
    at: Timestamp,
}

impl Default for Ledger {
    /// Entries live for ten minutes.
    fn default() -> Self {
        Self::new(PERIOD)
    }
}

impl Ledger {
    /// A ledger whose entries live for `period`.
    pub fn new(period: Duration) -> Self {
        Self { period, known: Mutex::default() }
    }

    /// Whether this very set was complete on this cluster within the period before `now`.
    pub fn knows(&self, cluster: &ClusterUid, set: &str, digest: &SetDigest, now: Timestamp) -> bool {
        let known = self.lock();
        known
            .get(cluster)
            .and_then(|sets| sets.get(set))
            .is_some_and(|known| known.digest == *digest && self.is_fresh(known, now))
    }

    /// Remembers that a set is complete. Entries of the same cluster that have expired go.
    pub fn record(&self, cluster: ClusterUid, set: &str, digest: SetDigest, now: Timestamp) {
        let mut known = self.lock();
        let sets = known.entry(cluster).or_default();
        sets.retain(|_, known| self.is_fresh(known, now));
        sets.insert(set.to_owned(), Known { digest, at: now });
    }

    /// Strikes out one set: something happened to one of its objects.
    pub fn invalidate(&self, cluster: &ClusterUid, set: &str) {
        if let Some(sets) = self.lock().get_mut(cluster) {
            sets.remove(set);
        }
    }

    /// Strikes out everything about a cluster: it was detached, or is not watched any more.
    pub fn forget(&self, cluster: &ClusterUid) {
        self.lock().remove(cluster);
    }

    /// A clock that went back makes an entry stale rather than eternal.
    fn is_fresh(&self, known: &Known, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(known.at)).is_ok_and(|age| age < self.period)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClusterUid, HashMap<String, Known>>> {
        // The map is valid between any two of its operations.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    fn set(value: &str) -> Vec<Manifest> {
        vec![
            Manifest::of_value::<ConfigMap>(json!({"metadata": {"name": "a"}, "data": {"k": value}}))
                .unwrap(),
        ]
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_set_is_known_until_it_changes_expires_or_is_struck_out() {
        let ledger = Ledger::new(Duration::from_secs(60));
        let (one, other) = (ClusterUid::from("1".to_owned()), ClusterUid::from("2".to_owned()));
        let digest = SetDigest::of(&set("v"), "m");
        assert!(!ledger.knows(&one, "operator", &digest, at(0)));
        ledger.record(one.clone(), "operator", digest.clone(), at(0));
        assert!(ledger.knows(&one, "operator", &digest, at(59)));
        assert!(!ledger.knows(&one, "operator", &digest, at(60)), "expired");
        assert!(!ledger.knows(&one, "operator", &digest, at(-1)), "the clock went back");
        assert!(!ledger.knows(&other, "operator", &digest, at(1)), "another cluster");
        assert!(!ledger.knows(&one, "rights", &digest, at(1)), "another set");
        assert!(!ledger.knows(&one, "operator", &SetDigest::of(&set("w"), "m"), at(1)), "other content");
        assert!(!ledger.knows(&one, "operator", &SetDigest::of(&set("v"), "n"), at(1)), "other manager");
        ledger.invalidate(&one, "operator");
        assert!(!ledger.knows(&one, "operator", &digest, at(1)));
        ledger.record(one.clone(), "operator", digest.clone(), at(0));
        ledger.forget(&one);
        assert!(!ledger.knows(&one, "operator", &digest, at(1)));
    }
}
