//! The schema says what it should: everything is explained, defaults agree
//! with the types, and upstream's fields are all there.

use crate::structural;
use fleetconfig_api::common::{
    AddOnDeploymentConfig, ClusterManagerConfig, OcmSource, RegistrationAuth, ResourceSpec, SecretReference,
    Singleton,
};
use fleetconfig_api::{Kstatus, v1alpha1, v1beta1, values};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[test]
fn kubectl_explain_has_an_answer_for_every_field() {
    for plural in ["fleetconfigs", "hubs", "spokes"] {
        let schema = crate::schema_of_kind(plural);
        assert!(schema["description"].is_string(), "{plural}");
        let mut missing = Vec::new();
        for section in ["spec", "status"] {
            explain(&schema["properties"][section], section, &mut missing);
        }
        assert!(missing.is_empty(), "{plural}: no description: {missing:#?}");
    }
}

#[test]
fn an_optional_enum_is_explained_by_its_field() {
    for (plural, path, start) in [
        ("hubs", "status.phase", "One word for the state"),
        ("spokes", "status.phase", "One word for the state"),
        ("fleetconfigs", "status.phase", "One word for the state"),
        ("fleetconfigs", "status.spokes[].phase", "One word for the state"),
        ("spokes", "spec.klusterlet.addonKubeClientRegistrationAuth", "How add-on agents get"),
    ] {
        let schema = at(crate::schema_of_kind(plural), path).unwrap();
        let description = schema["description"].as_str().unwrap();
        assert!(description.starts_with(start), "{plural} {path}: {description}");
    }
}

fn explain(schema: &Value, path: &str, missing: &mut Vec<String>) {
    if schema["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
        missing.push(path.to_owned());
    }
    explain_below(schema, path, missing);
}

fn explain_below(schema: &Value, path: &str, missing: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        explain(property, &format!("{path}.{name}"), missing);
    }
    for (name, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[name].is_object() {
            explain_below(&schema[name], &format!("{path}{suffix}"), missing);
        }
    }
}

