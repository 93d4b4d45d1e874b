//! The reconciler that leaves everything as it is.

use std::sync::Arc;

use kube::core::error_boundary::InvalidObject;

use crate::cache::Watched;
use crate::reconcile::{Next, Pass, Reconcile, ReconcileError};

/// Changes nothing and waits for events: for tests of what surrounds the reconcilers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle;

impl<K: Watched> Reconcile<K> for Idle {
    async fn reconcile(&self, _: Arc<K>, _: &Pass) -> Result<Next, ReconcileError> {
        Ok(Next::Await)
    }

    async fn report_invalid(&self, _: Arc<InvalidObject>, _: &Pass) -> Result<Next, ReconcileError> {
        Ok(Next::Await)
    }
}
