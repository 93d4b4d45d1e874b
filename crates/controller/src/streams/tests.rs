//! On paused time, with streams of events that the tests make.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures::stream;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::reflector::ObjectRef;
use serde_json::json;

use super::*;
use crate::cache::Cache;

const SECOND: Duration = Duration::from_secs(1);

/// The seconds at which a stream has told of a change.
type Heard = Arc<Mutex<Vec<u64>>>;

struct Bench {
    start: Instant,
    health: Health,
    metrics: Metrics,
}

impl Bench {
    fn new() -> Self {
        Self { start: Instant::now(), health: Health::default(), metrics: Metrics::new() }
    }

    /// Runs a stream in a task of its own.
    fn run(
        &self,
        label: &str,
        connect: impl Fn() -> Events<ConfigMap> + Send + 'static,
    ) -> (Heard, Cache<ConfigMap>) {
        let (cache, writer) = Cache::new();
        let heard = Heard::default();
        let signal = {
            let (heard, start) = (Arc::clone(&heard), self.start);
            move |signal| {
                if matches!(signal, Signal::Changed(_)) {
                    heard.lock().unwrap().push(start.elapsed().as_secs());
                }
            }
        };
        let prune = |object: &mut ConfigMap| object.data = None;
        let mut stream = WatchStream::new(label, writer, prune, signal, &self.health, &self.metrics);
        tokio::spawn(async move { stream.run(connect).await });
        (heard, cache)
    }

    async fn until(&self, second: u64) {
        sleep_until(self.start + Duration::from_secs(second)).await;
    }
}

fn object(name: &str, version: u64) -> DeserializeGuard<ConfigMap> {
    serde_json::from_value(json!({
        "metadata": {"namespace": "n", "name": name, "resourceVersion": version.to_string(),
            "annotations": {LAST_APPLIED: "{}", "kept": "yes"},
            "managedFields": [{"manager": "kubectl"}]},
        "data": {"large": "value"},
    }))
    .unwrap()
}

fn error() -> watcher::Error {
    watcher::Error::NoResourceVersion
}

/// An empty list, then a change of object `a` every second.
fn every_second() -> Events<ConfigMap> {
    let listed = stream::iter([Ok(Event::Init), Ok(Event::InitDone)]);
    let changes = stream::unfold(1, |version| async move {
        sleep_until(Instant::now() + SECOND).await;
        Some((Ok(Event::Apply(object("a", version))), version + 1))
    });
    listed.chain(changes).boxed()
}

/// A list that is begun and fails, again and again.
fn failing() -> Events<ConfigMap> {
    stream::iter([0; 2])
        .cycle()
        .enumerate()
        .map(|(n, _)| if n % 2 == 0 { Ok(Event::Init) } else { Err(error()) })
        .boxed()
}

#[tokio::test(start_paused = true)]
async fn a_failing_stream_delays_no_other() {
    let bench = Bench::new();
    let (broken, _) = bench.run("broken", failing);
    let (healthy, _) = bench.run("healthy", every_second);
    bench.until(121).await;
    assert_eq!(*healthy.lock().unwrap(), (1..=120).collect::<Vec<u64>>());
    assert_eq!(*broken.lock().unwrap(), [0; 0]);
    // 0.1 s doubling to 30 s: nine failures in the first 26 s, then one per 30 s.
    let errors = bench.metrics.watch_errors("broken");
    assert!((10..=14).contains(&errors), "paced: {errors} errors in two minutes");
    assert_eq!(bench.metrics.watch_errors("healthy"), 0);
    bench.until(3600).await;
    assert_eq!(bench.health.stalled(), [""; 0], "a stream that retries is alive");
}

#[tokio::test(start_paused = true)]
async fn failures_that_have_nothing_to_do_with_each_other_do_not_add_up() {
    let bench = Bench::new();
    let flaky = || {
        let errors = stream::unfold((), |()| async {
            sleep_until(Instant::now() + 140 * SECOND).await;
            Some((Err(error()), ()))
        });
        stream::iter([Ok(Event::Init), Ok(Event::InitDone)]).chain(errors).boxed()
    };
    bench.run("flaky", flaky);
    bench.until(141 * 20).await;
    assert_eq!(bench.metrics.watch_errors("flaky"), 20, "one per 140.1 s, without growing pauses");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_begun_anew() {
    let bench = Bench::new();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let hangs_twice = move || {
        if counted.fetch_add(1, SeqCst) < 2 {
            stream::iter([Ok(Event::Init)]).chain(stream::pending()).boxed()
        } else {
            every_second()
        }
    };
    let (heard, cache) = bench.run("hanging", hangs_twice);
    bench.until(100).await;
    assert_eq!(cache.state(), CacheState::Loading);
    bench.until(124).await;
    assert_eq!(connections.load(SeqCst), 3);
    assert_eq!(cache.state(), CacheState::Ready);
    assert!(heard.lock().unwrap()[0] >= 121);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_left_alone_and_a_dead_one_is_not() {
    let bench = Bench::new();
    let connections = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let listed = || stream::iter([Ok(Event::Init), Ok(Event::InitDone)]);
    let [quiet, dead] = connections.clone();
    bench.run("quiet", move || {
        quiet.fetch_add(1, SeqCst);
        // As with bookmarks: the stream is woken and has nothing to tell.
        let bookmarks = stream::unfold((), |()| async {
            sleep_until(Instant::now() + 60 * SECOND).await;
            Some((None, ()))
        });
        listed().chain(bookmarks.filter_map(std::future::ready)).boxed()
    });
    bench.run("dead", move || {
        dead.fetch_add(1, SeqCst);
        listed().chain(stream::pending()).boxed()
    });
    bench.until(1000).await;
    assert_eq!(connections.map(|count| count.load(SeqCst)), [1, 7], "begun anew each 150 s");
    assert_eq!(bench.health.stalled(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_needed_is_kept_and_a_broken_object_breaks_nothing_else() {
    let bench = Bench::new();
    let (heard, cache) = bench.run("pruned", || {
        let broken = json!({"metadata": {"namespace": "n", "name": "b", "managedFields": [{}]}, "data": 1});
        let broken = serde_json::from_value(broken).unwrap();
        let events =
            [Event::Init, Event::InitApply(object("a", 1)), Event::InitApply(broken), Event::InitDone];
        stream::iter(events.map(Ok)).chain(stream::pending()).boxed()
    });
    bench.until(1).await;
    assert_eq!(heard.lock().unwrap().len(), 2);
    let a = cache.get(&ObjectRef::new("a").within("n")).unwrap();
    assert_eq!(a.data, None, "pruned");
    assert_eq!(a.metadata.managed_fields.as_deref(), Some(&[][..]));
    let annotations: Vec<&String> = a.annotations().keys().collect();
    assert_eq!(annotations, ["kept"]);
    assert_eq!(cache.invalid()[0].metadata.managed_fields.as_deref(), Some(&[][..]));
}
