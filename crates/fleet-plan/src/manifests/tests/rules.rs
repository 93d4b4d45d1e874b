//! What holds for every set of manifests, whatever was asked for.

use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::endpoint::HubEndpoint;
use crate::manifests::{
    BOOTSTRAP_GROUP, BOOTSTRAP_NAMESPACE, BOOTSTRAP_ROLE, BootstrapKubeconfig, HubOnSameCluster,
    bootstrap_kubeconfig,
};

fn kinds(manifests: &[Manifest]) -> Vec<String> {
    manifests.iter().map(|manifest| manifest.key.to_string()).collect()
}

#[test]
fn everything_carries_the_inventory_and_selectors_do_not() {
    let hub_values = ClusterManagerValues::default();
    let spoke_values = spoke_values(
        json!({ "priorityClassName": "x", "images": { "imageCredentials": { "dockerConfigJson": "{}" } } }),
    );
    let mut manifests = hub(&hub_input("v1.2.1", &hub_values)).expect("a hub");
    manifests.extend(all(spoke(&spoke_input("v1.2.1", &spoke_values)).expect("a spoke")));
    for manifest in &manifests {
        for (key, value) in INVENTORY.labels() {
            assert_eq!(manifest.body["metadata"]["labels"][key], json!(value), "{}", manifest.key);
        }
    }
    for name in ["cluster-manager", "klusterlet"] {
        let deployment = one(&manifests, "Deployment", name);
        assert_eq!(deployment["spec"]["selector"]["matchLabels"], json!({ "app": name }));
        assert_eq!(deployment["spec"]["template"]["metadata"]["labels"], json!({ "app": name }));
    }
}

