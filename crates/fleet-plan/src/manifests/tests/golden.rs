//! The objects in full. The CRDs are shown by name: `ocm-api` compares them with OCM's.

use fleetconfig_api::common::{QosClass, ResourceSpec, ResourceValues};
use fleetconfig_api::values::AddOnAuthType;
use serde_json::json;

use super::*;
use crate::manifests::HubOnSameCluster;

fn shown(manifests: Vec<Manifest>) -> Vec<Value> {
    let shorten = |mut manifest: Manifest| {
        if manifest.key.resource.kind == "CustomResourceDefinition" {
            manifest.body["spec"] = json!("(left out)");
        }
        manifest.body
    };
    manifests.into_iter().map(shorten).collect()
}

fn resources() -> ResourceSpec {
    let values = |cpu: &str, memory: &str| {
        Some(ResourceValues { cpu: Some(cpu.to_owned()), memory: Some(memory.to_owned()) })
    };
    ResourceSpec {
        limits: values("1", "256Mi"),
        requests: values("100m", "64Mi"),
        qos_class: QosClass::ResourceRequirement,
    }
}

/// The values of pods that both charts have.
fn pod_values() -> Value {
    json!({
        "replicaCount": 2,
        "enableSyncLabels": true,
        "nodeSelector": { "node-role.kubernetes.io/infra": "" },
        "tolerations": [{ "key": "node-role.kubernetes.io/infra", "operator": "Exists", "effect": "NoSchedule" }],
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchExpressions": [{ "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] }] },
        ] } } },
        "podSecurityContext": { "fsGroup": 1000, "seccompProfile": { "type": "RuntimeDefault" } },
        "securityContext": { "runAsUser": 1000 },
        "resources": { "requests": { "cpu": "10m" }, "limits": { "memory": "1Gi" } },
    })
}

fn with(mut base: Value, more: Value) -> Value {
    crate::values::overlay(&mut base, &more);
    base
}

#[test]
fn hub_default() {
    let values = ClusterManagerValues::default();
    for version in ["v1.2.1", "v1.3.1"] {
        let manifests = hub(&hub_input(version, &values)).expect("manifests");
        insta::assert_yaml_snapshot!(format!("hub_default_{version}"), shown(manifests));
    }
}

#[test]
fn hub_with_every_knob() {
    let values = hub_values(with(
        pod_values(),
        json!({
            "images": {
                "registry": "registry.example:5000/ocm",
                "tag": "own-build",
                "imagePullPolicy": "Always",
                "imageCredentials": { "createImageCredentials": true, "userName": "robot", "password": "hunter2" },
                "overrides": { "workImage": "registry.example:5000/special/work@sha256:00" },
            },
            "createNamespace": false,
            "createBootstrapSA": true,
            "createBootstrapToken": true,
            "clusterManager": {
                "create": false,
                "mode": "Default",
                "registrationConfiguration": {
                    "autoApproveUsers": ["system:serviceaccount:open-cluster-management:agent-registration-bootstrap"],
                    "featureGates": [
                        { "feature": "DefaultClusterSet", "mode": "Disable" },
                        { "feature": "ManagedClusterAutoApproval", "mode": "Enable" },
                    ],
                    "registrationDrivers": [{ "authType": "csr", "csr": { "autoApprovedIdentities": ["importer"] } }],
                    "importerConfiguration": { "renderers": ["render-auto"] },
                },
                "workConfiguration": { "workDriver": "mqtt", "featureGates": [{ "feature": "CloudEventsDrivers", "mode": "Enable" }] },
                "addOnManagerConfiguration": { "featureGates": [{ "feature": "AddonManagement", "mode": "Enable" }] },
                "serverConfiguration": { "endpointsExposure": [
                    { "protocol": "grpc", "grpc": { "type": "hostname", "hostname": { "host": "grpc.example" } } },
                ] },
            },
        }),
    ));
    for version in ["v1.2.1", "v1.3.1"] {
        let input = HubManifestInput {
            registry: "quay.io/ignored",
            feature_gates: "ManagedClusterAutoApproval=false,ManifestWorkReplicaSet=true",
            resources: &resources(),
            ..hub_input(version, &values)
        };
        let manifests = hub(&input).expect("manifests");
        insta::assert_yaml_snapshot!(format!("hub_every_knob_{version}"), shown(manifests));
    }
}

#[test]
fn spoke_default() {
    let values = KlusterletValues::default();
    for version in ["v1.2.1", "v1.3.1"] {
        let manifests = spoke(&spoke_input(version, &values)).expect("manifests");
        assert_eq!(manifests.agent_namespace, "open-cluster-management-agent");
        insta::assert_yaml_snapshot!(format!("spoke_default_{version}"), shown(all(manifests)));
    }
}

#[test]
fn spoke_singleton_with_every_knob() {
    let values = spoke_values(with(
        pod_values(),
        json!({
            "images": {
                "registry": "quay.io/ignored",
                "tag": "ignored",
                "imageCredentials": { "dockerConfigJson": "{\"auths\":{}}" },
                "overrides": { "registrationImage": "registry.example:5000/special/registration:1" },
            },
            "priorityClassName": "klusterlet-critical",
            "noOperator": true,
            "klusterlet": {
                "create": false,
                "clusterName": "ignored",
                "name": "klusterlet",
                "namespace": "open-cluster-management-spoke1",
                "externalServerURLs": [{ "url": "https://spoke1.example:6443" }],
                "nodePlacement": { "nodeSelector": { "disk": "ssd" }, "tolerations": [{ "operator": "Exists" }] },
                "registrationConfiguration": {
                    "clientCertExpirationSeconds": 86400,
                    "clusterAnnotations": { "agent.open-cluster-management.io/owner": "values", "zone": "a" },
                    "clusterLabels": { "site": "north" },
                    "kubeAPIQPS": 10,
                    "kubeAPIBurst": 20,
                    "featureGates": [{ "feature": "ClusterProperty", "mode": "Enable" }],
                    "clusterClaimConfiguration": { "maxCustomClusterClaims": 5, "reservedClusterClaimSuffixes": ["x.io"] },
                },
                "workConfiguration": {
                    "appliedManifestWorkEvictionGracePeriod": "10m",
                    "statusSyncInterval": "30s",
                    "featureGates": [{ "feature": "RawFeedbackJsonString", "mode": "Enable" }],
                },
            },
        }),
    ));
    let annotations = [("owner", "spoke"), ("contact", "team-a")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    for version in ["v1.2.1", "v1.3.1"] {
        let input = SpokeManifestInput {
            registry: "registry.example:5000/ocm/",
            create_namespace: true,
            singleton: true,
            annotations: &annotations,
            feature_gates: "ClusterClaim=false,ExecutorValidatingCaches=true",
            resources: &resources(),
            addon_auth: Some(AddOnAuthType::Token),
            addon_token_seconds: Some(7200),
            hub_on_same_cluster: Some(HubOnSameCluster { has_pull_secret: false }),
            ..spoke_input(version, &values)
        };
        let manifests = spoke(&input).expect("manifests");
        insta::assert_yaml_snapshot!(format!("spoke_singleton_every_knob_{version}"), shown(all(manifests)));
    }
}
