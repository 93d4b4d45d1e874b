//! The CustomResourceDefinitions of the three kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::kstatus::UNSEEN;
use crate::{v1alpha1, v1beta1};

/// The CustomResourceDefinitions of FleetConfig, Hub and Spoke, as they are
/// committed under `crds/`.
///
/// The descriptions of core/v1 structures come from the Kubernetes version that
/// the build chooses; the committed files are made with the oldest supported.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![v1alpha1::FleetConfig::crd(), v1beta1::Hub::crd(), v1beta1::Spoke::crd()];
    for version in crds.iter_mut().flat_map(|crd| &mut crd.spec.versions) {
        if let Some(schema) =
            version.schema.as_mut().and_then(|validation| validation.open_api_v3_schema.as_mut())
        {
            normalize(schema);
            say_unseen(schema);
        }
    }
    crds
}

/// Gives an object that nobody has looked at a status that says so. Without one, tools that know the
/// kind by its conditions alone (Flux, cli-utils) take it for finished.
fn say_unseen(schema: &mut JSONSchemaProps) {
    if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
        status.default = Some(JSON(json!({ "observedGeneration": UNSEEN })));
    }
}

/// Brings what the derive macros make into the form that controllers in Go
/// have, which differs in what an API server does with it:
///
/// - Nothing is nullable. The API server then never stores a `null`: where there
///   is a default it takes that instead, elsewhere it refuses. So a rule that
///   asks whether a field is there need not think of `null`.
/// - The default of an object is `{}`; its fields have their own defaults. Each
///   default stands in one place. (The status is the exception: see [`say_unseen`].)
/// - Line breaks of the source are not part of a description.
fn normalize(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(JSON(default @ Value::Object(_))) = &mut schema.default {
        *default = Value::Object(serde_json::Map::new());
    }
    if let Some(description) = &mut schema.description {
        *description = unwrap_lines(description);
    }

    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        normalize(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        normalize(values);
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        normalize(property);
    }
}

/// Joins the lines of each paragraph; paragraphs stay apart.
fn unwrap_lines(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
