//! Version v1alpha1: one object for a whole fleet.

mod fleet_config;
mod klusterlet;
mod spoke_entry;
mod status;

pub use fleet_config::{FleetConfig, FleetConfigSpec, HubSection};
pub use klusterlet::Klusterlet;
pub use spoke_entry::{SpokeCleanupConfig, SpokeEntry};
pub use status::{FleetConfigStatus, JoinedSpoke, SpokeState, SpokeSummary};
