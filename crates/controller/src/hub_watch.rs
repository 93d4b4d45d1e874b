//! Watches of hub clusters: the other half of what wakes a Hub or a Spoke.
//!
//! A hub may be the operator's own cluster or any other. Whoever has opened a hub cluster holds it
//! here under the cluster's UID; two Hubs that lead to the same cluster share its watches. The
//! watches live while somebody holds the cluster. Each kind is watched as soon as its CRD exists,
//! and its cache says `NotServed` before: on a cluster without OCM nothing fails and nothing polls.

mod streams;

pub(crate) use streams::carried_content_of;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cluster_access::ClusterUid;
use fleetconfig_api::v1beta1::Hub;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::operator::v1::ClusterManager;
use ocm_api::work::v1::ManifestWork;
use tokio::sync::watch;
use tracing::info;

use crate::cache::{Cache, CacheState};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::streams::Signal;
use crate::tasks::Tasks;

/// What is known of one hub cluster.
#[derive(Debug)]
pub struct HubView {
    /// Which cluster.
    pub uid: ClusterUid,
    /// ClusterManagers; OCM has one, named `cluster-manager`.
    pub cluster_managers: Cache<ClusterManager>,
    /// The clusters of the fleet.
    pub managed_clusters: Cache<ManagedCluster>,
    /// The certificate requests that carry OCM's cluster name label.
    pub csrs: Cache<CertificateSigningRequest>,
    /// The accounts that spokes make their first contact with.
    pub accounts: Cache<ServiceAccount>,
    /// The ManifestWorks, without what they carry; of those that carry a klusterlet, its hash.
    pub works: Cache<ManifestWork>,
}

impl HubView {
    /// Whether every cache that is decided by is complete, or known to be of a kind that is not served.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let states = [
            self.cluster_managers.state(),
            self.managed_clusters.state(),
            self.csrs.state(),
            self.accounts.state(),
            self.works.state(),
        ];
        !states.contains(&CacheState::Loading)
    }
}

/// Something has changed on a hub cluster.
#[derive(Debug)]
pub enum HubSignal {
    /// About ClusterManagers.
    ClusterManager(Signal<ClusterManager>),
    /// About ManagedClusters.
    ManagedCluster(Signal<ManagedCluster>),
    /// About certificate requests of clusters.
    Csr(Signal<CertificateSigningRequest>),
    /// About the bootstrap accounts.
    Account(Signal<ServiceAccount>),
    /// About the ManifestWorks.
    Work(Signal<ManifestWork>),
}

/// What hears of changes: the signal, and the Hubs that hold the cluster. It has to be quick.
pub type OnHubSignal = Arc<dyn Fn(&HubSignal, &[ObjectRef<Hub>]) + Send + Sync>;

/// How to reach a hub cluster.
#[derive(Clone)]
pub struct HubConnection {
    /// Who the cluster is.
    pub uid: ClusterUid,
    /// Changes when the credentials or the address do, so that the watches connect anew. A hash;
    /// never anything secret.
    pub revision: String,
    /// A client of the cluster, without a time-out on reads.
    pub client: Client,
}

impl fmt::Debug for HubConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubConnection")
            .field("uid", &self.uid)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// The hub clusters that are watched; clones are the same registry.
#[derive(Clone)]
pub struct HubWatches {
    shared: Arc<Shared>,
}

struct Shared {
    hubs: Mutex<HashMap<ClusterUid, Held>>,
    on_signal: OnHubSignal,
    tasks: Tasks,
    health: Health,
    metrics: Metrics,
}

/// A cluster that somebody holds. Dropping it drops `client`, which ends its streams.
struct Held {
    holders: HashSet<ObjectRef<Hub>>,
    /// Whose connection is in use, and which.
    source: (ObjectRef<Hub>, String),
    client: watch::Sender<Client>,
    view: Arc<HubView>,
}

impl HubWatches {
    /// An empty registry; `on_signal` hears of every change on every hub cluster.
    #[must_use]
    pub fn new(on_signal: OnHubSignal, tasks: Tasks, health: Health, metrics: Metrics) -> Self {
        let hubs = Mutex::default();
        Self { shared: Arc::new(Shared { hubs, on_signal, tasks, health, metrics }) }
    }

    /// Holds a hub cluster on behalf of `hub`, which lets go of any other. Watches start if there
    /// are none and connect anew if the connection has changed; otherwise nothing happens, so that
    /// every pass over the Hub may call this.
    pub fn hold(&self, hub: &ObjectRef<Hub>, connection: &HubConnection) -> Arc<HubView> {
        let HubConnection { uid, revision, client } = connection;
        let mut hubs = self.lock();
        let_go(&mut hubs, hub, Some(uid));
        if let Some(held) = hubs.get_mut(uid) {
            let (source, known) = &held.source;
            let stale = if source == hub { known != revision } else { !held.holders.contains(source) };
            if stale {
                info!(cluster = %uid, "watches of the hub cluster connect anew");
                held.source = (hub.clone(), revision.clone());
                held.client.send_replace(client.clone());
            }
            held.holders.insert(hub.clone());
            return Arc::clone(&held.view);
        }
        info!(cluster = %uid, "watches of the hub cluster start");
        let (client, connected) = watch::channel(client.clone());
        let view = streams::start(&self.shared, uid, connected);
        let held = Held {
            holders: HashSet::from([hub.clone()]),
            source: (hub.clone(), revision.clone()),
            client,
            view: Arc::clone(&view),
        };
        hubs.insert(uid.clone(), held);
        view
    }

    /// `hub` needs its cluster no more.
    pub fn release(&self, hub: &ObjectRef<Hub>) {
        let_go(&mut self.lock(), hub, None);
    }

    /// What is known of a cluster, if anybody holds it.
    #[must_use]
    pub fn view(&self, uid: &ClusterUid) -> Option<Arc<HubView>> {
        self.lock().get(uid).map(|held| Arc::clone(&held.view))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClusterUid, Held>> {
        self.shared.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Tells of a change on the cluster `uid`.
    fn signal(&self, uid: &ClusterUid, signal: &HubSignal) {
        let holders: Vec<ObjectRef<Hub>> = {
            let hubs = self.hubs.lock().unwrap_or_else(PoisonError::into_inner);
            hubs.get(uid).map(|held| held.holders.iter().cloned().collect()).unwrap_or_default()
        };
        (self.on_signal)(signal, &holders);
    }
}

/// Takes `hub` from every cluster but `except`; a cluster without holders is not watched further.
fn let_go(hubs: &mut HashMap<ClusterUid, Held>, hub: &ObjectRef<Hub>, except: Option<&ClusterUid>) {
    hubs.retain(|uid, held| {
        if except != Some(uid) {
            held.holders.remove(hub);
        }
        let keep = !held.holders.is_empty();
        if !keep {
            info!(cluster = %uid, "watches of the hub cluster end");
        }
        keep
    });
}

#[cfg(test)]
mod tests;
