//! What can happen to a pod.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::mpsc;

use crate::container::probes::Verdict;
use crate::pod::lifecycle::Exit;

/// News for the worker of a pod.
pub(crate) enum Event {
    /// The pod was seen in the API, as this.
    Seen(Arc<Pod>),
    /// The pod is gone from the API.
    Gone,
    /// The kubelet ends.
    Shutdown,
    /// A Secret or ConfigMap that the pod reads has changed.
    ObjectsChanged,
    /// The process of a container ended.
    Exited { container: String, run: u64, exit: Exit },
    /// A probe of a container changed its mind.
    Probed { container: String, run: u64, verdict: Verdict },
    /// The pod's sandbox ended by itself.
    SandboxEnded,
}

/// Where a pod's worker hears of events.
pub(crate) type EventSender = mpsc::UnboundedSender<Event>;
