//! The first process of a bed's namespaces: it starts, signals and watches the
//! bed's processes for whoever asks on its socket.
//!
//! It is process 1 of its process-id namespace, so its end is everybody's end.
//! It ends when told to, when its parent `unshare` dies, and, unless the bed was
//! detached, when the pipe to its owner closes, which it does however the owner
//! ends.

mod client;
mod orphans;
mod processes;
mod protocol;
mod server;

pub use server::supervise;

pub(crate) use server::BRIDGE;

pub(crate) use client::SupervisorClient;
pub(crate) use protocol::{ProcessSpec, ProcessState, ProcessStatus, Request, Response, Signal};
