//! Values of OCM's two charts, as far as users may set them.
//!
//! Every field is optional and keeps the difference between "not set" and an
//! explicit `false` or empty value, because the two merge differently with the
//! values of a ConfigMap. Numbers are 64 bits wide whatever OCM's own width, so
//! that whatever an API server has stored can be read back.

mod cluster_manager;
mod klusterlet;
mod shared;

pub use cluster_manager::{
    AwsIrsaHub, ClusterManagerSection, ClusterManagerValues, CsrHub, Endpoint, EndpointExposure,
    EndpointExposureType, EndpointProtocol, FeatureGatedConfig, GrpcHub, HostnameEndpoint,
    HubRegistrationConfig, HubRegistrationDriver, HubWorkConfig, ImporterConfig, LoadBalancerEndpoint,
    ServerConfig, WorkDriver,
};
pub use klusterlet::{
    AddOnKubeClientDriver, AddOnKubeClientToken, BootstrapKubeConfigs, BootstrapKubeConfigsType,
    ClusterClaimConfig, KlusterletSection, KlusterletValues, KubeConfigSecret, LocalSecretsConfig,
    MultiHubBootstrapKubeConfig, NodePlacement, ServerUrl, SpokeAwsIrsa, SpokeRegistrationConfig,
    SpokeRegistrationDriver, SpokeWorkConfig,
};
pub use shared::{
    AddOnAuthType, FeatureGate, FeatureGateMode, ImageCredentials, ImageOverrides, Images,
    ResourceRequirement,
};
