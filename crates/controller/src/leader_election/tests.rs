//! Candidates against a server that keeps one Lease, on paused time.

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use kube::client::Body;
use kube::{Client, api::ObjectMeta};
use serde_json::json;
use tokio::task::JoinHandle;
use tower::service_fn;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// One Lease with the optimistic concurrency of an API server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Lease>,
    version: u64,
    writes: usize,
    last_write: Option<Instant>,
    /// Clients with these names get no answer.
    cut_off: Vec<&'static str>,
    /// How many requests get no answer.
    hanging: usize,
}

impl Server {
    pub(crate) fn candidate(&self, identity: &'static str) -> Candidate {
        let server = self.clone();
        let service = service_fn(move |request: http::Request<Body>| {
            let server = server.clone();
            async move { server.answer(identity, request).await }
        });
        Candidate {
            leases: Api::namespaced(Client::new(service, "n"), "n"),
            name: "l".into(),
            identity: identity.into(),
            timing: Timing::default(),
            tenure: Tenure::not_begun(),
        }
    }

    async fn answer(
        &self,
        client: &str,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, std::convert::Infallible> {
        let method = request.method().to_string();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        if self.0.lock().unwrap().cut_off.contains(&client) {
            std::future::pending::<()>().await;
        }
        let hangs = {
            let mut stored = self.0.lock().unwrap();
            let hangs = stored.hanging > 0;
            stored.hanging = stored.hanging.saturating_sub(1);
            hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut stored = self.0.lock().unwrap();
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        let failed = |code: u16, reason: &str| {
            let body = json!({"kind": "Status", "status": "Failure", "code": code,
                "reason": reason, "message": reason});
            (code, serde_json::to_vec(&body).unwrap())
        };
        let (code, answer) = match (method.as_str(), stored.lease.clone()) {
            ("GET", None) => failed(404, "NotFound"),
            ("GET", Some(lease)) => (200, serde_json::to_vec(&lease).unwrap()),
            ("POST", Some(_)) => failed(409, "AlreadyExists"),
            ("PUT", None) => failed(404, "NotFound"),
            (_, before) => {
                let mut lease: Lease = serde_json::from_slice(&body).unwrap();
                if before.as_ref().is_some_and(|known| version(known) != version(&lease)) {
                    failed(409, "Conflict")
                } else {
                    stored.version += 1;
                    stored.writes += 1;
                    stored.last_write = Some(Instant::now());
                    lease.metadata = ObjectMeta {
                        resource_version: Some(stored.version.to_string()),
                        uid: Some("u".into()),
                        ..lease.metadata
                    };
                    stored.lease = Some(lease.clone());
                    (200, serde_json::to_vec(&lease).unwrap())
                }
            }
        };
        let response = http::Response::builder().status(code);
        Ok(response.body(Body::from(answer)).unwrap())
    }

    pub(crate) fn holder(&self) -> String {
        let stored = self.0.lock().unwrap();
        let spec = stored.lease.as_ref().and_then(|lease| lease.spec.clone());
        spec.and_then(|spec| spec.holder_identity).unwrap_or_default()
    }

    pub(crate) fn cut_off(&self, client: &'static str) {
        self.0.lock().unwrap().cut_off.push(client);
    }
}

struct Running {
    leadership: watch::Receiver<Leadership>,
    release: CancellationToken,
    task: JoinHandle<Result<(), LeadershipLost>>,
}

impl Running {
    fn start(candidate: Candidate) -> Self {
        let (sender, leadership) = watch::channel(Leadership::Unknown);
        let release = CancellationToken::new();
        let task = tokio::spawn(candidate.run(sender, release.clone()));
        Self { leadership, release, task }
    }

    fn leads(&self) -> bool {
        *self.leadership.borrow() == Leadership::Leader
    }

    async fn until(&mut self, state: Leadership) {
        self.leadership.wait_for(|now| *now == state).await.unwrap();
    }
}

async fn run_for(time: Duration) {
    tokio::time::sleep_until(Instant::now() + time).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_candidates_exactly_one_leads_and_it_stays() {
    let server = Server::default();
    let mut candidates = ["a", "b"].map(|name| Running::start(server.candidate(name)));
    for _ in 0..600 {
        run_for(SECOND).await;
        let leaders = candidates.iter().filter(|candidate| candidate.leads());
        assert_eq!(leaders.count(), 1);
    }
    let [a, b] = &mut candidates;
    let loser = if a.leads() { b } else { a };
    assert_eq!(*loser.leadership.borrow_and_update(), Leadership::Follower);
    let writes = server.0.lock().unwrap().writes;
    assert!((119..=122).contains(&writes), "one write per 5 s: {writes}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_starts() {
    let server = Server::default();
    let mut old = Running::start(server.candidate("old"));
    old.until(Leadership::Leader).await;
    let mut new = Running::start(server.candidate("new"));
    new.until(Leadership::Follower).await;
    run_for(33 * SECOND).await;
    let cut = Instant::now();
    server.cut_off("old");
    let lost = (&mut old.task).await.unwrap();
    assert!(matches!(lost, Err(LeadershipLost::NotRenewed(_))), "{lost:?}");
    assert!(!old.leads());
    assert!(!new.leads(), "the successor has not started yet");
    let renewed = server.0.lock().unwrap().last_write.unwrap();
    assert!(renewed.elapsed() <= 10 * SECOND, "{:?} after the last renewal", renewed.elapsed());
    new.until(Leadership::Leader).await;
    let took = cut.elapsed().as_secs();
    assert!((10..=17).contains(&took), "within the lease: {took} s");
    assert_eq!(server.holder(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_in_order_is_succeeded_at_once() {
    let server = Server::default();
    let mut old = Running::start(server.candidate("old"));
    old.until(Leadership::Leader).await;
    let mut new = Running::start(server.candidate("new"));
    new.until(Leadership::Follower).await;
    let ended = Instant::now();
    old.release.cancel();
    old.task.await.unwrap().unwrap();
    assert_eq!(server.holder(), "");
    new.until(Leadership::Leader).await;
    assert!(ended.elapsed() <= 2 * SECOND, "{:?}", ended.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_ends_leaves_the_lease_alone() {
    let server = Server::default();
    let mut leader = Running::start(server.candidate("leader"));
    leader.until(Leadership::Leader).await;
    let mut follower = Running::start(server.candidate("follower"));
    follower.until(Leadership::Follower).await;
    follower.release.cancel();
    follower.task.await.unwrap().unwrap();
    assert_eq!(server.holder(), "leader");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_was_taken_by_force_ends() {
    let server = Server::default();
    let mut leader = Running::start(server.candidate("a"));
    leader.until(Leadership::Leader).await;
    {
        let mut stored = server.0.lock().unwrap();
        stored.version += 1;
        let version = stored.version.to_string();
        let lease = stored.lease.as_mut().unwrap();
        lease.metadata.resource_version = Some(version);
        lease.spec.as_mut().unwrap().holder_identity = Some("b".into());
    }
    let lost = leader.task.await.unwrap();
    assert!(matches!(lost, Err(LeadershipLost::TakenBy(by)) if by == "b"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again_without_a_change_of_leaders() {
    let server = Server::default();
    let mut leader = Running::start(server.candidate("a"));
    leader.until(Leadership::Leader).await;
    server.0.lock().unwrap().lease = None;
    run_for(20 * SECOND).await;
    assert!(leader.leads());
    assert_eq!(server.holder(), "a");
}

#[tokio::test(start_paused = true)]
async fn one_request_that_hangs_does_not_cost_the_lead() {
    let server = Server::default();
    let mut leader = Running::start(server.candidate("a"));
    leader.until(Leadership::Leader).await;
    for _ in 0..3 {
        server.0.lock().unwrap().hanging = 1;
        run_for(30 * SECOND).await;
        assert!(leader.leads());
    }
    server.0.lock().unwrap().hanging = 3;
    let lost = leader.task.await.unwrap();
    assert!(matches!(lost, Err(LeadershipLost::NotRenewed(_))), "{lost:?}");
}

/// A process that stands still does not notice when its time is up; the tenure holds by itself.
#[tokio::test(start_paused = true)]
async fn the_tenure_ends_before_anybody_else_may_lead_although_nothing_runs_here() {
    let server = Server::default();
    let candidate = server.candidate("a");
    let (tenure, timing) = (candidate.tenure.clone(), candidate.timing);
    let may_call = || tenure.until().is_none_or(|until| Instant::now() < until);
    assert!(!may_call(), "nothing may be called before the election");
    let (office, mut leadership) = watch::channel(Leadership::Unknown);
    let term = tokio::spawn(candidate.run(office, CancellationToken::new()));
    leadership.wait_for(|state| *state == Leadership::Leader).await.unwrap();
    assert!(may_call());
    run_for(timing.lease * 10).await;
    assert!(may_call(), "every renewal extends it");
    // From here on this process stands still.
    term.abort();
    let renewed = server.0.lock().unwrap().last_write.unwrap();
    tokio::time::sleep_until(renewed + timing.lease - SECOND).await;
    assert!(!may_call());
    assert!(tenure.until().unwrap() <= renewed + timing.give_up);
}
