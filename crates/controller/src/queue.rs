//! The work queue: which object is to be looked at next.
//!
//! [`WorkQueue`] is a plain value without tasks, timers or clocks; the runner
//! drives it. Its rules:
//!
//! - an object is in it at most once, however often it is woken;
//! - an object is never in two passes at once; woken during its pass, it gets
//!   another one afterwards, so that no event is lost;
//! - objects that are due are served in the order in which they became due, so
//!   that a busy object cannot starve a quiet one (kube's runner picks in the
//!   order of a hash set);
//! - a failing object is not looked at before its `not_before`, whatever wakes
//!   it: events cannot turn a failure into a busy loop.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// When an object that has just been looked at wants to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Without any event: at this instant.
    pub at: Instant,
    /// With an event: not earlier than this.
    pub not_before: Instant,
}

#[derive(Debug)]
enum Place {
    Due,
    Later { slot: (Instant, u64), not_before: Instant },
    Running { woken: bool },
}

/// See the module documentation.
#[derive(Debug)]
pub struct WorkQueue<Q> {
    places: HashMap<Q, Place>,
    due: VecDeque<Q>,
    /// The number tells two objects with the same instant apart.
    later: BTreeMap<(Instant, u64), Q>,
    next_number: u64,
    running: usize,
}

impl<Q> Default for WorkQueue<Q> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            due: VecDeque::new(),
            later: BTreeMap::new(),
            next_number: 0,
            running: 0,
        }
    }
}

impl<Q: Eq + Hash + Clone> WorkQueue<Q> {
    /// Something happened that concerns `key`: it is due now, or as soon as
    /// its pass has ended, or at its `not_before`.
    pub fn wake(&mut self, key: Q, now: Instant) {
        match self.places.get_mut(&key) {
            None => self.put_due(key),
            Some(Place::Due) => {}
            Some(Place::Running { woken }) => *woken = true,
            Some(&mut Place::Later { slot, not_before }) => {
                if not_before <= now {
                    self.later.remove(&slot);
                    self.put_due(key);
                } else if not_before < slot.0 {
                    self.later.remove(&slot);
                    self.put_later(key, Again { at: not_before, not_before });
                }
            }
        }
    }

    /// Moves what has become due by `now` into the line.
    pub fn advance(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry() {
            if first.key().0 > now {
                break;
            }
            let key = first.remove();
            self.put_due(key);
        }
    }

    /// Takes the object that has been due longest; it is running until
    /// [`finish`](Self::finish).
    pub fn take(&mut self) -> Option<Q> {
        let key = self.due.pop_front()?;
        self.places.insert(key.clone(), Place::Running { woken: false });
        self.running += 1;
        Some(key)
    }

    /// The pass of `key` has ended. `None`: nothing but an event wakes it.
    pub fn finish(&mut self, key: Q, again: Option<Again>, now: Instant) {
        let Some(Place::Running { woken }) = self.places.get(&key) else {
            return;
        };
        let woken = *woken;
        self.running -= 1;
        match again {
            Some(again) if !woken => self.put_later(key, again),
            Some(Again { not_before, .. }) if not_before > now => {
                self.put_later(key, Again { at: not_before, not_before })
            }
            _ if woken => self.put_due(key),
            _ => {
                self.places.remove(&key);
            }
        }
    }

    /// The next instant at which [`advance`](Self::advance) has something to do.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many objects wait in line.
    #[must_use]
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// How many objects are in a pass.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    fn put_due(&mut self, key: Q) {
        self.due.push_back(key.clone());
        self.places.insert(key, Place::Due);
    }

    fn put_later(&mut self, key: Q, again: Again) {
        let slot = (again.at, self.next_number);
        self.next_number += 1;
        self.later.insert(slot, key.clone());
        self.places.insert(key, Place::Later { slot, not_before: again.not_before });
    }
}

/// The queue of one kind, shared by everything that may wake an object (watch
/// streams of any cluster) and the runner that serves it.
///
/// Waking never blocks and never fails, and needs no bound: the queue holds an
/// object at most once.
#[derive(Debug)]
pub struct Queue<Q> {
    shared: Arc<Shared<Q>>,
}

#[derive(Debug)]
struct Shared<Q> {
    work: Mutex<WorkQueue<Q>>,
    woken: Notify,
}

