//! What is refused, in the words that the user sees.

use serde_json::json;

use super::*;

fn hub_refusal(values: Value) -> String {
    let values = hub_values(values);
    hub(&hub_input("v1.2.1", &values)).expect_err("a refusal").to_string()
}

fn spoke_refusal(values: Value) -> String {
    let values = spoke_values(values);
    spoke(&spoke_input("v1.2.1", &values)).expect_err("a refusal").to_string()
}

#[test]
fn what_is_not_built_yet_says_so() {
    let hub_section = |section: Value| hub_refusal(json!({ "clusterManager": section }));
    let spoke_section = |section: Value| spoke_refusal(json!({ "klusterlet": section }));
    let drivers = |driver: &str| json!({ "registrationConfiguration": { "registrationDrivers": [{ "authType": "csr" }, { "authType": driver }] } });
    let driver = |driver: &str| json!({ "registrationConfiguration": { "registrationDriver": { "authType": driver } } });
    for (seen, expected) in [
        (hub_section(json!({ "mode": "Hosted" })), "values.clusterManager.mode: mode Hosted"),
        (
            hub_section(drivers("grpc")),
            "values.clusterManager.registrationConfiguration.registrationDrivers: driver grpc",
        ),
        (
            hub_section(drivers("awsirsa")),
            "values.clusterManager.registrationConfiguration.registrationDrivers: driver awsirsa",
        ),
        (spoke_section(json!({ "mode": "SingletonHosted" })), "values.klusterlet.mode: mode SingletonHosted"),
        (
            spoke_section(driver("grpc")),
            "values.klusterlet.registrationConfiguration.registrationDriver: driver grpc",
        ),
        (spoke_refusal(json!({ "grpcConfig": "url: x" })), "values.grpcConfig: registration over gRPC"),
        (
            spoke_refusal(json!({ "multiHubBootstrapHubKubeConfigs": [{ "name": "a" }] })),
            "values.multiHubBootstrapHubKubeConfigs: an agent that chooses its hub",
        ),
        (
            spoke_section(
                json!({ "registrationConfiguration": { "featureGates": [{ "feature": "MultipleHubs", "mode": "Enable" }] } }),
            ),
            "klusterlet.featureGates: feature gate MultipleHubs",
        ),
    ] {
        assert_eq!(seen, format!("{expected} is not supported yet"));
    }
}

#[test]
fn images_of_another_release_are_refused() {
    let tag = |tag: &str| hub_refusal(json!({ "images": { "tag": tag } }));
    for other in ["v1.3.1", "1.2.0", "latest"] {
        assert_eq!(
            tag(other),
            format!(
                "values.images.tag: {other} is not the resolved release v1.2.1; set source.bundleVersion instead"
            )
        );
    }
    for accepted in ["v1.2.1", "own-build", ""] {
        let values = hub_values(json!({ "images": { "tag": accepted } }));
        assert!(hub(&hub_input("v1.2.1", &values)).is_ok(), "{accepted}");
    }
    let overridden = |image: &str| json!({ "images": { "overrides": { "operatorImage": image } } });
    let expected = "values.images.overrides.operatorImage: the image is of v1.3.0, but the manifests are of v1.2.1; \
                    set source.bundleVersion to v1.3.0";
    assert_eq!(hub_refusal(overridden("r/registration-operator:v1.3.0")), expected);
    assert_eq!(spoke_refusal(overridden("r/registration-operator:v1.3.0")), expected);
    let values = spoke_values(overridden("r:5000/registration-operator:v1.2.7"));
    assert!(spoke(&spoke_input("v1.2.1", &values)).is_ok());
}

#[test]
fn values_that_can_not_work_name_their_field() {
    let credentials =
        |credentials: Value| hub_refusal(json!({ "images": { "imageCredentials": credentials } }));
    let klusterlet = |section: Value| spoke_refusal(json!({ "klusterlet": section }));
    for (seen, expected) in [
        (
            credentials(json!({ "userName": "u" })),
            "values.images.imageCredentials: userName is set and password is not; set both, or dockerConfigJson alone",
        ),
        (
            credentials(json!({ "dockerConfigJson": "hunter2" })),
            "values.images.imageCredentials.dockerConfigJson: a JSON object with the key auths was expected",
        ),
        (
            hub_refusal(json!({ "images": { "imagePullPolicy": "always" } })),
            "values.images.imagePullPolicy: \"always\" is not one of Always, IfNotPresent, Never",
        ),
        (
            hub_refusal(json!({ "replicaCount": 0 })),
            "values.replicaCount: 0 is not a number of pods from 1 on",
        ),
        (klusterlet(json!({ "name": "other" })), "values.klusterlet.name: must be klusterlet, or left out"),
        (
            klusterlet(json!({ "namespace": "agents" })),
            "values.klusterlet.namespace: \"agents\" does not begin with open-cluster-management- or is no name of at most 57 characters",
        ),
        (
            klusterlet(json!({ "namespace": "open-cluster-management-hub" })),
            "values.klusterlet.namespace: open-cluster-management-hub is taken; choose another name",
        ),
        (
            klusterlet(json!({ "registrationConfiguration": { "clientCertExpirationSeconds": 600 } })),
            "values.klusterlet.registrationConfiguration.clientCertExpirationSeconds: must be 0 for the hub's own choice, or at least 3600",
        ),
        (
            klusterlet(json!({ "registrationConfiguration": { "kubeAPIQPS": 4_000_000_000_i64 } })),
            "values.klusterlet.registrationConfiguration: a value is out of range, expected i32",
        ),
    ] {
        assert_eq!(seen, expected);
    }
    let values = ClusterManagerValues::default();
    let input = HubManifestInput { registry: "/", ..hub_input("v1.2.1", &values) };
    let seen = hub(&input).expect_err("a refusal").to_string();
    assert_eq!(seen, "source.registry: is empty; name the registry of OCM's images");
}

#[test]
fn gates_of_the_values_are_checked_against_the_release() {
    let placement = json!({ "clusterManager": { "placementConfiguration": { "featureGates": [{ "feature": "PlacementDebugServer" }] } } });
    assert_eq!(
        hub_refusal(placement.clone()),
        "values.clusterManager.placementConfiguration.featureGates: feature gate PlacementDebugServer exists from \
         OCM 1.3 on, and this is OCM 1.2; raise source.bundleVersion or leave it out"
    );
    let values = hub_values(placement);
    let manifests = hub(&hub_input("v1.3.1", &values)).expect("a hub");
    assert_eq!(
        one(&manifests, "ClusterManager", "cluster-manager")["spec"]["placementConfiguration"]["featureGates"],
        json!([{ "feature": "PlacementDebugServer", "mode": "Disable" }])
    );
}
