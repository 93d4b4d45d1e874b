//! How long a failing object waits before its next attempt.
//!
//! kube's controller knows one `error_policy` without a memory per object
//! (kube-rs/kube issue 1916), so the count of failures is kept here: by key,
//! forgotten on success and when the object is gone.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// The curve of delays: doubling from `first` up to `max`.
#[derive(Debug, Clone, Copy)]
pub struct BackoffPolicy {
    /// The longest delay after a first failure, and the shortest time between
    /// two attempts of a failing object however often it is woken.
    pub first: Duration,
    /// The longest delay after any number of failures.
    pub max: Duration,
}

impl Default for BackoffPolicy {
    /// One second doubling up to one minute: whoever has mended something that no event tells of
    /// (a Secret, a network) does not wait longer.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

impl BackoffPolicy {
    /// The delay after `failures` failures in a row.
    ///
    /// `jitter` is a number in `0.0..=1.0` (clamped); the delay lies between
    /// half of the curve (0.0) and the curve itself (1.0), so that objects
    /// that failed together do not come back together.
    #[must_use]
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let curve = self.first.saturating_mul(1 << doublings).min(self.max);
        curve.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// The failures in a row of every object that is failing now.
#[derive(Debug)]
pub struct Failures<Q> {
    policy: BackoffPolicy,
    count: HashMap<Q, u32>,
    /// Seeded per process: replicas and restarts spread differently.
    jitter: RandomState,
}

impl<Q: Eq + Hash + Clone> Failures<Q> {
    /// An empty memory with this curve.
    #[must_use]
    pub fn new(policy: BackoffPolicy) -> Self {
        Self { policy, count: HashMap::new(), jitter: RandomState::new() }
    }

    /// Notes one more failure of `key`; the result is the delay before its
    /// next attempt.
    pub fn failed(&mut self, key: &Q) -> Duration {
        let count = self.count.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        let jitter = unit_interval(self.jitter.hash_one((key, *count)));
        self.policy.delay(*count, jitter)
    }

    /// How often `key` has failed since it last succeeded.
    #[must_use]
    pub fn of(&self, key: &Q) -> u32 {
        self.count.get(key).copied().unwrap_or_default()
    }

    /// Forgets `key`: it succeeded, or it is gone.
    pub fn clear(&mut self, key: &Q) {
        self.count.remove(key);
    }

    /// How many objects are failing now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.len()
    }

    /// Whether no object is failing now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.is_empty()
    }
}

/// Maps a hash to `0.0..=1.0`.
pub(crate) fn unit_interval(hash: u64) -> f64 {
    // The upper 32 bits are plenty for a jitter and convert without loss.
    f64::from((hash >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BackoffPolicy =
        BackoffPolicy { first: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn the_curve_doubles_and_stops_at_its_maximum() {
        let whole: Vec<u64> = (1..=9).map(|failures| POLICY.delay(failures, 1.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(POLICY.delay(u32::MAX, 1.0), POLICY.max);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        for failures in 1..12 {
            let whole = POLICY.delay(failures, 1.0);
            assert_eq!(POLICY.delay(failures, 0.0), whole / 2);
            let between = POLICY.delay(failures, 0.3);
            assert!(whole / 2 < between && between < whole, "{between:?}");
            assert_eq!(POLICY.delay(failures, 7.0), whole, "clamped");
        }
    }

    #[test]
    fn each_key_has_its_own_count_and_success_resets_it() {
        let mut failures = Failures::new(POLICY);
        for expected in 1..=5u32 {
            let delay = failures.failed(&"a");
            let whole = POLICY.delay(expected, 1.0);
            assert!(whole / 2 <= delay && delay <= whole, "{expected}: {delay:?}");
            assert_eq!(failures.of(&"a"), expected);
        }
        assert!(failures.failed(&"b") <= POLICY.first, "b is not slowed by a");
        failures.clear(&"a");
        assert_eq!(failures.of(&"a"), 0);
        assert!(failures.failed(&"a") <= POLICY.first, "a starts anew");
        failures.clear(&"a");
        failures.clear(&"b");
        assert!(failures.is_empty(), "nothing is kept for objects that do well");
    }

    #[test]
    fn objects_that_fail_together_come_back_apart() {
        let mut failures = Failures::new(POLICY);
        let mut delays: Vec<Duration> = (0..50)
            .map(|key| {
                for _ in 0..5 {
                    failures.failed(&key);
                }
                failures.failed(&key)
            })
            .collect();
        delays.sort();
        delays.dedup();
        assert!(delays.len() > 40, "{} different delays of 50", delays.len());
    }
}
