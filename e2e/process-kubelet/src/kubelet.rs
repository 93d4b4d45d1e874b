//! The kubelet: sees all pods of the cluster and gives each of its own a worker.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use futures::stream::{BoxStream, select_all};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::task::JoinSet;

use crate::api::KubeletApi;
use crate::kubernetes_service;
use crate::network::AddressPool;
use crate::node::{self, Machine};
use crate::pod::event::{Event, EventSender};
use crate::pod::references::{self, Kind, Reference};
use crate::pod::resources::{pod_directories, remove};
use crate::pod::surroundings::Surroundings;
use crate::pod::worker::{PodWorker, SHUTDOWN_GRACE};
use crate::settings::Settings;

/// How long to wait for an API server that has just been started.
const REGISTRATION_DEADLINE: Duration = Duration::from_secs(60);

/// Runs the node until `shutdown` is ready, then ends all pods.
///
/// # Errors
/// The settings cannot be used, another kubelet has the state directory, or the
/// API server does not take the node.
pub(crate) async fn run(mut settings: Settings, shutdown: impl Future<Output = ()>) -> Result<()> {
    fs::create_dir_all(&settings.logs).with_context(|| format!("making {}", settings.logs.display()))?;
    let state = &settings.state;
    fs::create_dir_all(state).with_context(|| format!("making {}", state.display()))?;
    settings.state = state.canonicalize().with_context(|| format!("finding {}", state.display()))?;
    let _lock = lock(&settings)?;
    clear(&settings).await?;

    tokio::pin!(shutdown);
    let api = KubeletApi::connect(&settings.kubeconfig).await?;
    tokio::select! {
        result = register(&api, &settings) => result?,
        () = &mut shutdown => return Ok(()),
    }
    let surroundings = Surroundings {
        pool: AddressPool::new(settings.pod_cidr, settings.bridge_ip),
        node_name: settings.node_name(),
        own_names: own_names(&api, &settings).await,
        settings,
        api,
    };
    let mut kubelet = Kubelet {
        surroundings: Arc::new(surroundings),
        pods: HashMap::new(),
        workers: JoinSet::new(),
        bindings: JoinSet::new(),
        binding: BTreeSet::new(),
        listed: None,
    };
    kubelet.work(shutdown.as_mut()).await;
    kubelet.end().await;
    clear(&kubelet.surroundings.settings).await
}

/// Removes what pods have left in the state directory: of an earlier kubelet
/// that was killed, or of one that ends.
async fn clear(settings: &Settings) -> Result<()> {
    let directory = pod_directories(&settings.state);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        match remove(&directory) {
            // The processes of an earlier kubelet end with it, but not at the
            // very same moment, and may still write.
            Err(_) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            result => return result,
        }
    }
}

/// Makes sure that no other kubelet works with the state directory: each would
/// take the other's pods for leftovers.
fn lock(settings: &Settings) -> Result<File> {
    let path = settings.state.join("lock");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    if let Err(error) = file.try_lock() {
        bail!("{} is used by another process-kubelet ({error})", settings.state.display());
    }
    Ok(file)
}

/// Opens `kubernetes.default.svc` to the pods. Where two kubelets share the
/// address of a bridge, only one can; the other's pods have to do without.
async fn own_names(api: &KubeletApi, settings: &Settings) -> Vec<(Ipv4Addr, String)> {
    match kubernetes_service::serve(settings.bridge_ip, api.server.clone()).await {
        Ok(()) => vec![(settings.bridge_ip, kubernetes_service::NAMES.to_owned())],
        Err(error) => {
            tracing::warn!("pods will not find kubernetes.default.svc: {error:#}");
            Vec::new()
        }
    }
}

async fn register(api: &KubeletApi, settings: &Settings) -> Result<()> {
    let deadline = tokio::time::Instant::now() + REGISTRATION_DEADLINE;
    loop {
        let node = node::build(settings, &Machine::observe(), Timestamp::now());
        match api.register(&node).await {
            Ok(()) => {
                tracing::info!(node = settings.node_name(), "registered");
                return Ok(());
            }
            Err(error) if tokio::time::Instant::now() < deadline => {
                tracing::info!("registering the node: {error:#}");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.context("registering the node")),
        }
    }
}

/// A pod that has a worker.
struct Entry {
    namespace: String,
    references: BTreeSet<Reference>,
    events: EventSender,
}

struct Kubelet {
    surroundings: Arc<Surroundings>,
    /// By uid.
    pods: HashMap<String, Entry>,
    /// Each gives the uid of its pod back.
    workers: JoinSet<String>,
    bindings: JoinSet<String>,
    /// Uids of pods that are being bound.
    binding: BTreeSet<String>,
    /// During a list: the uids in it.
    listed: Option<BTreeSet<String>>,
}

/// What the watches bring.
enum Seen {
    Pod(Box<watcher::Event<Pod>>),
    Changed { kind: Kind, namespace: String, name: String },
    Trouble(watcher::Error),
}

