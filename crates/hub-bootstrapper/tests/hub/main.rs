//! The engine of a hub against an API server in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod keep;
mod support;
mod until_ready;
