//! Streams that come and go with their CRD and with their connection.
//!
//! A kind that is not served is never asked for: CRDs are watched instead, and the stream of a kind
//! begins when the API server says that it serves it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use k8s_openapi::ClusterResourceScope;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ObjectMeta;
use kube::{Api, Client, Resource};
use serde::Deserialize;
use tokio::sync::watch;

use crate::cache::{Cache, CacheState, Change, Entry, Watched};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::streams::{Events, Signal, WatchStream, views, watch_config};
use crate::tasks::Tasks;

/// The custom kinds that a cluster serves, as [`served_name`]; `None` while nobody knows.
pub type ServedKinds = Option<BTreeSet<String>>;

/// The name of a kind in [`ServedKinds`]: that of its CRD, and the version.
#[must_use]
pub fn served_name<K: Resource<DynamicType = ()>>() -> String {
    format!("{}.{}/{}", K::plural(&()), K::group(&()), K::version(&()))
}

/// What a stream waits for.
#[derive(Debug, Clone)]
pub enum Gate {
    /// For nothing: the kind is built into Kubernetes.
    Open,
    /// For this custom kind.
    Custom(String, watch::Receiver<ServedKinds>),
}

impl Gate {
    /// The gate of a custom resource.
    #[must_use]
    pub fn of<K: Resource<DynamicType = ()>>(served: &watch::Receiver<ServedKinds>) -> Self {
        Self::Custom(served_name::<K>(), served.clone())
    }
}

/// What has to be known of a CRD. Everything else in it, most of all its schemas, is skipped while
/// it is read. Metadata alone would not do: a CRD exists for a moment before it is served.
#[derive(Debug, Clone, Deserialize)]
struct CrdView {
    #[serde(default)]
    metadata: ObjectMeta,
    spec: Option<SpecView>,
    status: Option<StatusView>,
}

/// Lists may be missing, and they may be `null`: that is how Go writes those that are empty.
#[derive(Debug, Clone, Deserialize)]
struct SpecView {
    versions: Option<Vec<VersionView>>,
}

#[derive(Debug, Clone, Deserialize)]
struct VersionView {
    name: String,
    served: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct StatusView {
    conditions: Option<Vec<ConditionView>>,
}

#[derive(Debug, Clone, Deserialize)]
struct ConditionView {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

impl CrdView {
    /// The names of the kinds that are served because of this CRD.
    fn served(&self) -> impl Iterator<Item = String> {
        let conditions = self.status.as_ref().and_then(|status| status.conditions.as_ref());
        let established = conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == "Established" && condition.status == "True");
        let name = self.metadata.name.as_deref().unwrap_or_default();
        let versions = self.spec.as_ref().and_then(|spec| spec.versions.as_ref());
        let versions = versions.into_iter().flatten().filter(move |version| established && version.served);
        versions.map(move |version| format!("{name}/{}", version.name))
    }
}

impl Resource for CrdView {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        CustomResourceDefinition::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Watches which custom kinds a cluster serves, until the sender of `client` is dropped.
#[must_use]
pub fn watch_crds(
    label: String,
    client: watch::Receiver<Client>,
    tasks: &Tasks,
    health: &Health,
    metrics: &Metrics,
) -> watch::Receiver<ServedKinds> {
    let (served, receiver) = watch::channel(None);
    let (cache, writer) = Cache::new();
    let prune = |crd: &mut CrdView| {
        crd.metadata.annotations = None;
        crd.metadata.labels = None;
    };
    let signal = move |signal| note(&served, &cache, &signal);
    let stream = WatchStream::new(&*label, writer, prune, signal, health, metrics);
    // CRDs are large: small pages.
    let connect = |client: Client| views(Api::<CrdView>::all(client), watch_config().page_size(25));
    tasks.spawn(format!("watch of {label}"), keep(stream, Gate::Open, client, connect));
    receiver
}

fn note(served: &watch::Sender<ServedKinds>, cache: &Cache<CrdView>, signal: &Signal<CrdView>) {
    match signal {
        Signal::State(CacheState::Ready) => {
            served.send_replace(Some(cache.all().iter().flat_map(|crd| crd.served()).collect()));
        }
        Signal::State(_) => {}
        Signal::Changed(Change { before, after, .. }) => {
            let names = |entry: &Option<Entry<CrdView>>| -> BTreeSet<String> {
                let view = entry.as_ref().and_then(Entry::valid);
                view.iter().flat_map(|crd| crd.served()).collect()
            };
            let (before, after) = (names(before), names(after));
            served.send_if_modified(|served| match served {
                Some(served) if before != after => {
                    served.retain(|name| !before.contains(name));
                    served.extend(after);
                    true
                }
                _ => false,
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
    let (kind, mut served) = match gate {
        Gate::Open => match stream.run(connect).await {},
        Gate::Custom(kind, served) => (kind, served.clone()),
    };
    let has = |served: &ServedKinds| served.as_ref().map(|names| names.contains(kind));
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