impl Kubelet {
    async fn work(&mut self, mut shutdown: Pin<&mut impl Future<Output = ()>>) {
        let mut seen = watches(&self.surroundings.api);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                Some(seen) = seen.next() => match seen {
                    Seen::Pod(event) => self.pod_event(*event),
                    Seen::Changed { kind, namespace, name } => self.object_changed(kind, &namespace, name),
                    Seen::Trouble(error) => tracing::warn!(%error, "watching"),
                },
                Some(done) = self.workers.join_next() => self.worker_ended(done),
                Some(done) = self.bindings.join_next() => {
                    if let Ok(uid) = done {
                        self.binding.remove(&uid);
                    }
                }
            }
        }
    }

    fn pod_event(&mut self, event: watcher::Event<Pod>) {
        match event {
            watcher::Event::Init => self.listed = Some(BTreeSet::new()),
            watcher::Event::InitApply(pod) => {
                if let (Some(listed), Some(uid)) = (&mut self.listed, pod.uid()) {
                    listed.insert(uid);
                }
                self.see(pod);
            }
            watcher::Event::InitDone => {
                let Some(listed) = self.listed.take() else { return };
                for (_, gone) in self.pods.iter().filter(|(uid, _)| !listed.contains(*uid)) {
                    tell(gone, Event::Gone);
                }
            }
            watcher::Event::Apply(pod) => self.see(pod),
            watcher::Event::Delete(pod) => {
                if let Some(entry) = pod.uid().and_then(|uid| self.pods.get(&uid)) {
                    tell(entry, Event::Gone);
                }
            }
        }
    }

    fn see(&mut self, pod: Pod) {
        let (Some(uid), Some(spec)) = (pod.uid(), &pod.spec) else { return };
        match spec.node_name.as_deref() {
            None => self.bind(uid, pod),
            Some(node) if node == self.surroundings.node_name => self.carry(uid, pod),
            Some(_) => {}
        }
    }

    /// There is one node, so there is nothing to choose.
    fn bind(&mut self, uid: String, pod: Pod) {
        let gated =
            pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref()).is_some_and(|g| !g.is_empty());
        if gated || pod.metadata.deletion_timestamp.is_some() || !self.binding.insert(uid.clone()) {
            return;
        }
        let surroundings = Arc::clone(&self.surroundings);
        self.bindings.spawn(async move {
            for delay in [1, 2, 4, 8, 0] {
                let Err(error) = surroundings.api.bind(&pod, &surroundings.node_name).await else { break };
                tracing::warn!(pod = pod.name_any(), "{error:#}");
                tokio::time::sleep(Duration::from_secs(delay)).await;
            }
            uid
        });
    }

    fn carry(&mut self, uid: String, pod: Pod) {
        let pod = Arc::new(pod);
        if let Some(entry) = self.pods.get(&uid) {
            return tell(entry, Event::Seen(pod));
        }
        // The kubelet has done its part; others hold the object by finalizers.
        let done = pod.metadata.deletion_timestamp.is_some()
            && pod.metadata.deletion_grace_period_seconds.unwrap_or_default() == 0;
        if done {
            return;
        }
        let entry = |events| Entry {
            namespace: pod.namespace().unwrap_or_default(),
            references: pod.spec.as_ref().map(references::of_pod).unwrap_or_default(),
            events,
        };
        let (worker, events) = PodWorker::new(Arc::clone(&self.surroundings), Arc::clone(&pod));
        self.pods.insert(uid.clone(), entry(events));
        self.workers.spawn(async move {
            worker.run().await;
            uid
        });
    }

    fn object_changed(&self, kind: Kind, namespace: &str, name: String) {
        let reference = (kind, name);
        for entry in self.pods.values() {
            if entry.namespace == namespace && entry.references.contains(&reference) {
                tell(entry, Event::ObjectsChanged);
            }
        }
    }

    fn worker_ended(&mut self, done: Result<String, tokio::task::JoinError>) {
        match done {
            Ok(uid) => drop(self.pods.remove(&uid)),
            Err(error) => tracing::error!(%error, "the worker of a pod failed"),
        }
    }

    /// Ends all pods on this machine and leaves them to the next kubelet.
    async fn end(&mut self) {
        tracing::info!(pods = self.pods.len(), "ending");
        for entry in self.pods.values() {
            tell(entry, Event::Shutdown);
        }
        let ended = async {
            while let Some(done) = self.workers.join_next().await {
                if let Err(error) = done {
                    tracing::error!(%error, "the worker of a pod failed");
                }
            }
        };
        if tokio::time::timeout(SHUTDOWN_GRACE * 3, ended).await.is_err() {
            tracing::warn!("some pods do not end by themselves");
            self.workers.shutdown().await;
        }
    }
}

fn tell(entry: &Entry, event: Event) {
    // A worker that has ended needs no news.
    let _ = entry.events.send(event);
}

/// All pods in full; of Secrets and ConfigMaps only that they have changed:
/// whoever needs one reads it.
fn watches(api: &KubeletApi) -> BoxStream<'static, Seen> {
    let pods =
        watcher(api.all::<Pod>(), watcher::Config::default()).default_backoff().map(|event| match event {
            Ok(event) => Seen::Pod(Box::new(event)),
            Err(error) => Seen::Trouble(error),
        });
    select_all([
        pods.boxed(),
        changes::<Secret>(api, Kind::Secret),
        changes::<ConfigMap>(api, Kind::ConfigMap),
    ])
    .boxed()
}

fn changes<K>(api: &KubeletApi, kind: Kind) -> BoxStream<'static, Seen>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + Send + 'static,
{
    watcher(api.all::<PartialObjectMeta<K>>(), watcher::Config::default())
        .default_backoff()
        .filter_map(move |event| {
            let seen = match event {
                Ok(
                    watcher::Event::Apply(object)
                    | watcher::Event::InitApply(object)
                    | watcher::Event::Delete(object),
                ) => Some(Seen::Changed {
                    kind,
                    namespace: object.namespace().unwrap_or_default(),
                    name: object.name_any(),
                }),
                Ok(watcher::Event::Init | watcher::Event::InitDone) => None,
                Err(error) => Some(Seen::Trouble(error)),
            };
            std::future::ready(seen)
        })
        .boxed()
}
