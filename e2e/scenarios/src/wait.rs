//! Waiting for something to become true, with a deadline and a word about what was awaited.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Looks until `probe` finds something.
///
/// # Errors
/// When the deadline passes first, with what was awaited and the last reason given; or what the
/// probe itself fails with.
pub(crate) async fn until<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<Found<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let missing = match probe().await? {
            Found::Yes(value) => return Ok(value),
            Found::NotYet(why) => why,
        };
        if start.elapsed() > deadline {
            bail!("waited {deadline:?} for {what}; the last thing seen: {missing}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What a look has shown.
pub(crate) enum Found<T> {
    /// It is there.
    Yes(T),
    /// It is not, and this is there instead.
    NotYet(String),
}

impl<T> Found<T> {
    /// `value` if it holds, else what was seen.
    pub(crate) fn when(holds: bool, value: T, seen: impl Into<String>) -> Self {
        if holds { Self::Yes(value) } else { Self::NotYet(seen.into()) }
    }
}
