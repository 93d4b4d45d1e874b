//! Services, as far as a hosts file can stand for them.
//!
//! There is no kube-proxy, so a service has no address. Its names lead straight to one pod behind it,
//! the one that was ready when the asking container started. That does for a service whose port is
//! also the port of its pods.

use std::net::Ipv4Addr;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt as _;

/// The label with the name of the service that a slice belongs to.
const SERVICE: &str = "kubernetes.io/service-name";

/// A ready address of each service, with the service's names.
pub(crate) fn names(slices: &[EndpointSlice]) -> Vec<(Ipv4Addr, String)> {
    slices.iter().filter_map(of_slice).collect()
}

fn of_slice(slice: &EndpointSlice) -> Option<(Ipv4Addr, String)> {
    let service = slice.labels().get(SERVICE)?;
    let namespace = slice.namespace()?;
    if (namespace.as_str(), service.as_str()) == ("default", "kubernetes") {
        return None;
    }
    let ready = slice.endpoints.iter().find(|endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
    })?;
    let address = ready.addresses.first()?.parse().ok()?;
    let name = format!("{service}.{namespace}");
    Some((address, format!("{name}.svc {name}.svc.cluster.local {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(service: &str, endpoints: serde_json::Value) -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": {"name": "x", "namespace": "n", "labels": {SERVICE: service}},
            "addressType": "IPv4", "endpoints": endpoints}))
        .unwrap()
    }

    #[test]
    fn names_lead_to_a_ready_pod_and_those_of_a_service_without_one_nowhere() {
        let ready = json!([
            {"addresses": ["10.0.0.3"], "conditions": {"ready": false}},
            {"addresses": ["10.0.0.4"], "conditions": {"ready": true}}]);
        let none = json!([{"addresses": ["10.0.0.5"], "conditions": {"ready": false}}]);
        assert_eq!(
            names(&[slice("a", ready), slice("b", none), slice("c", json!([]))]),
            [(Ipv4Addr::new(10, 0, 0, 4), "a.n.svc a.n.svc.cluster.local a.n".to_owned())]
        );
    }
}
