//! Chart values as users write them, and as somebody hostile would.

use fleetconfig_api::values::{ClusterManagerValues, KlusterletValues};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn hub(text: &str) -> Result<Value, ValuesError> {
    merge::<ClusterManagerValues>(None, Some(text)).map(|values| serde_json::to_value(values).unwrap())
}

fn message(text: &str) -> String {
    hub(text).expect_err("values that can not be used").to_string()
}

fn inline(values: Value) -> ClusterManagerValues {
    serde_json::from_value(values).expect("inline values")
}

#[test]
fn what_is_said_inline_wins_and_the_rest_comes_from_the_config_map() {
    let from = "
replicaCount: 2
enableSyncLabels: true
images: { registry: quay.io/mirror, overrides: { workImage: example/work:1 } }
nodeSelector: { disk: ssd, zone: a }
tolerations: [{ key: a, operator: Exists }, { key: b, operator: Exists }]
";
    let inline = inline(json!({
        "enableSyncLabels": false,
        "images": { "registry": "", "overrides": { "registrationImage": "example/registration:1" } },
        "nodeSelector": { "zone": "b" },
        "tolerations": [{ "key": "c", "operator": "Exists" }],
    }));
    let merged = merge(Some(&inline), Some(from)).expect("values");
    assert_eq!(
        serde_json::to_value(merged).unwrap(),
        json!({
            "replicaCount": 2,
            "enableSyncLabels": false,
            "images": {
                "registry": "quay.io/mirror",
                "overrides": { "registrationImage": "example/registration:1", "workImage": "example/work:1" },
            },
            "nodeSelector": { "disk": "ssd", "zone": "b" },
            "tolerations": [{ "key": "c", "operator": "Exists" }],
        })
    );
}

