//! The kinds that users write: FleetConfig, Hub and Spoke.
//!
//! Group `fleetconfig.open-cluster-management.io`. An object that upstream's
//! fleetconfig-controller 0.3.5 accepts is accepted here and means the same;
//! what is added is optional. `docs/deviations.md` lists the exceptions.
//!
//! The types hold what the API server has stored, that is, with the schema's
//! defaults filled in. Their `Default` values equal those defaults. Every
//! object that the schema accepts can be read into them, and writing it back
//! loses nothing: an explicit `false` stays.

#![allow(
    unreachable_pub,
    reason = "KubeSchema expands to a copy of the type inside of a function, with the type's visibility"
)]
#![allow(clippy::duplicated_attributes, reason = "printer columns of one kind may have the same type")]

mod cel;
pub mod common;
pub mod condition;
mod crds;
pub mod kstatus;
pub mod names;
pub mod phase;
pub mod reason;
pub mod v1alpha1;
pub mod v1beta1;
pub mod values;

pub use condition::{Condition, ConditionStatus};
pub use crds::crds;
pub use kstatus::Kstatus;
pub use reason::Reason;
