//! Watches: the changes of a kind as an endless body.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};
use tokio::{sync::watch::Receiver, time::Instant};

use crate::{
    cluster::Cluster,
    http::{ApiRequest, BoxError, RequestInfo, Route},
    object::Object,
    rejection::Rejection,
    resource::ResourceKind,
    selectors::Selector,
    service::connection_reset,
    shared::Shared,
    store::{Event, EventKind},
    verbs::{list, present},
};

/// How often a quiet watch says how far it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long a watch lasts when the client does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1800);

/// Opens a watch. `request` was found to be one.
pub(crate) fn open(
    shared: &Arc<Shared>,
    request: &ApiRequest,
) -> Result<BoxStream<'static, Result<Bytes, BoxError>>, Rejection> {
    let Route::Resource(target) = &request.route else { return Err(Rejection::no_such_page()) };
    let query = &request.query;
    // Subscribed before the first look, so that nothing falls between the two.
    let latest = shared.latest.subscribe();
    let cuts = shared.stops.cuts.subscribe();
    let (kind, selector, namespace) = shared.read(|cluster| {
        let call = cluster.call(request, target)?;
        let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"), &call.kind)?;
        Ok((call.kind.clone(), selector, call.namespace.to_owned()))
    })?;
    let version = list::requested_version(query.get("resourceVersion"))?.filter(|version| *version > 0);
    let seconds = query.get("timeoutSeconds").parse().ok().filter(|seconds| *seconds > 0);
    let now = Instant::now();
    let bookmarks = query.flag("allowWatchBookmarks");
    let follower = Follower {
        shared: shared.clone(),
        info: request.info.clone(),
        view: View { kind, selector, namespace, metadata_only: present::metadata_only(&request.accept) },
        initial: (version.is_none() || query.flag("sendInitialEvents"))
            .then(|| Initial { say_end: bookmarks && query.flag("sendInitialEvents") }),
        version: version.unwrap_or_default(),
        lines: VecDeque::new(),
        ended: false,
        ends_at: now + seconds.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
        bookmark_at: bookmarks.then(|| now + BOOKMARK_EVERY),
        latest,
        cuts,
    };
    Ok(futures::stream::unfold(follower, Follower::next).boxed())
}

/// Which objects a watch shows, and how.
struct View {
    kind: Arc<ResourceKind>,
    selector: Selector,
    /// Empty for all.
    namespace: String,
    metadata_only: bool,
}

impl View {
    fn shows(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || self.namespace == object.namespace()) && self.selector.matches(object)
    }

    fn line(&self, kind: &str, object: &Object) -> Bytes {
        line(kind, &present::object(&self.kind, object, self.metadata_only))
    }

    /// How a change looks from here: an object that begins or ceases to be chosen comes or goes.
    fn event(&self, event: &Event) -> Option<Bytes> {
        let before = event.previous.as_ref().is_some_and(|previous| self.shows(previous));
        let after = event.kind != EventKind::Deleted && self.shows(&event.object);
        match (before, after) {
            (false, true) => Some(self.line("ADDED", &event.object)),
            (true, true) => Some(self.line("MODIFIED", &event.object)),
            (true, false) => {
                // What was chosen last, with the version of its going.
                let mut gone = Object::clone(event.previous.as_ref()?);
                gone.set_meta("resourceVersion", event.object.resource_version());
                Some(self.line("DELETED", &gone))
            }
            (false, false) => None,
        }
    }

    fn bookmark(&self, version: u64, end_of_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if end_of_initial && let Some(fields) = metadata.as_object_mut() {
            fields.insert("annotations".into(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let (api_version, kind) = match self.metadata_only {
            true => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned()),
            false => (self.kind.api_version(), self.kind.kind.clone()),
        };
        line("BOOKMARK", &json!({"apiVersion": api_version, "kind": kind, "metadata": metadata}))
    }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({"type": kind, "object": object})))
}

/// The present state, to be shown before changes.
struct Initial {
    /// Whether to say where it ends.
    say_end: bool,
}

struct Follower {
    shared: Arc<Shared>,
    info: RequestInfo,
    view: View,
    initial: Option<Initial>,
    /// Everything up to this version was shown.
    version: u64,
    lines: VecDeque<Bytes>,
    ended: bool,
    ends_at: Instant,
    bookmark_at: Option<Instant>,
    latest: Receiver<u64>,
    cuts: Receiver<u64>,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Bytes, BoxError>, Self)> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some((Ok(line), self));
            }
            if self.ended {
                return None;
            }
            if self.shared.stops.is_cut(&self.info) {
                self.ended = true;
                return Some((Err(connection_reset()), self));
            }
            let shared = self.shared.clone();
            shared.read(|cluster| self.catch_up(cluster));
            if self.lines.is_empty() && !self.ended {
                self.wait().await;
            }
        }
    }

    /// Shows what happened since the last look.
    fn catch_up(&mut self, cluster: &Cluster) {
        self.latest.mark_unchanged();
        let id = self.view.kind.id();
        if let Some(initial) = self.initial.take() {
            let objects = cluster.store.list(&id, None).filter(|object| self.view.shows(object));
            self.lines.extend(objects.map(|object| self.view.line("ADDED", object)));
            self.version = cluster.store.version();
            if initial.say_end {
                self.lines.push_back(self.view.bookmark(self.version, true));
            }
            return;
        }
        match cluster.store.history().since(self.version) {
            Ok(events) => {
                let events = events.filter(|event| event.resource == id);
                self.lines.extend(events.filter_map(|event| self.view.event(event)));
                self.version = self.version.max(cluster.store.version());
            }
            Err(_) => {
                let message =
                    format!("too old resource version: {} ({})", self.version, cluster.store.version());
                self.lines.push_back(line("ERROR", &Rejection::expired(message).to_status()));
                self.ended = true;
            }
        }
        // A watch ends with the definition of its kind.
        self.ended |= cluster.registry.preferred(&id).is_none();
    }

    async fn wait(&mut self) {
        let wake_at = self.bookmark_at.map_or(self.ends_at, |at| at.min(self.ends_at));
        tokio::select! {
            biased;
            _ = self.cuts.changed() => {}
            _ = self.latest.changed() => {}
            () = tokio::time::sleep_until(wake_at) => {
                if self.bookmark_at.is_some() {
                    self.lines.push_back(self.view.bookmark(self.version, false));
                    self.bookmark_at = Some(wake_at + BOOKMARK_EVERY);
                }
                self.ended = wake_at >= self.ends_at;
            }
        }
    }
}
