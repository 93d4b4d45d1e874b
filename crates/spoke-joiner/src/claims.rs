//! Which Spoke has a cluster, as far as this process knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cluster_access::ClusterUid;

/// The clusters that Spokes have been seen to lead to. Two Spokes that begin at the same time both see a
/// bare cluster, whatever their hubs, so the engines of all hubs share one; afterwards the Klusterlet on
/// the cluster tells whose it is. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<HashMap<String, String>>>);

impl Claims {
    /// Claims a cluster for a Spoke, by their UIDs. False when another Spoke has it that `lives`.
    pub(crate) fn lay(&self, cluster: &ClusterUid, spoke: &str, lives: impl Fn(&str) -> bool) -> bool {
        let mut claims = self.lock();
        let holder = claims.get(cluster.as_str());
        if holder.is_some_and(|holder| holder != spoke && lives(holder)) {
            return false;
        }
        // A Spoke has one cluster: the one that its kubeconfig leads to now.
        claims.retain(|_, holder| holder != spoke);
        claims.insert(cluster.as_str().to_owned(), spoke.to_owned());
        true
    }

    /// Forgets what a Spoke has claimed.
    pub(crate) fn give_up(&self, spoke: &str) {
        self.lock().retain(|_, holder| holder != spoke);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_one_spokes_until_that_one_gives_it_up_or_is_gone() {
        let (claims, cluster) = (Claims::default(), ClusterUid::from("c".to_owned()));
        let other = ClusterUid::from("d".to_owned());
        assert!(claims.lay(&cluster, "a", |_| true));
        assert!(claims.lay(&cluster, "a", |_| true));
        assert!(!claims.clone().lay(&cluster, "b", |_| true));
        assert!(claims.lay(&cluster, "b", |uid| uid != "a"), "a is gone");
        assert!(claims.lay(&other, "b", |_| true), "b has moved on");
        assert!(claims.lay(&cluster, "a", |_| true));
        claims.give_up("a");
        assert!(claims.lay(&cluster, "b", |_| true));
    }
}
