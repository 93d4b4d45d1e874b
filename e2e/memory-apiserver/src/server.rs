//! The server as a test holds it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    change::Change,
    clock::{Clock, DEFAULT_START},
    cluster::Cluster,
    direct::Direct,
    faults::{Fault, FaultHandle},
    http::RequestInfo,
    identity::Identity,
    request_log::LoggedRequest,
    service::ApiService,
    shared::Shared,
    stop::StopAt,
};

/// How many changes a server remembers for watches to resume from.
const DEFAULT_HISTORY: usize = 100_000;

/// How a server is made.
#[derive(Clone, Debug)]
pub struct Builder {
    clock: Option<Clock>,
    history: usize,
}

impl Builder {
    /// The clock to stamp objects with. Without one the server begins at
    /// [`DEFAULT_START`](crate::DEFAULT_START) and follows tokio's clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A clock that begins at this time and follows tokio's.
    #[must_use]
    pub fn starting_at(self, start: Timestamp) -> Self {
        self.clock(Clock::following_tokio(start))
    }

    /// How many changes to remember. A watch from further back is answered with 410 Gone.
    #[must_use]
    pub fn history(mut self, changes: usize) -> Self {
        self.history = changes;
        self
    }

    /// The server.
    pub fn build(self) -> MemoryApiServer {
        let clock = self.clock.unwrap_or_else(|| Clock::following_tokio(DEFAULT_START));
        MemoryApiServer { shared: Arc::new(Shared::new(Cluster::new(clock, self.history))) }
    }
}

/// A Kubernetes API server in memory. Clones are the same server.
#[derive(Clone)]
pub struct MemoryApiServer {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for MemoryApiServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryApiServer").field("resource_version", &self.resource_version()).finish()
    }
}

impl Default for MemoryApiServer {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryApiServer {
    /// A server with the built-in kinds, the namespaces that every cluster has, and nothing else.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A server to be configured.
    pub fn builder() -> Builder {
        Builder { clock: None, history: DEFAULT_HISTORY }
    }

    /// A client of an administrator without a user agent. Has to be called within a tokio runtime,
    /// as every client has.
    pub fn client(&self) -> kube::Client {
        self.client_as(Identity::admin(), "")
    }

    /// A client of a user, whose requests carry a user agent. The part of it before the first
    /// slash is the field manager of writes that name none.
    pub fn client_as(&self, identity: Identity, user_agent: &str) -> kube::Client {
        kube::Client::new(self.service(identity, user_agent), "default")
    }

    /// The service below such a client, to be wrapped in further layers.
    pub fn service(&self, identity: Identity, user_agent: &str) -> ApiService {
        ApiService::new(self.shared.clone(), identity, user_agent)
    }

    /// Access without a client: synchronous, never in the log, never hit by a fault.
    pub fn direct(&self) -> Direct {
        Direct::new(self.shared.clone())
    }

    /// Calls back after every change, in order. A hook may write through the [`Direct`] it is
    /// given; such changes come back to the hooks after those that are already waiting. A hook
    /// that always answers a change with another one never ends.
    pub fn on_change(&self, hook: impl Fn(&Direct, &Change) + Send + Sync + 'static) {
        self.shared.add_hook(Arc::new(hook));
    }

    /// The requests so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.all()
    }

    /// The requests so far that satisfy a condition.
    pub fn requests_where(&self, wanted: impl Fn(&RequestInfo) -> bool) -> Vec<LoggedRequest> {
        self.requests().into_iter().filter(|request| wanted(&request.info)).collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// Injects a fault. Earlier faults strike first.
    pub fn inject(&self, fault: Fault) -> FaultHandle {
        self.shared.faults.inject(fault)
    }

    /// Cuts a client off at its k-th request, counted from now. Replaces an earlier stop.
    pub fn stop_at(&self, stop: StopAt) {
        self.shared.stops.set(Some(stop));
    }

    /// Whether the stop was reached.
    pub fn stopped(&self) -> bool {
        self.shared.stops.stopped()
    }

    /// How many requests counted towards the stop.
    pub fn counted_requests(&self) -> u64 {
        self.shared.stops.seen()
    }

    /// Lets everything through again.
    pub fn resume(&self) {
        self.shared.stops.set(None);
    }

    /// Forgets the history: a watch that has to resume from before now gets 410 Gone.
    pub fn compact(&self) {
        self.shared.change(|cluster| cluster.store.compact());
    }

    /// The version of the latest change.
    pub fn resource_version(&self) -> u64 {
        self.shared.read(|cluster| cluster.store.version())
    }

    /// The time by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.shared.read(|cluster| cluster.clock.now())
    }
}
