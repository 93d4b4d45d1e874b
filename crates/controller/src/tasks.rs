//! Tasks that run as long as the process.
//!
//! A pass over an object may panic and nothing else happens. A watch, or any other task of the
//! process itself, may not: a process that goes on without it would be blind and look healthy. So
//! a panic of such a task ends the process, and a new one starts from scratch.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::error;

/// Spawns tasks and remembers the first that panicked; clones are the same.
#[derive(Debug, Clone)]
pub struct Tasks {
    failure: watch::Sender<Option<String>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { failure: watch::Sender::new(None) }
    }
}

impl Tasks {
    /// Runs `future` in a task of its own. It may end; it must not panic.
    pub fn spawn(&self, name: impl Into<String>, future: impl Future + Send + 'static) -> AbortHandle {
        let name = name.into();
        let failure = self.failure.clone();
        let contained = async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                let message = format!("{name}: {}", panic_text(&*panic));
                error!(task = name, message, "a task of the process panicked");
                failure.send_if_modified(|first| first.is_none().then(|| *first = Some(message)).is_some());
            }
        };
        tokio::spawn(contained).abort_handle()
    }

    /// Resolves when a task has panicked, with what it said.
    pub async fn failure(&self) -> String {
        let mut failure = self.failure.subscribe();
        loop {
            if let Some(message) = &*failure.borrow_and_update() {
                return message.clone();
            }
            if failure.changed().await.is_err() {
                // Cannot happen: `self` keeps the sender.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_reported_and_one_that_ends_is_not() {
        let tasks = Tasks::default();
        tasks.spawn("ends", async {});
        tasks.spawn("panics", async { panic!("no {}", "more") });
        assert_eq!(tasks.failure().await, "panics: panic: no more");
    }
}
