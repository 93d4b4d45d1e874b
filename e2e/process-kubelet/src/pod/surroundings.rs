//! What all pods of a kubelet share.

use std::net::Ipv4Addr;

use crate::api::KubeletApi;
use crate::network::SharedPool;
use crate::pod::downward::Placement;
use crate::settings::Settings;

/// The kubelet, as a pod sees it.
pub(crate) struct Surroundings {
    pub(crate) settings: Settings,
    pub(crate) api: KubeletApi,
    pub(crate) pool: SharedPool,
    pub(crate) node_name: String,
    /// Addresses with the host names that pods find there.
    pub(crate) service_names: Vec<(Ipv4Addr, String)>,
}

impl Surroundings {
    /// Where a pod with this address is.
    pub(crate) fn placement(&self, pod_ip: Ipv4Addr) -> Placement<'_> {
        Placement { pod_ip, host_ip: self.settings.bridge_ip, node_name: &self.node_name }
    }
}
