//! What all clients of a server share.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    change::{Change, Hook},
    cluster::Cluster,
    direct::Direct,
    faults::Faults,
    http::{ApiRequest, Reply},
    rejection::Rejection,
    request_log::RequestLog,
    stop::Stops,
    store::Event,
};

/// The state of a server.
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    /// The latest version, for watches to wait on.
    pub(crate) latest: tokio::sync::watch::Sender<u64>,
    pub(crate) log: RequestLog,
    pub(crate) faults: Faults,
    pub(crate) stops: Stops,
    hooks: Mutex<Hooks>,
}

#[derive(Default)]
struct Hooks {
    callbacks: Vec<Hook>,
    queue: VecDeque<Event>,
    /// Somebody is working the queue off.
    busy: bool,
}

/// Locks a mutex. A panic elsewhere is that test's failure, not a reason to panic here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(mut cluster: Cluster) -> Self {
        cluster.store.take_news();
        Self {
            latest: tokio::sync::watch::Sender::new(cluster.store.version()),
            cluster: Mutex::new(cluster),
            log: RequestLog::default(),
            faults: Faults::default(),
            stops: Stops::default(),
            hooks: Mutex::default(),
        }
    }

    /// Looks at the cluster.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&lock(&self.cluster))
    }

    /// Carries a request out and tells watchers and hooks about it. Returns whether anything
    /// changed, too.
    pub(crate) fn execute(self: &Arc<Self>, request: &ApiRequest) -> (Result<Reply, Rejection>, bool) {
        self.change(|cluster| cluster.handle(request))
    }

    /// Changes the cluster and tells watchers and hooks about it.
    pub(crate) fn change<T>(self: &Arc<Self>, work: impl FnOnce(&mut Cluster) -> T) -> (T, bool) {
        let (result, news, version) = {
            let mut cluster = lock(&self.cluster);
            let result = work(&mut cluster);
            (result, cluster.store.take_news(), cluster.store.version())
        };
        let changed = !news.is_empty();
        if changed {
            self.latest.send_if_modified(|latest| {
                let newer = version > *latest;
                *latest = version.max(*latest);
                newer
            });
            self.tell(news);
        }
        (result, changed)
    }

    pub(crate) fn add_hook(&self, hook: Hook) {
        lock(&self.hooks).callbacks.push(hook);
    }

    /// Calls the hooks, one change after the other. A change that a hook makes waits its turn, so
    /// that hooks are never nested and always see changes in order.
    fn tell(self: &Arc<Self>, news: Vec<Event>) {
        {
            let mut hooks = lock(&self.hooks);
            if hooks.callbacks.is_empty() {
                return;
            }
            hooks.queue.extend(news);
            if hooks.busy {
                return;
            }
            hooks.busy = true;
        }
        let direct = Direct::new(self.clone());
        loop {
            let (callbacks, event) = {
                let mut hooks = lock(&self.hooks);
                let Some(event) = hooks.queue.pop_front() else {
                    hooks.busy = false;
                    return;
                };
                (hooks.callbacks.clone(), event)
            };
            let change = self.read(|cluster| Change::of(cluster, &event));
            for callback in callbacks {
                callback(&direct, &change);
            }
        }
    }
}
