//! Every fixture is accepted or refused as it says, and what is accepted
//! survives being read into the types and written back.

use std::collections::BTreeSet;

use crate::fixture::{self, Fixture};
use crate::structural;
use fleetconfig_api::{v1alpha1, v1beta1};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The documents of a case as an API server would store them, and why it would
/// refuse the last one.
fn submit(fixture: &Fixture) -> (Vec<Value>, Vec<String>) {
    let mut stored: Vec<Value> = Vec::new();
    let mut refusals = Vec::new();
    for document in &fixture.documents {
        assert!(refusals.is_empty(), "{}: only the last document may be refused", fixture.name);
        let schema = crate::schema_of_kind(fixture::plural(document));
        let mut document = document.clone();
        structural::complete(schema, &mut document);
        refusals = structural::refusals(schema, &document, stored.last());
        stored.push(document);
    }
    (stored, refusals)
}

#[test]
fn accepted_fixtures_are_accepted() {
    for fixture in fixture::load("accepted") {
        let (_, refusals) = submit(&fixture);
        assert!(refusals.is_empty(), "{}: {refusals:#?}", fixture.name);
    }
}

#[test]
fn rejected_fixtures_are_refused_for_the_reason_they_name() {
    for fixture in fixture::load("rejected") {
        let expect = fixture.expect.clone().expect("the first line is `# expect: TEXT`");
        let (_, refusals) = submit(&fixture);
        assert!(
            refusals.len() == 1 && refusals[0].contains(&expect),
            "{}: expected one refusal with {expect:?}, got {refusals:#?}",
            fixture.name
        );
    }
}

fn through<T: Serialize + DeserializeOwned>(document: &Value) -> Value {
    let object: T = serde_json::from_value(document.clone()).unwrap();
    serde_json::to_value(object).unwrap()
}

fn through_its_type(document: &Value) -> Value {
    match document["kind"].as_str() {
        Some("FleetConfig") => through::<v1alpha1::FleetConfig>(document),
        Some("Hub") => through::<v1beta1::Hub>(document),
        Some("Spoke") => through::<v1beta1::Spoke>(document),
        other => panic!("unknown kind {other:?}"),
    }
}

/// Writes away what means the same: empty lists and maps are as good as
/// absent, and a quantity may be written as a number.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| (name.clone(), canonical(value)))
            .filter(|(_, value)| {
                !value.as_array().is_some_and(Vec::is_empty)
                    && !value.as_object().is_some_and(serde_json::Map::is_empty)
            })
            .collect(),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Number(number) => number.to_string().into(),
        other => other.clone(),
    }
}

#[test]
fn accepted_fixtures_survive_reading_and_writing() {
    for fixture in fixture::load("accepted") {
        for document in submit(&fixture).0 {
            assert_eq!(canonical(&through_its_type(&document)), canonical(&document), "{}", fixture.name);
        }
    }
}

#[test]
fn every_field_survives_reading_and_writing_to_the_letter() {
    for fixture in fixture::load("accepted").iter().filter(|f| f.name.contains("every-field")) {
        let document = &submit(fixture).0[0];
        assert_eq!(&through_its_type(document), document, "{}", fixture.name);
    }
}

/// Structures of core/v1 are Kubernetes' own; that they are passed on whole is
/// checked with samples.
const CORE: [&str; 4] = ["affinity", "podSecurityContext", "securityContext", "tolerations"];

fn uncovered(schema: &Value, values: &[&Value], path: &str, found: &mut BTreeSet<String>) {
    if CORE.iter().any(|core| path.ends_with(core)) {
        return;
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let values: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
        if values.is_empty() {
            found.insert(path);
        } else {
            uncovered(property, &values, &path, found);
        }
    }
    if schema["items"].is_object() {
        let items: Vec<&Value> =
            values.iter().flat_map(|value| value.as_array().into_iter().flatten()).collect();
        uncovered(&schema["items"], &items, path, found);
    }
}

#[test]
fn the_fixtures_with_every_field_set_every_field() {
    let fixtures = fixture::load("accepted");
    for plural in ["fleetconfigs", "hubs", "spokes"] {
        let documents: Vec<&Value> = fixtures
            .iter()
            .filter(|fixture| fixture.name.contains("every-field"))
            .map(|fixture| &fixture.documents[0])
            .filter(|document| fixture::plural(document) == plural)
            .collect();
        let mut found = BTreeSet::new();
        for section in ["spec", "status"] {
            let values: Vec<&Value> = documents.iter().filter_map(|document| document.get(section)).collect();
            uncovered(&crate::schema_of_kind(plural)["properties"][section], &values, section, &mut found);
        }
        assert!(found.is_empty(), "{plural}: {found:#?}");
    }
}

#[test]
fn every_rule_refuses_some_fixture() {
    let expectations: Vec<String> =
        fixture::load("rejected").into_iter().filter_map(|fixture| fixture.expect).collect();
    for plural in ["fleetconfigs", "hubs", "spokes"] {
        let mut messages = BTreeSet::new();
        collect_messages(crate::schema_of_kind(plural), &mut messages);
        assert!(!messages.is_empty(), "{plural} has no rules");
        for message in messages {
            assert!(
                expectations.iter().any(|expect| message.contains(expect.as_str())),
                "{plural}: no fixture is refused with {message:?}"
            );
        }
    }
}

fn collect_messages(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                found.insert(rule["message"].as_str().expect("every rule has a message").to_owned());
            }
            object.values().for_each(|value| collect_messages(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_messages(item, found)),
        _ => {}
    }
}
