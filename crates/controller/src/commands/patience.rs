//! How long a command tries.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Commands wait for things that are seconds away and send no events to somebody who is not
/// connected yet.
const BETWEEN: Duration = Duration::from_secs(1);

/// Until when a command tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    deadline: Instant,
}

impl Patience {
    pub(super) fn seconds(seconds: u64) -> Self {
        Self::until_after(Duration::from_secs(seconds))
    }

    fn until_after(duration: Duration) -> Self {
        // A century is as good as for ever.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        Self { deadline: Instant::now() + duration.min(CENTURY) }
    }

    /// Waits a moment; false when there is none left.
    pub(super) async fn has_another_moment(self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        sleep_until((Instant::now() + BETWEEN).min(self.deadline)).await;
        true
    }
}
