//! The kinds that users write: FleetConfig, Hub and Spoke.
