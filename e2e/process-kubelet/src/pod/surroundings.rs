//! What all pods of a kubelet share.

use std::net::Ipv4Addr;

use crate::api::KubeletApi;
use crate::network::SharedPool;
use crate::pod::downward::Placement;
use crate::pod::services;
use crate::settings::Settings;

/// The kubelet, as a pod sees it.
pub(crate) struct Surroundings {
    pub(crate) settings: Settings,
    pub(crate) api: KubeletApi,
    pub(crate) pool: SharedPool,
    pub(crate) node_name: String,
    /// Addresses that the kubelet itself serves, with their host names.
    pub(crate) own_names: Vec<(Ipv4Addr, String)>,
}

impl Surroundings {
    /// Addresses with the host names that a container which starts now finds there.
    pub(crate) async fn service_names(&self) -> Vec<(Ipv4Addr, String)> {
        let mut names = self.own_names.clone();
        match self.api.endpoint_slices().await {
            Ok(slices) => names.extend(services::names(&slices)),
            Err(error) => tracing::warn!("pods will not find services by name: {error:#}"),
        }
        names
    }

    /// Where a pod with this address is.
    pub(crate) fn placement(&self, pod_ip: Ipv4Addr) -> Placement<'_> {
        Placement { pod_ip, host_ip: self.settings.bridge_ip, node_name: &self.node_name }
    }
}
