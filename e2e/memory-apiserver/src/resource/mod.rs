//! The kinds that the server serves.

pub(crate) mod builtin;
pub(crate) mod custom;
pub(crate) mod discovery;
mod kind;
mod registry;

pub(crate) use kind::{Generation, NameRule, ResourceId, ResourceKind, ScalePaths};
pub(crate) use registry::Registry;
