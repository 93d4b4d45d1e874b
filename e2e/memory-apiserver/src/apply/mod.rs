//! Server-side apply: who owns which field, and what a write changes about that.
//!
//! Everything in here is a pure function of objects, schema and owners. The rules are those of
//! Kubernetes' structured-merge-diff: an applier owns exactly what it last applied, other writers
//! own what they last changed; applying a different value to somebody else's field is a conflict;
//! what an applier no longer mentions, and nobody else owns, goes away.

mod atom;
mod compare;
mod conform;
mod extract;
mod field_set;
mod managers;
mod merge;
mod ownership;
mod path;
#[cfg(test)]
mod properties;
mod remove;

pub(crate) use field_set::FieldSet;
pub(crate) use managers::{Managers, managers_of, reset_requested};
pub(crate) use ownership::{ApplyError, Conflict, Writer, apply, track};
