//! The one node of the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;

use crate::settings::Settings;

/// What the node says about the machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
}

impl Machine {
    /// Looks at the machine the kubelet runs on.
    pub(crate) fn observe() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cpus, kernel: kernel.trim().to_owned() }
    }
}

/// The node object. OCM's agents add up its capacity; its labels are the ones
/// that node selectors of ordinary workloads use.
pub(crate) fn build(settings: &Settings, machine: &Machine, now: Timestamp) -> Node {
    let name = settings.node_name();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let labels = [
        ("kubernetes.io/hostname", name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture),
    ];
    let cpus = machine.cpus.to_string();
    let capacity: BTreeMap<String, Quantity> =
        [("cpu", cpus.as_str()), ("memory", "16Gi"), ("pods", "250"), ("ephemeral-storage", "50Gi")]
            .into_iter()
            .map(|(resource, amount)| (resource.to_owned(), Quantity(amount.to_owned())))
            .collect();
    let condition = |type_: &str, status: &str, reason: &str| NodeCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        last_heartbeat_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
        ..NodeCondition::default()
    };
    let address =
        |type_: &str, address: &str| NodeAddress { type_: type_.to_owned(), address: address.to_owned() };
    Node {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            pod_cidr: Some(settings.pod_cidr.to_string()),
            pod_cidrs: Some(vec![settings.pod_cidr.to_string()]),
            ..NodeSpec::default()
        }),
        status: Some(NodeStatus {
            allocatable: Some(capacity.clone()),
            capacity: Some(capacity),
            addresses: Some(vec![
                address("InternalIP", &settings.bridge_ip.to_string()),
                address("Hostname", &name),
            ]),
            conditions: Some(vec![
                condition("Ready", "True", "KubeletReady"),
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ]),
            node_info: Some(NodeSystemInfo {
                architecture: architecture.to_owned(),
                operating_system: "linux".to_owned(),
                os_image: "process-kubelet".to_owned(),
                kernel_version: machine.kernel.clone(),
                kubelet_version: concat!("v", env!("CARGO_PKG_VERSION"), "-process-kubelet").to_owned(),
                container_runtime_version: concat!("process://", env!("CARGO_PKG_VERSION")).to_owned(),
                machine_id: name.clone(),
                system_uuid: name.clone(),
                boot_id: name,
                ..NodeSystemInfo::default()
            }),
            ..NodeStatus::default()
        }),
    }
}
