//! Pieces that more than one kind is made of.

mod access;
mod addon;
mod hub;
mod lifecycle;
mod managed_cluster;
mod sensitive;
mod source;

pub use access::{AccessPath, ConfigMapRef, Kubeconfig, KubeconfigError, SecretReference};
pub use addon::{
    AddOnConfig, AddOnDeploymentConfig, AddOnNodePlacement, AddOnProxyConfig, ContainerResources,
    CustomizedVariable, HubAddOn, HubAddOnName, ImageMirror, InstalledHubAddOn, SpokeAddOn,
};
pub use hub::{
    ClusterManagerConfig, GrpcConfig, GrpcEndpointType, RegistrationAuth, RegistrationDriver, Singleton,
    SingletonHelm,
};
pub use lifecycle::DeletionPolicy;
pub use managed_cluster::{ManagedClusterMetadata, ManagedClusterTaint, TaintEffect};
pub use sensitive::SensitiveString;
pub use source::{KlusterletCarrier, KlusterletMode, OcmSource, QosClass, ResourceSpec, ResourceValues};

pub(crate) mod defaults {
    //! Defaults that serde and the schema share.

    use crate::names;

    pub(crate) const fn yes() -> bool {
        true
    }

    pub(crate) fn spoke_feature_gates() -> String {
        names::DEFAULT_SPOKE_FEATURE_GATES.to_owned()
    }

    pub(crate) const fn timeout() -> i64 {
        names::DEFAULT_TIMEOUT_SECONDS
    }
}

/// Log verbosities that the schema accepts, as upstream enumerates them.
pub(crate) const LOG_VERBOSITIES: [i64; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
