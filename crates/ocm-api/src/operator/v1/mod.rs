//! Version `v1`: ClusterManager and Klusterlet.
//!
//! These two kinds are ours to write, and their CRDs ours to install ([`crate::crds`]). A field that
//! may be absent is an `Option` that is left out of the JSON when unset, so that a server-side apply
//! owns exactly the fields that were set. The defaults that the API server fills in are in the CRD,
//! not in `Default`.

mod cluster_manager;
mod klusterlet;
mod server;
mod shared;

pub use cluster_manager::{
    AddOnManagerConfiguration, AwsIrsaConfig, BindConfiguration, ClusterManager, ClusterManagerDeployOption,
    ClusterManagerMode, ClusterManagerSpec, ClusterManagerStatus, CsrConfig,
    DefaultClusterManagerConfiguration, DefaultWebhookConfiguration, GrpcRegistrationConfig,
    HostedClusterManagerConfiguration, HostedWebhookConfiguration, ImporterConfiguration,
    PlacementConfiguration, RegistrationDriverHub, RegistrationHubConfiguration, WorkConfiguration,
    WorkDriver,
};
pub use klusterlet::{
    AddOnRegistrationAuthType, AddOnRegistrationDriver, AwsIrsa, BootstrapKubeConfigs,
    BootstrapKubeConfigsType, ClusterClaimConfiguration, HubApiServerHostAlias, Klusterlet,
    KlusterletDeployOption, KlusterletMode, KlusterletSpec, KlusterletStatus, KubeConfigSecret,
    LocalSecretsConfig, RegistrationConfiguration, RegistrationDriver, ServerUrl, TokenConfig,
    WorkAgentConfiguration,
};
pub use server::{
    Endpoint, EndpointExposure, EndpointExposureType, EndpointProtocol, HostnameConfig, LoadBalancerConfig,
    RouteConfig, ServerConfiguration,
};
pub use shared::{
    FeatureGate, FeatureGateMode, GenerationStatus, NodePlacement, RegistrationAuthType, RelatedResourceMeta,
    ResourceQosClass, ResourceRequirement,
};
