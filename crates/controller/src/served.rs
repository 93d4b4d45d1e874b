//! Streams that come and go with their CRD and with their connection.
//!
//! A kind that is not served is never asked for: the metadata of CRDs is watched instead, and the
//! stream of a kind begins when its CRD exists.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use tokio::sync::watch;

use crate::cache::{Cache, CacheState, Change, Watched};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::streams::{Events, Signal, WatchStream, metadata, watch_config};
use crate::tasks::Tasks;

/// The names of the CRDs that a cluster has; `None` while nobody knows.
pub type ServedCrds = Option<BTreeSet<String>>;

/// The name of the CRD of a kind.
#[must_use]
pub fn crd_name<K: Resource<DynamicType = ()>>() -> String {
    format!("{}.{}", K::plural(&()), K::group(&()))
}

/// What a stream waits for.
#[derive(Debug, Clone)]
pub enum Gate {
    /// For nothing: the kind is built into Kubernetes.
    Open,
    /// For this CRD.
    Crd(String, watch::Receiver<ServedCrds>),
}

impl Gate {
    /// The gate of a custom resource.
    #[must_use]
    pub fn of<K: Resource<DynamicType = ()>>(served: &watch::Receiver<ServedCrds>) -> Self {
        Self::Crd(crd_name::<K>(), served.clone())
    }
}

/// Watches which CRDs a cluster has, until the sender of `client` is dropped.
#[must_use]
pub fn watch_crds(
    label: String,
    client: watch::Receiver<Client>,
    tasks: &Tasks,
    health: &Health,
    metrics: &Metrics,
) -> watch::Receiver<ServedCrds> {
    let (served, receiver) = watch::channel(None);
    let (cache, writer) = Cache::new();
    let forget_all_but_the_name = |crd: &mut CrdMeta| {
        crd.metadata.annotations = None;
        crd.metadata.labels = None;
    };
    let signal = move |signal| note(&served, &cache, &signal);
    let stream = WatchStream::new(&*label, writer, forget_all_but_the_name, signal, health, metrics);
    let connect = |client: Client| metadata::<CustomResourceDefinition>(Api::all(client), watch_config());
    tasks.spawn(format!("watch of {label}"), keep(stream, Gate::Open, client, connect));
    receiver
}

type CrdMeta = PartialObjectMeta<CustomResourceDefinition>;

fn note(served: &watch::Sender<ServedCrds>, cache: &Cache<CrdMeta>, signal: &Signal<CrdMeta>) {
    match signal {
        Signal::State(CacheState::Ready) => {
            served.send_replace(Some(cache.all().iter().map(|crd| crd.name_any()).collect()));
        }
        Signal::State(_) => {}
        Signal::Changed(Change { key, after, .. }) => {
            served.send_if_modified(|served| match (served, after) {
                (None, _) => false,
                (Some(names), Some(_)) => names.insert(key.name.clone()),
                (Some(names), None) => names.remove(&key.name),
            });
        }
    }
}

/// Runs a stream until the sender of `client` is dropped; connects anew with each new client.
pub async fn keep<K: Watched>(
    mut stream: WatchStream<K>,
    gate: Gate,
    mut client: watch::Receiver<Client>,
    connect: impl Fn(Client) -> Events<K>,
) {
    loop {
        let current = client.borrow_and_update().clone();
        let connect = || connect(current.clone());
        let changed = tokio::select! {
            changed = client.changed() => changed,
            () = run(&mut stream, &gate, connect) => return,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Runs a stream while its gate is open. Ends when nobody watches the gate any more.
async fn run<K: Watched>(stream: &mut WatchStream<K>, gate: &Gate, connect: impl Fn() -> Events<K>) {
    let (crd, mut served) = match gate {
        Gate::Open => match stream.run(connect).await {},
        Gate::Crd(crd, served) => (crd, served.clone()),
    };
    let has = |served: &ServedCrds| served.as_ref().map(|names| names.contains(crd));
    loop {
        let now = has(&served.borrow_and_update());
        let changed = match now {
            None => {
                stream.rest();
                served.changed().await
            }
            Some(false) => {
                stream.not_served();
                served.changed().await
            }
            Some(true) => {
                stream.loading();
                tokio::select! {
                    never = stream.run(&connect) => match never {},
                    gone = served.wait_for(|served| has(served) == Some(false)) => gone.map(|_| ()),
                }
            }
        };
        if changed.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
