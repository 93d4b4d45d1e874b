//! Everything about one container: what it shall be, making it, probing it.

pub(crate) mod environment;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod probe_request;
pub(crate) mod probes;
pub(crate) mod running;
pub(crate) mod shim;
