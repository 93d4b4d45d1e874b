//! Version v1beta1: one object for the hub, one for each spoke.

mod hub;
mod klusterlet;
mod spoke;

pub use hub::{Hub, HubSpec, HubStatus};
pub use klusterlet::Klusterlet;
pub use spoke::{CleanupConfig, HubRef, Spoke, SpokeSpec, SpokeStatus};