#[test]
fn nothing_given_is_nothing_said() {
    assert_eq!(merge::<KlusterletValues>(None, None), Ok(KlusterletValues::default()));
    for text in ["", "# only a comment\n", "---\n", "{}", "images: {}", "images:\n"] {
        let said = hub(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(said == json!({}) || said == json!({ "images": {} }), "{text:?}: {said}");
    }
}

#[test]
fn numbers_are_amounts_too() {
    let said =
        hub("resources: { limits: { cpu: 1, memory: 1Gi }, requests: { cpu: 0.5 } }").expect("amounts");
    assert_eq!(
        said,
        json!({ "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "0.5" } } })
    );
}

#[test]
fn keys_that_the_chart_does_not_have_are_named_with_their_paths() {
    let text = "
replicas: 2
images: { overrides: { agentImage: x } }
clusterManager: { registrationConfiguration: { registrationDrivers: [{ authType: csr, crs: {} }] } }
affinity: { nodeAffinity: { required: {} } }
";
    assert_eq!(
        message(text),
        "valuesFrom: the chart has no affinity.nodeAffinity.required, \
         clusterManager.registrationConfiguration.registrationDrivers[0].crs, images.overrides.agentImage, \
         replicas; correct or remove them"
    );
}

#[test]
fn a_wrong_type_is_named_with_its_path_and_without_its_value() {
    assert_eq!(message("replicaCount: hunter2"), "valuesFrom: replicaCount is not an integer");
    assert_eq!(
        message("images: { imageCredentials: [true] }"),
        "valuesFrom: images.imageCredentials is not a mapping"
    );
    assert_eq!(message("tolerations: [{ key: a }, []]"), "valuesFrom: tolerations[1] is not Toleration");
    let drivers = "clusterManager: { registrationConfiguration: { registrationDrivers: [{ authType: csr, csr: [[]] }] } }";
    assert_eq!(
        message(drivers),
        "valuesFrom: clusterManager.registrationConfiguration.registrationDrivers[0].csr is not a mapping"
    );
    assert_eq!(message("tolerations: { key: a }"), "valuesFrom: tolerations is not a sequence");
    assert_eq!(
        message("clusterManager: { workConfiguration: { workDriver: hunter2 } }"),
        "valuesFrom: clusterManager.workConfiguration.workDriver is not one of `kube`, `mqtt`, `grpc`"
    );
    assert_eq!(
        message("clusterManager: { registrationConfiguration: { featureGates: [{ mode: Enable }] } }"),
        "valuesFrom: clusterManager.registrationConfiguration.featureGates[0] has a missing field `feature`"
    );
}

#[test]
fn what_is_no_mapping_of_yaml_is_refused_without_quoting_it() {
    assert_eq!(message("- a\n- b\n"), "valuesFrom: a mapping of chart values was expected");
    assert_eq!(message("hunter2"), "valuesFrom: a mapping of chart values was expected");
    for text in [
        "a: [hunter2",
        "a: b: hunter2",
        "a: 1\n---\nb: 2\n",
        "replicaCount: 1\nreplicaCount: 2\n",
        "\tx: *hunter2",
    ] {
        let message = message(text);
        assert!(
            message.starts_with("valuesFrom: the text is not one YAML document of sane size"),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn texts_that_would_eat_the_controller_are_refused() {
    assert_eq!(hub(&" ".repeat(MAX_BYTES + 1)), Err(ValuesError::TooLarge { size: MAX_BYTES + 1 }));
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let wide = format!("a: [{}]", "1,".repeat(MAX_NODES + 1));
    let mut laughs = String::from("a0: &a0 [x]\n");
    for level in 1..=40 {
        laughs.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    for text in [deep, wide, laughs] {
        assert!(matches!(hub(&text), Err(ValuesError::NotYaml { .. })));
    }
}

#[test]
fn the_hash_follows_the_content_and_not_the_order() {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let hash = content_hash(&value(r#"{ "a": 1, "b": { "c": [true, null, "x"], "d": {} } }"#));
    assert_eq!(hash, content_hash(&value(r#"{ "b": { "d": {}, "c": [true, null, "x"] }, "a": 1 }"#)));
    assert_eq!(hash.len(), 64);
    for other in [
        r#"{ "a": 1, "b": { "c": ["x", true, null], "d": {} } }"#,
        r#"{ "a": "1", "b": { "c": [true, null, "x"], "d": {} } }"#,
        r#"{ "a": 1, "b": { "c": [true, null, "x"], "d": [] } }"#,
    ] {
        assert_ne!(hash, content_hash(&value(other)), "{other}");
    }
}

proptest! {
    /// Text that looks like YAML gives values or an error, never a panic, and merging what came out of
    /// it with nothing gives the same again.
    #[test]
    fn any_text_gives_values_or_an_error(text in "([a-zA-Z]{1,12}|[:,{}\\[\\]&*!|>'\"%@`#?-]|[ \n]|images|replicaCount|[0-9.e]{1,4}){0,60}") {
        if let Ok(values) = merge::<KlusterletValues>(None, Some(&text)) {
            prop_assert_eq!(merge(Some(&values), None), Ok(values));
        }
    }

    /// What is laid over a value is there afterwards, unless it said nothing.
    #[test]
    fn inline_wins_where_it_says_something(from in "[a-z]{0,8}", inline in "[a-z]{0,8}", count in proptest::option::of(-3_i64..3)) {
        let written = ClusterManagerValues { replica_count: count, ..ClusterManagerValues::default() };
        let said = json!({ "images": { "registry": inline } });
        let written = ClusterManagerValues { images: serde_json::from_value(said["images"].clone()).ok(), ..written };
        let merged = merge(Some(&written), Some(&format!("replicaCount: 7\nimages: {{ registry: '{from}' }}"))).expect("values");
        prop_assert_eq!(merged.replica_count, count.or(Some(7)));
        let registry = merged.images.and_then(|images| images.registry).unwrap_or_default();
        prop_assert_eq!(registry, if inline.is_empty() { from } else { inline });
    }
}
