//! The streams of FleetConfigs, Hubs and Spokes, and of what these name.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client, Resource};
use tokio::sync::watch;

use crate::cache::{Cache, CacheWriter, Change, Watched};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::served::{Gate, ServedKinds, keep, watch_crds};
use crate::streams::{Signal, WatchStream, objects, views, watch_config};
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
        watch_secrets: bool,
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
        streams.start_referenced::<ConfigMap>(cache(namespaces).1, Wakes::config_map_changed);
        if watch_secrets && !namespaces.is_empty() {
            streams.start_referenced::<Secret>(cache(namespaces).1, Wakes::secret_changed);
        }
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
            let label = label::<K>(namespace.as_deref());
            let signal = self.telling(changed);
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

    /// Starts the streams of a kind that objects of ours name. Only its metadata is read: what is in
    /// these objects belongs into no cache.
    fn start_referenced<K>(
        &self,
        writers: Vec<CacheWriter<PartialObjectMeta<K>>>,
        changed: fn(&Wakes, &Change<PartialObjectMeta<K>>),
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
        PartialObjectMeta<K>: Watched + Resource<Scope = NamespaceResourceScope>,
    {
        for writer in writers {
            let namespace = writer.namespace().map(str::to_owned);
            let label = label::<K>(namespace.as_deref());
            let signal = self.telling(changed);
            // A change shows by its resource version; that and the name are all that is kept.
            let prune = |object: &mut PartialObjectMeta<K>| {
                object.metadata.labels = None;
                object.metadata.annotations = None;
                object.metadata.owner_references = None;
            };
            let stream = WatchStream::new(&*label, writer, prune, signal, self.health, self.metrics);
            let connect = move |client: Client| {
                let api: Api<PartialObjectMeta<K>> = match &namespace {
                    Some(namespace) => Api::namespaced(client, namespace),
                    None => Api::all(client),
                };
                views(api, watch_config())
            };
            let stream = keep(stream, Gate::Open, self.connection.clone(), connect);
            self.tasks.spawn(format!("watch of {label}"), stream);
        }
    }

    /// Passes changes on to the rules.
    fn telling<K: Watched>(
        &self,
        changed: fn(&Wakes, &Change<K>),
    ) -> impl Fn(Signal<K>) + Send + Sync + 'static + use<K> {
        let wakes = Arc::clone(self.wakes);
        move |signal| {
            if let Signal::Changed(change) = signal {
                changed(&wakes, &change);
            }
        }
    }
}

/// What a stream is called in logs, metrics and health.
fn label<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> String {
    let kind = K::kind(&());
    match namespace {
        Some(namespace) => format!("{kind} in {namespace}"),
        None => kind.into_owned(),
    }
}
