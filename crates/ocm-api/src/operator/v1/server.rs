//! The part of a ClusterManager that describes OCM's gRPC server on the hub.

use k8s_openapi::ByteString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::FeatureGate;
use crate::schema;

/// The server that agents with driver `grpc` talk to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerConfiguration {
    /// Image of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_spec: Option<String>,

    /// Feature gates of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_gates: Option<Vec<FeatureGate>>,

    /// The endpoints at which the server can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints_exposure: Option<Vec<EndpointExposure>>,
}

/// One way to reach the server from outside the hub.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointExposure {
    /// Who uses the endpoint: agents (`agentToHub`) or other clients of the hub (`consumer`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,

    /// What the endpoint speaks.
    #[schemars(extend("default" = "grpc"))]
    pub protocol: EndpointProtocol,

    /// How the endpoint is exposed when `protocol` is `grpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Endpoint")]
    pub grpc: Option<Endpoint>,

    /// How the endpoint is exposed when `protocol` is `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Endpoint")]
    pub https: Option<Endpoint>,
}

/// What an endpoint speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// HTTPS.
    Https,
}

/// How an endpoint is exposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Which of the ways below is used. Except for `loadBalancer`, the object that makes the server
    /// reachable (an Ingress, a Route) is somebody else's to create.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "hostname"))]
    pub type_: EndpointExposureType,

    /// A name that already leads to the server; for `type: hostname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HostnameConfig")]
    pub hostname: Option<HostnameConfig>,

    /// A Service of type LoadBalancer; for `type: loadBalancer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LoadBalancerConfig")]
    pub load_balancer: Option<LoadBalancerConfig>,

    /// An OpenShift Route; for `type: route`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RouteConfig")]
    pub route: Option<RouteConfig>,
}

/// The ways to expose an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndpointExposureType {
    /// A host name that leads to the server already.
    #[default]
    Hostname,
    /// A Service of type LoadBalancer that the operator creates.
    LoadBalancer,
    /// An OpenShift Route.
    Route,
}

/// An endpoint with a fixed host name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostnameConfig {
    /// The host name.
    pub host: String,

    /// Certificates, PEM, by which clients verify the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub ca_bundle: Option<ByteString>,
}

/// An endpoint behind a Service of type LoadBalancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancerConfig {
    /// Host name to use instead of the address that the load balancer reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Certificates, PEM, by which clients verify the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub ca_bundle: Option<ByteString>,
}

/// An endpoint behind an OpenShift Route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteConfig {
    /// Host name to use instead of the one that the route has been given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,

    /// Certificates, PEM, by which clients verify the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bytes")]
    pub ca_bundle: Option<ByteString>,
}
