//! The CRDs of ClusterManager and Klusterlet, which whoever starts OCM's operators must install: the
//! operators read these kinds, but do not bring them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::core::crd::CustomResourceExt;
use serde_json::json;

use crate::operator::v1::{ClusterManager, Klusterlet};

/// CRD of ClusterManager.
pub fn cluster_manager_crd() -> CustomResourceDefinition {
    let mut crd =
        like_ocm(ClusterManager::crd(), "What to run for the hub.", "What the operator says about the hub.");
    for schema in schemas(&mut crd) {
        if let Some(spec) = schema.properties.as_mut().and_then(|properties| properties.get_mut("spec")) {
            spec.default = Some(JSON(json!({ "deployOption": { "mode": "Default" } })));
        }
    }
    crd
}

/// CRD of Klusterlet.
pub fn klusterlet_crd() -> CustomResourceDefinition {
    like_ocm(Klusterlet::crd(), "What to run for the agent.", "What the operator says about the agent.")
}

/// Brings a generated CRD into the form of OCM's own, so that either can replace the other without a
/// stored object changing its meaning:
///
/// - OCM lets an object have no spec, and no field be null;
/// - the properties of the root carry descriptions.
fn like_ocm(mut crd: CustomResourceDefinition, spec: &str, status: &str) -> CustomResourceDefinition {
    for schema in schemas(&mut crd) {
        forbid_null(schema);
        schema.required = None;
        let properties = schema.properties.get_or_insert_default();
        for (name, type_, description) in [
            ("apiVersion", "string", "Group and version of the API in which the object is written."),
            ("kind", "string", "Kind of the object."),
            ("metadata", "object", "Name, labels, annotations and what else every object has."),
            ("spec", "object", spec),
            ("status", "object", status),
        ] {
            let property = properties.entry(name.to_owned()).or_default();
            property.type_ = Some(type_.to_owned());
            property.description = Some(description.to_owned());
        }
    }
    crd
}

/// The schemas of all versions of a CRD.
fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    crd.spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut())
        .filter_map(|schema| schema.open_api_v3_schema.as_mut())
}

/// Takes `nullable` away from a schema and all schemas in it. An `Option` in Rust means that a field
/// may be missing; the API server drops a null before defaults are filled in, but keeps one, in place
/// of the default, where the schema allows it.
fn forbid_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        forbid_null(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => forbid_null(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(forbid_null),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        forbid_null(values);
    }
}
