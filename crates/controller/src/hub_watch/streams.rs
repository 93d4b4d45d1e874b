//! The streams of one hub cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster_access::ClusterUid;
use fleet_plan::manifests::{BOOTSTRAP_NAMESPACE, carried_content};
use fleet_plan::spoke::carrier::CarrierWork;
use kube::core::DeserializeGuard;
use kube::runtime::watcher;
use kube::{Api, Client};
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names;
use ocm_api::operator::v1::ClusterManager;
use ocm_api::work::v1::ManifestWork;
use tokio::sync::watch;

use super::{HubSignal, HubView, Shared};
use crate::cache::{Cache, Watched};
use crate::served::{Gate, keep, watch_crds};
use crate::streams::{Signal, WatchStream, objects, watch_config};

/// Starts the streams of the cluster `uid`. They end when the sender of `client` is dropped.
pub(super) fn start(shared: &Arc<Shared>, uid: &ClusterUid, client: watch::Receiver<Client>) -> Arc<HubView> {
    let crds = format!("CustomResourceDefinition of hub {uid}");
    let served = watch_crds(crds, client.clone(), &shared.tasks, &shared.health, &shared.metrics);
    let hub = HubCluster { shared, uid, client };
    let all = watch_config();
    let of_clusters = watch_config().labels(names::labels::CLUSTER_NAME);
    let of_bootstrap = watch_config().fields(&format!("metadata.namespace={BOOTSTRAP_NAMESPACE}"));
    Arc::new(HubView {
        uid: uid.clone(),
        cluster_managers: hub.watch(
            Gate::of::<ClusterManager>(&served),
            all.clone(),
            |_| {},
            HubSignal::ClusterManager,
        ),
        managed_clusters: hub.watch(
            Gate::of::<ManagedCluster>(&served),
            all.clone(),
            |_| {},
            HubSignal::ManagedCluster,
        ),
        csrs: hub.watch(Gate::Open, of_clusters, |_| {}, HubSignal::Csr),
        accounts: hub.watch(Gate::Open, of_bootstrap, |_| {}, HubSignal::Account),
        works: hub.watch(Gate::of::<ManifestWork>(&served), all, reduce_work, HubSignal::Work),
    })
}

/// In the cache alone: what a work that carries a klusterlet holds, as a hash.
const CONTENT: &str = "fleetconfig.open-cluster-management.io/carried-content";

/// What a work carries may be large and secret; that it is there matters, and of our own works whether
/// they hold what they should.
fn reduce_work(work: &mut ManifestWork) {
    let ours = work.metadata.name.as_deref().is_some_and(CarrierWork::is_named);
    let content = if ours { carried_content(&work.spec) } else { String::new() };
    work.spec = Default::default();
    work.metadata.annotations = Some(BTreeMap::from([(CONTENT.to_owned(), content)]));
    // What is said of each object is kept for our own works alone, whose messages are told to users.
    if let Some(status) = work.status.as_mut().filter(|_| !ours) {
        status.resource_status = None;
    }
}

/// The hash of what a work of the cache holds; empty for one that is not ours.
pub(crate) fn carried_content_of(work: &ManifestWork) -> &str {
    let annotations = work.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(CONTENT)).map(String::as_str).unwrap_or_default()
}

struct HubCluster<'a> {
    shared: &'a Arc<Shared>,
    uid: &'a ClusterUid,
    client: watch::Receiver<Client>,
}

impl HubCluster<'_> {
    /// Watches one kind, and keeps what `prune` leaves of its objects.
    fn watch<K: Watched>(
        &self,
        gate: Gate,
        config: watcher::Config,
        prune: fn(&mut K),
        wrap: fn(Signal<K>) -> HubSignal,
    ) -> Cache<K> {
        let Self { shared, uid, client } = self;
        let (cache, writer) = Cache::new();
        let label = format!("{} of hub {uid}", K::kind(&()));
        let signal = {
            // Weak, because the streams end when the registry is dropped.
            let (shared, uid) = (Arc::downgrade(shared), (*uid).clone());
            move |signal| {
                if let Some(shared) = shared.upgrade() {
                    shared.signal(&uid, &wrap(signal));
                }
            }
        };
        let stream = WatchStream::new(&*label, writer, prune, signal, &shared.health, &shared.metrics);
        let connect =
            move |client: Client| objects::<K>(Api::<DeserializeGuard<K>>::all(client), config.clone());
        shared.tasks.spawn(format!("watch of {label}"), keep(stream, gate, client.clone(), connect));
        cache
    }
}