#[test]
fn nothing_is_nullable_and_object_defaults_are_empty() {
    fn walk(schema: &Value, path: &str) {
        match schema {
            Value::Object(object) => {
                assert_ne!(schema["nullable"], true, "{path}");
                if schema["type"] == "object"
                    && let Some(default) = schema.get("default")
                {
                    // A status with no more than this default was written by nobody.
                    let unseen = json!({"observedGeneration": -1});
                    let expected = if path.ends_with(".properties.status") { unseen } else { json!({}) };
                    assert_eq!(default, &expected, "{path}");
                }
                for (name, value) in object {
                    walk(value, &format!("{path}.{name}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path)),
            _ => {}
        }
    }
    for plural in ["fleetconfigs", "hubs", "spokes"] {
        walk(crate::schema_of_kind(plural), plural);
    }
}

/// The schema at a path such as `spec.spokes[].klusterlet`.
fn at<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(schema, |schema, step| {
        let lists = step.matches("[]").count();
        let property = schema["properties"].get(step.trim_end_matches("[]"))?;
        (0..lists).try_fold(property, |schema, _| schema.get("items"))
    })
}

/// What is left out is the same for an API server, for serde and for
/// `Default`: `minimal` holds just what is required.
fn defaults_agree<T>(plural: &str, path: &str, minimal: Value)
where
    T: Default + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let schema = crate::schema_of_kind(plural);
    let schema = at(schema, path).unwrap_or_else(|| panic!("{plural} has no {path}"));
    let mut completed = minimal.clone();
    structural::complete(schema, &mut completed);
    let by_server: T = serde_json::from_value(completed.clone()).unwrap();
    let by_serde: T = serde_json::from_value(minimal).unwrap();
    assert_eq!(by_server, T::default(), "{plural} {path}: API server");
    assert_eq!(by_serde, T::default(), "{plural} {path}: serde");
    assert_eq!(serde_json::to_value(T::default()).unwrap(), completed, "{plural} {path}: written");
}

#[test]
fn defaults_of_the_schema_and_of_the_types_agree() {
    let kubeconfig = json!({"kubeconfig": {}});
    defaults_agree::<v1beta1::HubSpec>("hubs", "spec", kubeconfig.clone());
    defaults_agree::<v1beta1::SpokeSpec>(
        "spokes",
        "spec",
        json!({"kubeconfig": {}, "hubRef": {"name": "", "namespace": ""}}),
    );
    defaults_agree::<v1alpha1::FleetConfigSpec>(
        "fleetconfigs",
        "spec",
        json!({"hub": kubeconfig, "spokes": []}),
    );
    defaults_agree::<v1alpha1::SpokeEntry>(
        "fleetconfigs",
        "spec.spokes[]",
        json!({"name": "", "kubeconfig": {}}),
    );
    defaults_agree::<v1alpha1::Klusterlet>("fleetconfigs", "spec.spokes[].klusterlet", json!({}));
    defaults_agree::<v1beta1::Klusterlet>("spokes", "spec.klusterlet", json!({}));
    defaults_agree::<v1beta1::CleanupConfig>("spokes", "spec.cleanupConfig", json!({}));
    defaults_agree::<ClusterManagerConfig>("hubs", "spec.clusterManager", json!({}));
    defaults_agree::<Singleton>("hubs", "spec.singleton", json!({}));
    defaults_agree::<RegistrationAuth>("hubs", "spec.registrationAuth", json!({}));
    defaults_agree::<ResourceSpec>("hubs", "spec.clusterManager.resources", json!({}));
    defaults_agree::<OcmSource>("hubs", "spec.clusterManager.source", json!({}));
    defaults_agree::<SecretReference>("hubs", "spec.kubeconfig.secretReference", json!({"name": ""}));
    defaults_agree::<AddOnDeploymentConfig>("spokes", "spec.addOns[].deploymentConfig", json!({}));
    let registration = "spec.klusterlet.values.klusterlet.registrationConfiguration";
    defaults_agree::<values::SpokeRegistrationConfig>("spokes", registration, json!({}));
    defaults_agree::<values::ClusterClaimConfig>(
        "spokes",
        &format!("{registration}.clusterClaimConfiguration"),
        json!({}),
    );
    defaults_agree::<values::LocalSecretsConfig>(
        "spokes",
        &format!("{registration}.bootstrapKubeConfigs.localSecretsConfig"),
        json!({"kubeConfigSecrets": []}),
    );
    defaults_agree::<values::SpokeWorkConfig>(
        "spokes",
        "spec.klusterlet.values.klusterlet.workConfiguration",
        json!({}),
    );
    defaults_agree::<v1beta1::HubStatus>("hubs", "status", json!({}));
    defaults_agree::<v1beta1::SpokeStatus>("spokes", "status", json!({}));
    defaults_agree::<v1alpha1::FleetConfigStatus>("fleetconfigs", "status", json!({}));
    defaults_agree::<v1alpha1::JoinedSpoke>(
        "fleetconfigs",
        "status.joinedSpokes[]",
        json!({"name": "", "kubeconfig": {}}),
    );
}

/// What tools that wait for objects see of one that was created a moment ago.
#[test]
fn an_object_that_nobody_has_looked_at_is_in_progress() {
    for plural in ["fleetconfigs", "hubs", "spokes"] {
        let mut created = json!({"metadata": {"generation": 1}, "spec": {}});
        assert_eq!(Kstatus::of(Some(&created)), Kstatus::Current, "kstatus asks for no conditions");
        created["status"] = crate::schema_of_kind(plural)["properties"]["status"]["default"].clone();
        assert_eq!(Kstatus::of(Some(&created)), Kstatus::InProgress, "{plural}");
    }
}

#[test]
fn columns_are_upstreams_and_ours() {
    let columns: Vec<(String, Vec<String>)> = fleetconfig_api::crds()
        .into_iter()
        .map(|crd| {
            let columns = crd.spec.versions[0].additional_printer_columns.clone();
            let names = columns.into_iter().flatten().map(|column| column.name).collect();
            (crd.spec.names.plural, names)
        })
        .collect();
    let expected = [
        ("fleetconfigs", vec!["PHASE", "READY", "REASON", "AGE"]),
        ("hubs", vec!["PHASE", "READY", "REASON", "AGE"]),
        ("spokes", vec!["PHASE", "MANAGED_CLUSTER", "READY", "REASON", "AGE"]),
    ];
    assert_eq!(
        columns,
        expected.map(|(plural, names)| {
            (plural.to_owned(), names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        })
    );
}
