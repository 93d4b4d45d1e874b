//! Everything about one pod.

pub(crate) mod backoff;
pub(crate) mod downward;
pub(crate) mod event;
pub(crate) mod lifecycle;
pub(crate) mod references;
pub(crate) mod resources;
pub(crate) mod sandbox;
pub(crate) mod sandbox_helper;
mod services;
pub(crate) mod status;
pub(crate) mod surroundings;
pub(crate) mod unsupported;
pub(crate) mod worker;
