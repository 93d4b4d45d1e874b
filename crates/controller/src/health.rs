//! Whether the process still makes progress, and whether it may be relied on.
//!
//! An operator that answers HTTP can be dead all the same: its watches wedged,
//! its queue standing still (stackabletech/trino-operator issue 936). So every
//! part that has to move owns a [`Heartbeat`]; a part that has not moved for
//! its limit makes `/healthz` fail, and the kubelet starts a new process.
//!
//! A server that cannot be reached is no reason for a restart (it would only
//! lose the caches): a watch that keeps failing and retrying does move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
struct Part {
    limit: Duration,
    /// `None`: at rest, nothing is expected of it.
    last: Option<Instant>,
}

#[derive(Debug, Default)]
struct State {
    parts: BTreeMap<(String, u64), Part>,
    next_number: u64,
    /// What must be true before the process is ready, and whether it is.
    preconditions: BTreeMap<&'static str, bool>,
}

/// The registry of the process; clones are the same registry.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

impl Health {
    /// Registers a part that has to move at least every `limit`, from now on.
    #[must_use]
    pub fn heartbeat(&self, name: impl Into<String>, limit: Duration) -> Heartbeat {
        let mut state = self.lock();
        let key = (name.into(), state.next_number);
        state.next_number += 1;
        let part = Part { limit, last: Some(Instant::now()) };
        state.parts.insert(key.clone(), part);
        Heartbeat { health: self.clone(), key }
    }

    /// Names a precondition of readiness; it does not hold yet.
    pub fn require(&self, name: &'static str) {
        self.lock().preconditions.entry(name).or_insert(false);
    }

    /// Says whether a precondition of readiness holds.
    pub fn set(&self, name: &'static str, holds: bool) {
        self.lock().preconditions.insert(name, holds);
    }

    /// The parts that stand still, each as one line; none means alive.
    #[must_use]
    pub fn stalled(&self) -> Vec<String> {
        let now = Instant::now();
        let state = self.lock();
        let stalled = state.parts.iter().filter_map(|((name, _), part)| {
            let still = now.saturating_duration_since(part.last?);
            (still > part.limit).then(|| {
                format!("{name}: no progress for {} s (limit {} s)", still.as_secs(), part.limit.as_secs())
            })
        });
        stalled.collect()
    }

    /// The preconditions of readiness that do not hold; none means ready.
    #[must_use]
    pub fn unready(&self) -> Vec<&'static str> {
        let state = self.lock();
        let unready = state.preconditions.iter().filter(|(_, holds)| !**holds);
        unready.map(|(name, _)| *name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sign of life of one part; dropping it takes the part out.
#[derive(Debug)]
pub struct Heartbeat {
    health: Health,
    key: (String, u64),
}

impl Heartbeat {
    /// The part has moved.
    pub fn beat(&self) {
        self.note(Some(Instant::now()));
    }

    /// The part is at rest: it is not judged until its next beat.
    pub fn rest(&self) {
        self.note(None);
    }

    fn note(&self, last: Option<Instant>) {
        if let Some(part) = self.health.lock().parts.get_mut(&self.key) {
            part.last = last;
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.health.lock().parts.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_part_that_stands_still_is_named() {
        let health = Health::default();
        let moving = health.heartbeat("moving", MINUTE);
        let _stuck = health.heartbeat("stuck", MINUTE);
        tokio::time::advance(MINUTE).await;
        moving.beat();
        assert_eq!(health.stalled(), [""; 0]);
        tokio::time::advance(MINUTE).await;
        assert_eq!(health.stalled(), ["stuck: no progress for 120 s (limit 60 s)"]);
    }

    #[tokio::test(start_paused = true)]
    async fn parts_at_rest_and_parts_that_ended_are_not_judged() {
        let health = Health::default();
        let resting = health.heartbeat("part", MINUTE);
        resting.rest();
        let ended = health.heartbeat("part", MINUTE);
        drop(ended);
        tokio::time::advance(10 * MINUTE).await;
        assert_eq!(health.stalled(), [""; 0]);
        resting.beat();
        tokio::time::advance(2 * MINUTE).await;
        assert_eq!(health.stalled().len(), 1);
    }

    #[test]
    fn ready_means_that_every_precondition_holds() {
        let health = Health::default();
        health.require("caches");
        health.require("leadership");
        assert_eq!(health.unready(), ["caches", "leadership"]);
        health.set("caches", true);
        health.require("caches");
        assert_eq!(health.unready(), ["leadership"], "requiring resets nothing");
        health.set("leadership", true);
        assert_eq!(health.unready(), [""; 0]);
    }
}
