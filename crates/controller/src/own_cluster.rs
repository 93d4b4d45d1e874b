//! The streams of FleetConfigs, Hubs and Spokes.

use std::sync::Arc;

use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use tokio::sync::watch;

use crate::cache::{Cache, CacheWriter, Change, Watched};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::served::{Gate, ServedKinds, keep, watch_crds};
use crate::streams::{Signal, WatchStream, objects, watch_config};
use crate::tasks::Tasks;
use crate::wakes::{Caches, Queues, Wakes};

/// The streams; they end when this is dropped.
pub(crate) struct OwnCluster {
    /// What they fill and whom they wake.
    pub(crate) wakes: Arc<Wakes>,
    /// Keeps the streams alive.
    _connected: watch::Sender<Client>,
}

impl OwnCluster {
    /// Starts the streams. An empty list of namespaces means all.
    pub(crate) fn watch(
        client: Client,
        namespaces: &[String],
        tasks: &Tasks,
        health: &Health,
        metrics: &Metrics,
    ) -> Self {
        let (fleets, fleet_writers) = cache(namespaces);
        let (hubs, hub_writers) = cache(namespaces);
        let (spokes, spoke_writers) = cache(namespaces);
        let caches = Caches { fleets, hubs, spokes };
        let wakes = Arc::new(Wakes { caches, queues: Queues::default() });
        let (connected, connection) = watch::channel(client);
        let crds = "CustomResourceDefinition".to_owned();
        let served = watch_crds(crds, connection.clone(), tasks, health, metrics);
        let streams = Streams { served, connection, tasks, health, metrics, wakes: &wakes };
        streams.start(fleet_writers, Wakes::fleet_changed);
        streams.start(hub_writers, Wakes::hub_changed);
        streams.start(spoke_writers, Wakes::spoke_changed);
        Self { wakes, _connected: connected }
    }
}

fn cache<K: Watched>(namespaces: &[String]) -> (Cache<K>, Vec<CacheWriter<K>>) {
    if namespaces.is_empty() {
        let (cache, writer) = Cache::new();
        (cache, vec![writer])
    } else {
        Cache::of_namespaces(namespaces)
    }
}

struct Streams<'a> {
    served: watch::Receiver<ServedKinds>,
    connection: watch::Receiver<Client>,
    tasks: &'a Tasks,
    health: &'a Health,
    metrics: &'a Metrics,
    wakes: &'a Arc<Wakes>,
}

impl Streams<'_> {
    /// Starts the streams of one kind; `changed` hears of every change.
    fn start<K>(&self, writers: Vec<CacheWriter<K>>, changed: fn(&Wakes, &Change<K>))
    where
        K: Watched + Resource<Scope = NamespaceResourceScope>,
    {
        for writer in writers {
            let namespace = writer.namespace().map(str::to_owned);
            let kind = K::kind(&());
            let label = match &namespace {
                Some(namespace) => format!("{kind} in {namespace}"),
                None => kind.into_owned(),
            };
            let wakes = Arc::clone(self.wakes);
            let signal = move |signal| {
                if let Signal::Changed(change) = signal {
                    changed(&wakes, &change);
                }
            };
            let stream = WatchStream::new(&*label, writer, |_| {}, signal, self.health, self.metrics);
            let connect = move |client: Client| {
                let api: Api<DeserializeGuard<K>> = match &namespace {
                    Some(namespace) => Api::namespaced(client, namespace),
                    None => Api::all(client),
                };
                objects(api, watch_config())
            };
            let gate = Gate::of::<K>(&self.served);
            let stream = keep(stream, gate, self.connection.clone(), connect);
            self.tasks.spawn(format!("watch of {label}"), stream);
        }
    }
}
