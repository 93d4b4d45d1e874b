//! Watches of the Klusterlets of spokes that leave.
//!
//! Every signal of a join shows on the hub. The end of a Klusterlet does not: it shows on the spoke's own
//! cluster alone. So a spoke that is being detached, and no other, is watched there, until its Klusterlet
//! is gone.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleetconfig_api::names;
use fleetconfig_api::v1beta1::Spoke;
use futures::TryStreamExt;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{Event, watcher};
use kube::{Api, Client};
use ocm_api::operator::v1::Klusterlet;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::queue::Queue;
use crate::streams::watch_config;
use crate::tasks::Tasks;

/// How long after a watch failed its spoke is looked at. The pass finds out by itself what is the matter;
/// this only keeps a cluster that refuses watches from being asked without end.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// The spokes whose Klusterlet is watched; clones are the same.
#[derive(Clone)]
pub struct LeavingWatches {
    queue: Queue<ObjectRef<Spoke>>,
    tasks: Tasks,
    watched: Arc<Mutex<HashMap<ObjectRef<Spoke>, Watch>>>,
}

impl fmt::Debug for LeavingWatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeavingWatches").field("watched", &self.lock().keys()).finish_non_exhaustive()
    }
}

/// A task that watches; dropping this ends it.
struct Watch(tokio::task::AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl LeavingWatches {
    /// No watches yet. Spokes are woken in `queue`.
    #[must_use]
    pub fn new(queue: Queue<ObjectRef<Spoke>>, tasks: Tasks) -> Self {
        Self { queue, tasks, watched: Arc::default() }
    }

    /// Wakes the spoke when the Klusterlet on its cluster changes or is gone. A spoke that is watched
    /// already stays as it is.
    pub fn follow(&self, spoke: &ObjectRef<Spoke>, client: Client) {
        let mut watched = self.lock();
        if watched.get(spoke).is_some_and(|watch| !watch.0.is_finished()) {
            return;
        }
        let (queue, key) = (self.queue.clone(), spoke.clone());
        let name = format!("watch of the Klusterlet of {spoke}");
        let task = self.tasks.spawn(name, async move { watch(&queue, &key, client).await });
        watched.insert(spoke.clone(), Watch(task));
    }

    /// The spoke is gone, or stays: nothing of it is watched any more.
    pub fn release(&self, spoke: &ObjectRef<Spoke>) {
        self.lock().remove(spoke);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectRef<Spoke>, Watch>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches until the Klusterlet is gone or the watch fails. Either way the next pass over the spoke looks
/// at its cluster, and asks for a new watch if it needs one.
async fn watch(queue: &Queue<ObjectRef<Spoke>>, spoke: &ObjectRef<Spoke>, client: Client) {
    let config = watch_config().fields(&format!("metadata.name={}", names::KLUSTERLET));
    let mut events = pin!(watcher(Api::<PartialObjectMeta<Klusterlet>>::all(client), config));
    let mut there = false;
    loop {
        match events.try_next().await {
            Ok(Some(Event::Init)) => there = false,
            Ok(Some(Event::InitApply(_))) => there = true,
            Ok(Some(Event::InitDone)) if there => {}
            Ok(Some(Event::Apply(_))) => queue.wake(spoke.clone()),
            Ok(Some(Event::InitDone | Event::Delete(_))) => break,
            Ok(None) => break,
            Err(error) => {
                debug!(%spoke, error = crate::reconcile::error_chain(&error), "the watch of the Klusterlet failed");
                sleep_until(Instant::now() + AFTER_FAILURE).await;
                break;
            }
        }
    }
    queue.wake(spoke.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_api::FakeApi;
    use serde_json::json;

    struct Bench {
        api: FakeApi,
        queue: Queue<ObjectRef<Spoke>>,
        watches: LeavingWatches,
        spoke: ObjectRef<Spoke>,
    }

    impl Bench {
        fn new() -> Self {
            let queue = Queue::default();
            let watches = LeavingWatches::new(queue.clone(), Tasks::default());
            Self { api: FakeApi::default(), queue, watches, spoke: ObjectRef::new("s").within("n") }
        }

        /// Follows the spoke and waits until the watch stands.
        async fn follow(&self) {
            self.watches.follow(&self.spoke, self.api.client());
            while self.api.watches::<Klusterlet>() == 0 {
                tokio::task::yield_now().await;
            }
        }

        async fn woken(&self) {
            self.queue.woken().await;
            assert_eq!(self.queue.lock().take().as_ref(), Some(&self.spoke));
        }

        fn due(&self) -> usize {
            self.queue.lock().due()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_klusterlet_wakes_its_spoke_and_ends_the_watch() {
        let bench = Bench::new();
        bench.api.install::<Klusterlet>();
        bench.api.put::<Klusterlet>(json!({"metadata": {"name": "klusterlet"}}));
        bench.follow().await;
        // A second call while the first watch stands is none.
        bench.follow().await;
        assert_eq!(bench.api.lists::<Klusterlet>(), 1);
        assert_eq!(bench.due(), 0);
        bench.api.delete::<Klusterlet>("", "klusterlet");
        bench.woken().await;
        assert_eq!(bench.api.watches::<Klusterlet>(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_klusterlet_that_is_gone_when_the_watch_begins_wakes_at_once() {
        let bench = Bench::new();
        bench.api.install::<Klusterlet>();
        let begin = Instant::now();
        bench.watches.follow(&bench.spoke, bench.api.client());
        bench.woken().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_refused_wakes_after_a_while() {
        let bench = Bench::new();
        let begin = Instant::now();
        bench.watches.follow(&bench.spoke, bench.api.client());
        bench.woken().await;
        assert_eq!(begin.elapsed(), AFTER_FAILURE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_spoke_that_is_released_is_not_watched() {
        let bench = Bench::new();
        bench.api.install::<Klusterlet>();
        bench.api.put::<Klusterlet>(json!({"metadata": {"name": "klusterlet"}}));
        bench.follow().await;
        bench.watches.release(&bench.spoke);
        while bench.api.watches::<Klusterlet>() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.due(), 0);
    }
}
