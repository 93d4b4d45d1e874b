//! Tests of the schema that the types make, and of the types against it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is tests; clippy.toml opens only functions marked as such"
)]

mod documented;
mod fixture;
mod fixtures;
mod generated;
mod generated_reference;
mod page_of_kind;
mod schema;
mod structural;
mod upstream;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

/// The schemas by the plural of their kind. Making them takes a while in a
/// debug build.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    fleetconfig_api::crds()
        .into_iter()
        .map(|crd| {
            let schema = crd.spec.versions[0].schema.as_ref().unwrap();
            let schema = schema.open_api_v3_schema.as_ref().unwrap();
            (crd.spec.names.plural, serde_json::to_value(schema).unwrap())
        })
        .collect()
});

/// The schema of the kind with this plural.
fn schema_of_kind(plural: &str) -> &'static Value {
    &SCHEMAS[plural]
}
