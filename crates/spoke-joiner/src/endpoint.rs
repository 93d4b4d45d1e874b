//! The hub's address that a spoke gets, checked before it is handed out.

use cluster_access::{Cluster, EndpointError, tls_probe};
use fleet_plan::endpoint::{EndpointFacts, HubEndpoint, hub_endpoint};
use fleet_plan::spoke::facts::AccessFailure;
use fleetconfig_api::reason::Reason;

/// Chooses the endpoint and proves by a handshake that it presents a certificate which the CA
/// vouches for. A spoke that is the hub itself is given the in-cluster name, which may mean nothing
/// where we run; the same server is then asked at the address that we use.
pub(crate) async fn verified(
    facts: &EndpointFacts,
    hub: &Cluster,
    spoke_is_hub: bool,
    force_internal: bool,
) -> Result<HubEndpoint, AccessFailure> {
    let endpoint = hub_endpoint(facts, spoke_is_hub, force_internal).map_err(|unknown| AccessFailure {
        reason: Reason::HubEndpointUnknown,
        message: unknown.to_string(),
    })?;
    let address = match hub.server() {
        Some(server) if spoke_is_hub => server,
        _ => endpoint.server.as_str(),
    };
    match tls_probe(address, &endpoint.ca_pem, hub.proxy(), hub.request_timeout()).await {
        Ok(()) => Ok(endpoint),
        Err(error) => Err(refused(&error, &endpoint)),
    }
}

fn refused(error: &EndpointError, endpoint: &HubEndpoint) -> AccessFailure {
    AccessFailure {
        reason: error.reason(),
        message: format!(
            "{} is not handed to the spoke: {error}; correct spec.apiServer or spec.ca of the Hub, or the hub's kube-public/cluster-info",
            endpoint.server
        ),
    }
}