#[test]
fn each_object_comes_after_what_it_needs() {
    let values = hub_values(json!({ "images": { "imageCredentials": { "dockerConfigJson": "{}" } } }));
    assert_eq!(
        kinds(&hub(&hub_input("v1.2.1", &values)).expect("a hub")),
        [
            "CustomResourceDefinition clustermanagers.operator.open-cluster-management.io",
            "Namespace open-cluster-management",
            "ServiceAccount open-cluster-management/cluster-manager",
            "ClusterRole cluster-manager",
            "ClusterRoleBinding cluster-manager",
            "Namespace open-cluster-management-bootstrap",
            "ClusterRole fleetconfig.open-cluster-management.io:bootstrap",
            "ClusterRoleBinding fleetconfig.open-cluster-management.io:bootstrap",
            "Secret open-cluster-management/open-cluster-management-image-pull-credentials",
            "Deployment open-cluster-management/cluster-manager",
            "ClusterManager cluster-manager",
        ]
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let values = hub_values(json!({ "nodeSelector": { "b": "1", "a": "2" } }));
    let render = || {
        let manifests = hub(&hub_input("v1.3.1", &values)).expect("a hub");
        manifests.iter().map(|manifest| manifest.body.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(render(), render());
}

#[test]
fn the_release_decides_the_images_and_what_only_it_has() {
    let values = ClusterManagerValues::default();
    let images = |version: &str| {
        let manifests = hub(&hub_input(version, &values)).expect("a hub");
        let spec = one(&manifests, "ClusterManager", "cluster-manager")["spec"].clone();
        let operator =
            &one(&manifests, "Deployment", "cluster-manager")["spec"]["template"]["spec"]["containers"][0];
        (
            operator["image"].clone(),
            spec["placementImagePullSpec"].clone(),
            spec["placementConfiguration"].clone(),
        )
    };
    let gates = json!({ "featureGates": [{ "feature": "PlacementDebugServer", "mode": "Enable" }] });
    let image = |name: &str, tag: &str| json!(format!("quay.io/open-cluster-management/{name}:{tag}"));
    for (version, tag, placement) in
        [("1.2.0", "v1.2.0", Value::Null), ("v1.3.0", "v1.3.0", gates.clone()), ("latest", "latest", gates)]
    {
        assert_eq!(
            images(version),
            (image("registration-operator", tag), image("placement", tag), placement)
        );
    }
}

#[test]
fn nobody_is_approved_by_ocm_because_of_us() {
    let values = hub_values(json!({
        "createBootstrapSA": true,
        "clusterManager": { "registrationConfiguration": { "autoApproveUsers": ["somebody"] } },
    }));
    let manifests = hub(&hub_input("v1.2.1", &values)).expect("a hub");
    let spec = &one(&manifests, "ClusterManager", "cluster-manager")["spec"];
    assert_eq!(spec["registrationConfiguration"]["autoApproveUsers"], json!([]));
    assert!(manifests.iter().all(|manifest| manifest.key.name != "agent-registration-bootstrap"));
}

#[test]
fn a_bootstrap_token_can_ask_for_certificates_and_change_nothing_else() {
    let values = ClusterManagerValues::default();
    let manifests = hub(&hub_input("v1.2.1", &values)).expect("a hub");
    assert_eq!(
        one(&manifests, "ClusterRole", BOOTSTRAP_ROLE)["rules"],
        json!([
            {
                "apiGroups": ["certificates.k8s.io"],
                "resources": ["certificatesigningrequests"],
                "verbs": ["create", "get", "list", "watch"],
            },
            {
                "apiGroups": ["cluster.open-cluster-management.io"],
                "resources": ["managedclusters"],
                "verbs": ["get"],
            },
        ])
    );
    let groups = json!([format!("system:serviceaccounts:{BOOTSTRAP_NAMESPACE}"), BOOTSTRAP_GROUP]);
    let bindings = manifests.iter().filter(|manifest| manifest.key.resource.kind == "ClusterRoleBinding");
    for binding in bindings.map(|manifest| &manifest.body) {
        let is_bootstrap = binding["roleRef"]["name"] == json!(BOOTSTRAP_ROLE);
        let subjects = binding["subjects"].as_array().expect("subjects");
        let names: Vec<&Value> = subjects.iter().map(|subject| &subject["name"]).collect();
        assert_eq!(is_bootstrap, json!(names) == groups);
        assert_eq!(names.len(), if is_bootstrap { 2 } else { 1 });
    }
}

#[test]
fn pull_credentials_are_written_only_when_there_are_any() {
    for (credentials, expected) in [
        (json!({}), None),
        (json!({ "createImageCredentials": true }), None),
        (json!({ "createImageCredentials": false, "userName": "u", "password": "p" }), None),
        (
            json!({ "userName": "u", "password": "p", "dockerConfigJson": "{}" }),
            Some(r#"{"auths":{"quay.io/open-cluster-management":{"auth":"dTpw"}}}"#),
        ),
        (json!({ "dockerConfigJson": "{ \"auths\": {} }\n" }), Some(r#"{ "auths": {} }"#)),
    ] {
        let values = spoke_values(json!({ "images": { "imageCredentials": credentials } }));
        let manifests = all(spoke(&spoke_input("v1.2.1", &values)).expect("a spoke"));
        let secret = manifests.iter().find(|manifest| manifest.key.resource.kind == "Secret");
        let config = secret.map(|secret| decoded(&secret.body["data"][".dockerconfigjson"]));
        assert_eq!(config.as_deref(), expected, "{credentials}");
    }
}

#[test]
fn a_spoke_on_a_hubs_cluster_leaves_to_the_hub_what_both_use() {
    let values = spoke_values(json!({ "images": { "imageCredentials": { "dockerConfigJson": "{}" } } }));
    let kinds = |has_pull_secret: Option<bool>| {
        let hub_on_same_cluster = has_pull_secret.map(|has_pull_secret| HubOnSameCluster { has_pull_secret });
        let input = SpokeManifestInput { hub_on_same_cluster, ..spoke_input("v1.2.1", &values) };
        kinds(&all(spoke(&input).expect("a spoke")))
    };
    let namespace = "Namespace open-cluster-management".to_owned();
    let secret = "Secret open-cluster-management/open-cluster-management-image-pull-credentials".to_owned();
    assert!(kinds(None).contains(&namespace) && kinds(None).contains(&secret));
    assert!(!kinds(Some(true)).contains(&namespace) && !kinds(Some(true)).contains(&secret));
    assert!(!kinds(Some(false)).contains(&namespace) && kinds(Some(false)).contains(&secret));
}

#[test]
fn a_priority_class_of_kubernetes_is_used_and_not_made() {
    let values = spoke_values(json!({ "priorityClassName": "system-cluster-critical" }));
    let manifests = all(spoke(&spoke_input("v1.2.1", &values)).expect("a spoke"));
    assert!(manifests.iter().all(|manifest| manifest.key.resource.kind != "PriorityClass"));
    let deployment = one(&manifests, "Deployment", "klusterlet");
    assert_eq!(deployment["spec"]["template"]["spec"]["priorityClassName"], "system-cluster-critical");
    assert_eq!(
        one(&manifests, "Klusterlet", "klusterlet")["spec"]["priorityClassName"],
        "system-cluster-critical"
    );
}

fn decoded(base64: &Value) -> String {
    use base64::Engine;
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(base64.as_str().expect("base64")).expect("base64");
    String::from_utf8(bytes).expect("text")
}

/// A block that is formally a certificate; nothing here looks into it.
fn pem(content: u8) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode([content; 60]);
    let (first, rest) = text.split_at(64);
    format!("-----BEGIN CERTIFICATE-----\n{first}\n{rest}\n-----END CERTIFICATE-----\n")
}

fn kubeconfig(ca_pem: &str, proxy: Option<(&str, &str)>) -> Result<Value, String> {
    let endpoint = HubEndpoint { server: "https://hub.example:6443".to_owned(), ca_pem: ca_pem.to_owned() };
    let input = BootstrapKubeconfig {
        namespace: "open-cluster-management-agent",
        endpoint: &endpoint,
        token: &SecretString::from("hunter2"),
        proxy_url: proxy.map(|(url, _)| url),
        proxy_ca: proxy.map(|(_, ca)| ca),
        labels: INVENTORY.labels(),
    };
    let secret = bootstrap_kubeconfig(&input).map_err(|error| error.to_string())?;
    assert_eq!(secret.key.to_string(), "Secret open-cluster-management-agent/bootstrap-hub-kubeconfig");
    assert!(!format!("{secret:?}").contains("hunter2"));
    let text = decoded(&secret.body["data"]["kubeconfig"]);
    Ok(serde_json::from_str(&text).expect("a kubeconfig in JSON"))
}

#[test]
fn the_bootstrap_kubeconfig_has_the_names_that_agents_compare() {
    let config = kubeconfig(&pem(1), None).expect("a kubeconfig");
    assert_eq!(config["current-context"], "bootstrap");
    assert_eq!(
        config["contexts"],
        json!([{ "name": "bootstrap", "context": { "cluster": "hub", "user": "bootstrap", "namespace": "default" } }])
    );
    assert_eq!(config["users"], json!([{ "name": "bootstrap", "user": { "token": "hunter2" } }]));
    let cluster = &config["clusters"][0];
    assert_eq!(cluster["name"], "hub");
    assert_eq!(cluster["cluster"]["server"], "https://hub.example:6443");
    assert_eq!(decoded(&cluster["cluster"]["certificate-authority-data"]), pem(1));
    assert_eq!(cluster["cluster"].as_object().map(|fields| fields.len()), Some(2));
}

#[test]
fn the_proxys_certificates_are_added_once_and_only_with_a_proxy() {
    let ca = |config: &Value| decoded(&config["clusters"][0]["cluster"]["certificate-authority-data"]);
    let both = format!("{}{}", pem(1), pem(2));
    let config = kubeconfig(pem(1).trim_end(), Some(("http://proxy:3128", &both))).expect("a kubeconfig");
    assert_eq!(config["clusters"][0]["cluster"]["proxy-url"], "http://proxy:3128");
    assert_eq!(ca(&config), both);
    let config = kubeconfig(&pem(1), Some(("http://proxy:3128", "\n"))).expect("a kubeconfig");
    assert_eq!(ca(&config), pem(1));
    assert_eq!(kubeconfig("no PEM", None), Err("ca: PEM certificates were expected".into()));
    let garbage = kubeconfig(&pem(1), Some(("http://proxy:3128", "-----BEGIN CERTIFICATE-----\n???")));
    assert_eq!(garbage, Err("proxyCa: PEM certificates were expected".into()));
}
