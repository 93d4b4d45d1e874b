//! All on paused time: what is asserted are the virtual instants of passes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::watcher::Event;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::cache::CacheWriter;

const SECOND: Duration = Duration::from_secs(1);
const POLICY: BackoffPolicy = BackoffPolicy { first: SECOND, max: Duration::from_secs(60) };

/// What the test reconciler does with an object of a certain name.
#[derive(Clone, Copy)]
enum Behaviour {
    Succeed(Next),
    Fail(Cure),
    Panic,
    /// Never comes back.
    Hang,
    /// Works for this long.
    Work(Duration),
}

#[derive(Default)]
struct Script {
    start: Option<Instant>,
    behaviour: BTreeMap<&'static str, Behaviour>,
    /// Name and second of each pass.
    passes: Vec<(String, u64)>,
    finished: usize,
    running: usize,
    most_running: usize,
    forgotten: Vec<String>,
}

#[derive(Default)]
struct Scripted {
    script: Mutex<Script>,
    moved: Notify,
}

impl Scripted {
    fn begin(&self, name: &str) -> Behaviour {
        let mut script = self.script.lock().unwrap();
        let start = script.start.unwrap();
        script.passes.push((name.into(), start.elapsed().as_secs()));
        script.running += 1;
        script.most_running = script.most_running.max(script.running);
        self.moved.notify_one();
        let default = Behaviour::Succeed(Next::Await);
        script.behaviour.get(name).copied().unwrap_or(default)
    }

    fn seconds_of(&self, name: &str) -> Vec<u64> {
        let script = self.script.lock().unwrap();
        let own = script.passes.iter().filter(|(of, _)| of == name);
        own.map(|(_, second)| *second).collect()
    }
}

/// Counts a pass out also when it is dropped or panics.
struct Running<'a>(&'a Scripted);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.script.lock().unwrap().running -= 1;
        self.0.moved.notify_one();
    }
}

impl Reconcile<ConfigMap> for Scripted {
    async fn reconcile(&self, object: Arc<ConfigMap>, _: &Pass) -> Result<Next, ReconcileError> {
        let behaviour = self.begin(object.metadata.name.as_deref().unwrap());
        let _running = Running(self);
        let next = match behaviour {
            Behaviour::Succeed(next) => next,
            Behaviour::Fail(Cure::Retry) => {
                return Err(ReconcileError::transient(Reason::ClusterUnreachable, "no route"));
            }
            Behaviour::Fail(Cure::Change) => {
                return Err(ReconcileError::terminal(Reason::BundleUnknown, "no such bundle"));
            }
            Behaviour::Panic => panic!("scripted"),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Work(time) => {
                tokio::time::sleep_until(Instant::now() + time).await;
                Next::Await
            }
        };
        self.script.lock().unwrap().finished += 1;
        Ok(next)
    }

    async fn report_invalid(&self, object: Arc<InvalidObject>, _: &Pass) -> Result<Next, ReconcileError> {
        self.begin(&format!("{} is invalid", object.metadata.name.as_deref().unwrap()));
        let _running = Running(self);
        Ok(Next::Await)
    }

    fn forget(&self, key: &ObjectRef<ConfigMap>) {
        self.script.lock().unwrap().forgotten.push(key.name.clone());
    }
}

/// A runner over objects of these names, all due.
struct Bench {
    scripted: Arc<Scripted>,
    queue: Queue<ObjectRef<ConfigMap>>,
    writer: CacheWriter<ConfigMap>,
    leadership: watch::Sender<Leadership>,
    health: Health,
    metrics: Metrics,
    stop: CancellationToken,
    runner: tokio::task::JoinHandle<()>,
}

fn object(name: &str) -> DeserializeGuard<ConfigMap> {
    serde_json::from_value(json!({"metadata": {"name": name, "namespace": "n"}})).unwrap()
}

fn key(name: &str) -> ObjectRef<ConfigMap> {
    ObjectRef::new(name).within("n")
}