impl<Q> Clone for Queue<Q> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<Q> Default for Queue<Q> {
    fn default() -> Self {
        Self { shared: Arc::new(Shared { work: Mutex::new(WorkQueue::default()), woken: Notify::new() }) }
    }
}

impl<Q: Eq + Hash + Clone> Queue<Q> {
    /// Something happened that concerns this object: look at it soon.
    pub fn wake(&self, key: Q) {
        self.lock().wake(key, Instant::now());
        self.shared.woken.notify_one();
    }

    /// Access for the runner.
    pub(crate) fn lock(&self) -> MutexGuard<'_, WorkQueue<Q>> {
        // The queue is consistent between its methods, which do not panic.
        self.shared.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves after the next [`wake`](Self::wake), or at once after one that
    /// nobody has waited for yet.
    pub(crate) async fn woken(&self) {
        self.shared.woken.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn drain(queue: &mut WorkQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.take()).collect()
    }

    #[test]
    fn an_object_is_in_line_once_and_served_in_order() {
        let now = Instant::now();
        let mut queue = WorkQueue::default();
        for key in ["a", "b", "a", "c", "a"] {
            queue.wake(key, now);
        }
        assert_eq!(drain(&mut queue), ["a", "b", "c"]);
        assert_eq!((queue.due(), queue.running()), (0, 3));
    }

    #[test]
    fn an_event_during_a_pass_causes_exactly_one_more_pass() {
        let now = Instant::now();
        let mut queue = WorkQueue::default();
        queue.wake("a", now);
        assert_eq!(queue.take(), Some("a"));
        queue.wake("a", now);
        queue.wake("a", now);
        assert_eq!(queue.take(), None, "never twice at once");
        queue.finish("a", None, now);
        assert_eq!(drain(&mut queue), ["a"]);
        queue.finish("a", None, now);
        assert_eq!(drain(&mut queue), [""; 0]);
        assert!(queue.places.is_empty(), "idle objects take no memory");
    }

    #[test]
    fn a_requeue_comes_at_its_time_and_an_event_comes_before_it() {
        let now = Instant::now();
        let mut queue = WorkQueue::default();
        for key in ["a", "b"] {
            queue.wake(key, now);
            queue.take();
            let again = Again { at: now + 10 * SECOND, not_before: now };
            queue.finish(key, Some(again), now);
        }
        queue.advance(now + 9 * SECOND);
        assert_eq!(queue.take(), None);
        queue.wake("b", now + 9 * SECOND);
        assert_eq!(drain(&mut queue), ["b"]);
        assert_eq!(queue.next_at(), Some(now + 10 * SECOND));
        queue.advance(now + 10 * SECOND);
        assert_eq!(drain(&mut queue), ["a"]);
        assert_eq!(queue.next_at(), None);
    }

    #[test]
    fn events_cannot_hurry_a_failing_object_beyond_its_floor() {
        let now = Instant::now();
        let failed = |at| Some(Again { at: now + at, not_before: now + SECOND });
        let mut queue = WorkQueue::default();
        queue.wake("a", now);
        queue.take();
        queue.wake("a", now);
        queue.finish("a", failed(60 * SECOND), now);
        assert_eq!(queue.take(), None, "an event during the failing pass");
        queue.wake("a", now);
        assert_eq!(queue.next_at(), Some(now + SECOND));
        queue.advance(now + SECOND);
        assert_eq!(drain(&mut queue), ["a"]);

        queue.finish("a", failed(60 * SECOND), now);
        queue.wake("a", now);
        assert_eq!(queue.next_at(), Some(now + SECOND), "an event afterwards");
        queue.wake("a", now + SECOND);
        assert_eq!(drain(&mut queue), ["a"], "and past the floor it is at once");

        queue.finish("a", failed(SECOND / 2), now);
        queue.wake("a", now);
        assert_eq!(queue.next_at(), Some(now + SECOND / 2), "never postponed");
    }

    #[test]
    fn finishing_what_does_not_run_changes_nothing() {
        let now = Instant::now();
        let mut queue = WorkQueue::default();
        queue.wake("a", now);
        queue.finish("a", None, now);
        queue.finish("b", None, now);
        assert_eq!((queue.due(), queue.running()), (1, 0));
    }

    #[tokio::test]
    async fn a_wake_before_the_wait_is_not_lost() {
        let queue = Queue::default();
        queue.wake("a");
        queue.clone().woken().await;
        assert_eq!(queue.lock().take(), Some("a"));
    }
}
