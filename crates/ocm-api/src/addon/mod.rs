//! Group `addon.open-cluster-management.io`: add-ons of a hub.

pub mod v1alpha1;