impl Bench {
    fn start<const N: usize>(behaviour: [(&'static str, Behaviour); N]) -> Self {
        let limits = Limits {
            concurrency: 4,
            deadline: 30 * SECOND,
            resync: 600 * SECOND,
            backoff: POLICY,
            grace: 25 * SECOND,
            stall: 600 * SECOND,
        };
        Self::with(limits, Leadership::Leader, behaviour)
    }

    fn with<const N: usize>(
        limits: Limits,
        leadership: Leadership,
        behaviour: [(&'static str, Behaviour); N],
    ) -> Self {
        let scripted = Arc::new(Scripted::default());
        {
            let mut script = scripted.script.lock().unwrap();
            script.start = Some(Instant::now());
            script.behaviour = behaviour.into();
        }
        let (cache, mut writer) = Cache::new();
        let queue = Queue::default();
        writer.apply(Event::Init);
        for (name, _) in behaviour {
            writer.apply(Event::InitApply(object(name)));
            queue.wake(key(name));
        }
        writer.apply(Event::InitDone);
        let leadership = watch::Sender::new(leadership);
        let health = Health::default();
        let metrics = Metrics::new();
        let stop = CancellationToken::new();
        let runner = Runner {
            cache,
            queue: queue.clone(),
            reconciler: Arc::clone(&scripted),
            limits,
            leadership: leadership.subscribe(),
            health: health.clone(),
            metrics: metrics.clone(),
        };
        Self {
            runner: tokio::spawn(runner.run(stop.clone())),
            scripted,
            queue,
            writer,
            leadership,
            health,
            metrics,
            stop,
        }
    }

    /// Lets virtual time run to this second.
    async fn run_to(&self, second: u64) {
        let start = self.scripted.script.lock().unwrap().start.unwrap();
        tokio::time::sleep_until(start + Duration::from_secs(second)).await;
    }

    async fn stop(self) -> Arc<Scripted> {
        self.stop.cancel();
        self.runner.await.unwrap();
        self.scripted
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_panics_or_hangs_is_that_objects_failure_only() {
    let bench = Bench::start([
        ("bad", Behaviour::Panic),
        ("good", Behaviour::Succeed(Next::After(10 * SECOND))),
        ("stuck", Behaviour::Hang),
    ]);
    bench.run_to(59).await;
    assert_eq!(bench.scripted.seconds_of("good"), [0, 10, 20, 30, 40, 50]);
    let bad = bench.scripted.seconds_of("bad");
    assert!(bad.len() >= 5, "retried with back-off: {bad:?}");
    let stuck = bench.scripted.seconds_of("stuck");
    assert_eq!(stuck.len(), 2, "dropped at 30 s and retried: {stuck:?}");
    assert!(stuck[1] == 30 || stuck[1] == 31, "{stuck:?}");
    let text = bench.metrics.encode();
    assert!(text.contains(&format!("panics_total{{kind=\"ConfigMap\"}} {}", bad.len())), "{text}");
    assert!(text.contains("kind=\"ConfigMap\",result=\"RequestTimeout\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_object_backs_off_and_success_resets_it() {
    let bench = Bench::start([("a", Behaviour::Fail(Cure::Retry))]);
    bench.run_to(600).await;
    let failing = bench.scripted.seconds_of("a");
    for (failures, pair) in (1..).zip(failing.windows(2)) {
        let waited = pair[1] - pair[0];
        let (least, most) = (POLICY.delay(failures, 0.0), POLICY.delay(failures, 1.0));
        assert!(least.as_secs() <= waited && waited <= most.as_secs() + 1, "{failures}: {failing:?}");
    }
    assert!((12..=26).contains(&failing.len()), "{failing:?}");

    // Healed by an event, then broken again: the curve starts anew.
    let set = |behaviour| {
        let mut script = bench.scripted.script.lock().unwrap();
        script.behaviour.insert("a", behaviour);
    };
    set(Behaviour::Succeed(Next::Await));
    bench.queue.wake(key("a"));
    bench.run_to(602).await;
    set(Behaviour::Fail(Cure::Retry));
    let healed = bench.scripted.seconds_of("a").len();
    assert_eq!(healed, failing.len() + 1, "an event need not wait for the back-off");
    bench.queue.wake(key("a"));
    bench.run_to(606).await;
    assert!(bench.scripted.seconds_of("a").len() >= healed + 3, "1 s, then 2 s");
}

#[tokio::test(start_paused = true)]
async fn events_do_not_turn_a_failure_into_a_busy_loop() {
    let bench = Bench::start([("a", Behaviour::Fail(Cure::Retry))]);
    for tenth in 1..=100 {
        bench.queue.wake(key("a"));
        let start = bench.scripted.script.lock().unwrap().start.unwrap();
        tokio::time::sleep_until(start + tenth * SECOND / 10).await;
    }
    let passes = bench.scripted.seconds_of("a").len();
    assert!((9..=21).contains(&passes), "at most one per floor of 0.5 to 1 s: {passes}");
}

#[tokio::test(start_paused = true)]
async fn what_only_a_change_can_heal_waits_for_the_change() {
    let bench = Bench::start([("a", Behaviour::Fail(Cure::Change))]);
    bench.run_to(500).await;
    assert_eq!(bench.scripted.seconds_of("a"), [0]);
    bench.queue.wake(key("a"));
    bench.run_to(501).await;
    assert_eq!(bench.scripted.seconds_of("a"), [0, 500]);
    bench.run_to(501 + 660).await;
    assert_eq!(bench.scripted.seconds_of("a").len(), 3, "and for the resync");
}

#[tokio::test(start_paused = true)]
async fn an_event_may_be_lost_but_not_for_ever() {
    let bench = Bench::start([("a", Behaviour::Succeed(Next::Await))]);
    bench.run_to(539).await;
    assert_eq!(bench.scripted.seconds_of("a"), [0]);
    bench.run_to(661).await;
    assert_eq!(bench.scripted.seconds_of("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_limited_and_one_object_never_runs_twice_at_once() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let bench = Bench::start(names.map(|name| (name, Behaviour::Work(10 * SECOND))));
    bench.run_to(5).await;
    for name in names {
        bench.queue.wake(key(name));
    }
    bench.run_to(100).await;
    // Those that ran at 5 s got one more pass; those in line were in it once.
    for (name, passes) in names.iter().zip([2, 2, 2, 2, 1, 1, 1, 1]) {
        assert_eq!(bench.scripted.seconds_of(name).len(), passes, "{name}");
    }
    assert_eq!(bench.scripted.script.lock().unwrap().most_running, 4);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_running_passes_and_starts_no_new_ones() {
    let mut work = ["a", "b", "c", "d", "e"].map(|name| (name, Behaviour::Work(10 * SECOND)));
    work[3].1 = Behaviour::Hang;
    let bench = Bench::start(work);
    bench.run_to(1).await;
    let stopped = Instant::now();
    let scripted = bench.stop().await;
    let script = scripted.script.lock().unwrap();
    assert_eq!(script.finished, 3, "a, b and c were finished");
    assert_eq!(script.running, 0, "d was dropped");
    assert_eq!(stopped.elapsed().as_secs(), 25, "after the grace period");
    assert_eq!(script.passes.len(), 4, "e was not started");
}

#[tokio::test(start_paused = true)]
async fn only_the_leader_acts_and_it_starts_at_once() {
    let behaviour = [("a", Behaviour::Succeed(Next::Await))];
    let bench = Bench::with(Limits::default(), Leadership::Unknown, behaviour);
    bench.run_to(30).await;
    bench.leadership.send_replace(Leadership::Follower);
    bench.run_to(3000).await;
    assert_eq!(bench.scripted.seconds_of("a"), [0; 0]);
    assert_eq!(bench.health.stalled(), [""; 0], "a follower is alive");
    bench.leadership.send_replace(Leadership::Leader);
    bench.run_to(3001).await;
    assert_eq!(bench.scripted.seconds_of("a"), [3000]);
}

#[tokio::test(start_paused = true)]
async fn gone_objects_are_forgotten_and_broken_ones_reported() {
    let mut bench = Bench::start([("a", Behaviour::Fail(Cure::Retry))]);
    bench.run_to(20).await;
    let deleted = bench.writer.apply(Event::Delete(object("a")));
    bench.queue.wake(deleted[0].key.clone());
    let broken = json!({"metadata": {"name": "b", "namespace": "n"}, "data": 1});
    let broken = bench.writer.apply(Event::Apply(serde_json::from_value(broken).unwrap()));
    bench.queue.wake(broken[0].key.clone());
    bench.run_to(40).await;
    let scripted = bench.stop().await;
    assert_eq!(scripted.script.lock().unwrap().forgotten, ["a"]);
    assert_eq!(scripted.seconds_of("b is invalid"), [20]);
    assert!(scripted.seconds_of("a").iter().all(|second| *second <= 20));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_move_is_noticed() {
    let limits = Limits {
        concurrency: 1,
        // Far longer than the stall limit: the only slot is lost for good.
        deadline: Duration::from_secs(100_000),
        ..Limits::default()
    };
    let behaviour = [("a", Behaviour::Hang), ("b", Behaviour::Hang)];
    let bench = Bench::with(limits, Leadership::Leader, behaviour);
    bench.run_to(500).await;
    assert_eq!(bench.health.stalled(), [""; 0]);
    bench.run_to(700).await;
    let stalled = bench.health.stalled();
    assert!(stalled[0].starts_with("queue of ConfigMap"), "{stalled:?}");
}
