//! The changes of a store, in order: what watches are served from.

use std::{collections::VecDeque, sync::Arc};

use crate::{object::Object, resource::ResourceId};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Added,
    Modified,
    Deleted,
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) kind: EventKind,
    pub(crate) resource: ResourceId,
    /// The object after the change; of a removed one, the last state.
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
}

/// The history does not reach back to the version that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired;

/// The changes after some version.
#[derive(Clone, Debug)]
pub(crate) struct History {
    events: VecDeque<Event>,
    /// Every change up to this version is forgotten.
    forgotten: u64,
    capacity: usize,
}

impl History {
    pub(crate) fn new(start: u64, capacity: usize) -> Self {
        Self { events: VecDeque::new(), forgotten: start, capacity }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.events.push_back(event);
        while self.events.len() > self.capacity {
            if let Some(oldest) = self.events.pop_front() {
                self.forgotten = oldest.version;
            }
        }
    }

    pub(crate) fn compact(&mut self, version: u64) {
        self.events.retain(|event| event.version > version);
        self.forgotten = self.forgotten.max(version);
    }

    /// The changes after a version.
    ///
    /// # Errors
    /// When some of them are forgotten.
    pub(crate) fn since(&self, version: u64) -> Result<impl DoubleEndedIterator<Item = &Event>, Expired> {
        if version < self.forgotten {
            return Err(Expired);
        }
        let from = self.events.partition_point(|event| event.version <= version);
        Ok(self.events.range(from..))
    }
}
