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
/// stored object changing its meaning: OCM lets an object have no spec, and no field be null. The
/// properties of the root get the descriptions that the generator does not know.
fn like_ocm(mut crd: CustomResourceDefinition, spec: &str, status: &str) -> CustomResourceDefinition {
    crd.spec.names.list_kind = Some(format!("{}List", crd.spec.names.kind));
    for schema in schemas(&mut crd) {
        schema.title = None;
        schema.required = None;
        let properties = schema.properties.get_or_insert_default();
        for (name, type_, description) in [
            ("apiVersion", "string", Some("Group and version of the API in which the object is written.")),
            ("kind", "string", Some("Kind of the object.")),
            // The API server has a text of its own here and refuses another.
            ("metadata", "object", None),
            ("spec", "object", Some(spec)),
            ("status", "object", Some(status)),
        ] {
            let property = properties.entry(name.to_owned()).or_default();
            property.type_ = Some(type_.to_owned());
            property.description = description.map(str::to_owned);
        }
        for_each(schema, &mut |schema| {
            // Doc comments are broken where the source's lines end; explanations are read elsewhere.
            schema.description = schema.description.take().map(|text| text.replace('\n', " "));
            // An `Option` in Rust means that a field may be missing. The API server drops a null
            // before it fills defaults in; where the schema allows one, it stays in the default's place.
            schema.nullable = None;
            // The generator's rewriting empties the two alternatives, without which the API server
            // refuses the schema.
            if schema.x_kubernetes_int_or_string == Some(true) {
                schema.any_of = Some(["integer", "string"].map(of_type).into());
            }
        });
    }
    crd
}

fn of_type(type_: &str) -> JSONSchemaProps {
    JSONSchemaProps { type_: Some(type_.to_owned()), ..JSONSchemaProps::default() }
}

/// The schemas of all versions of a CRD.
fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    crd.spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut())
        .filter_map(|schema| schema.open_api_v3_schema.as_mut())
}

/// Calls `change` for a schema and for those of its properties, items and map values, all the way down.
fn for_each(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        for_each(property, change);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => for_each(item, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => {
            items.iter_mut().for_each(|item| for_each(item, change));
        }
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        for_each(values, change);
    }
}
