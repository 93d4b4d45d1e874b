//! Until when a process may call clusters.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Until when a process may call clusters: one of several replicas may do so only while it leads.
///
/// A process that was stopped and goes on does not know how long it was away; whatever task runs first
/// would send a request that another replica's work has overtaken. So every call asks here whenever it is
/// driven on, and ends with the tenure at the latest. Clones share one tenure.
#[derive(Clone, Default)]
pub struct Tenure(Option<Arc<Limited>>);

struct Limited {
    base: Instant,
    /// Milliseconds after `base`; 0 is no tenure at all.
    until: AtomicU64,
}

impl Tenure {
    /// A tenure without end, for a process that is the only one.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// A tenure that has not begun: nothing may be called before it is extended.
    #[must_use]
    pub fn not_begun() -> Self {
        Self(Some(Arc::new(Limited { base: Instant::now(), until: AtomicU64::new(0) })))
    }

    /// Lets calls be made until then, and no longer. A tenure without end stays one.
    pub fn extend(&self, until: Instant) {
        if let Some(limited) = &self.0 {
            let after = until.saturating_duration_since(limited.base).as_millis();
            limited.until.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Release);
        }
    }

    /// When the tenure ends; `None` if never.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        let limited = self.0.as_ref()?;
        Some(limited.base + Duration::from_millis(limited.until.load(Ordering::Acquire)))
    }

    /// Whether it has ended, or not begun.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until().is_some_and(|until| until <= Instant::now())
    }
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until() {
            None => f.write_str("Tenure(unlimited)"),
            Some(until) => write!(f, "Tenure(until {until:?})"),
        }
    }
}
