//! How long to wait before the next attempt.

use std::time::Duration;

/// A delay that doubles with every attempt, from 0.5 s to 20 s.
///
/// A real kubelet goes from 10 s to 5 min; a test bed wants to see the second
/// attempt soon, and a crash loop still must not eat the machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Backoff {
    last: Option<Duration>,
}

const FIRST: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(20);
/// What ran this long has recovered: the next delay is the first one again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

impl Backoff {
    /// The delay before the next attempt, after one that lasted `ran_for`
    /// (zero if it failed before it ran).
    pub(crate) fn next(&mut self, ran_for: Duration) -> Duration {
        let delay = match self.last {
            Some(last) if ran_for < RECOVERED_AFTER => (last * 2).min(CAP),
            _ => FIRST,
        };
        self.last = Some(delay);
        delay
    }

    /// Forgets earlier failures.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..8).map(|_| backoff.next(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
    }

    #[test]
    fn a_long_run_starts_over() {
        let mut backoff = Backoff::default();
        backoff.next(Duration::ZERO);
        backoff.next(Duration::ZERO);
        assert_eq!(backoff.next(Duration::from_secs(59)), Duration::from_secs(2));
        assert_eq!(backoff.next(Duration::from_secs(60)), Duration::from_millis(500));
    }
}
