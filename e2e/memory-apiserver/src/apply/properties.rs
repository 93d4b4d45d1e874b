//! What holds of server-side apply whatever is applied.

use proptest::{collection::btree_map, option, prelude::*, sample::subsequence};
use serde_json::{Map, Value, json};

use super::{
    compare::compare,
    extract::fields_of,
    field_set::FieldSet,
    managers::{ManagerId, Managers, Operation},
    merge::merge,
    ownership::{ApplyError, Writer, apply, track},
};
use crate::schema::{Dialect, Parser, RULES, Schema};

fn schema() -> Schema {
    let word = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": word});
    let fields = json!({
        "word": word,
        "labels": map,
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": word},
        "words": {"type": "array", "items": word},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": word},
        "parts": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": word, "value": word, "more": map}},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    });
    let spec = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}});
    let none = Map::new();
    let mut parser = Parser::new(&none, &RULES);
    let root = parser.schema(&spec, Dialect::Custom);
    Schema::new(parser.finish().into(), root)
}

fn word() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!("x")), Just(json!("y"))]
}

fn map(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let size = 1..=keys.len();
    let names = subsequence(keys, size).prop_flat_map(|names| {
        let values = proptest::collection::vec(word(), names.len());
        (Just(names), values)
    });
    names
        .prop_map(|(names, values)| Value::Object(names.into_iter().map(str::to_owned).zip(values).collect()))
}

fn list(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    subsequence(keys, 1..=keys.len()).prop_shuffle().prop_map(Value::from)
}

fn parts(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let names = subsequence(keys, 1..=keys.len()).prop_shuffle();
    names
        .prop_flat_map(move |names| {
            let rest = proptest::collection::vec((option::of(word()), option::of(map(keys))), names.len());
            (Just(names), rest)
        })
        .prop_map(|(names, rest)| {
            let parts = names.into_iter().zip(rest).map(|(name, (value, more))| {
                let mut part = Map::from_iter([("name".to_owned(), Value::from(name))]);
                part.extend(value.map(|value| ("value".to_owned(), value)));
                part.extend(more.map(|more| ("more".to_owned(), more)));
                Value::Object(part)
            });
            parts.collect()
        })
}

/// An object whose keys and items are among the given ones. `own` fields are owned as a whole.
fn object(keys: &'static [&'static str], own: bool) -> impl Strategy<Value = Value> {
    let free = btree_map("[m-n]", prop_oneof![map(keys), list(keys)], 0..3);
    let free = free.prop_map(|free| Value::Object(free.into_iter().collect()));
    let shared = (option::of(map(keys)), option::of(list(keys)), option::of(parts(keys)));
    let whole = (option::of(word()), option::of(list(keys)), option::of(map(keys)), option::of(free));
    (shared, whole).prop_map(move |((labels, tags, parts), (word, words, whole, free))| {
        let mut fields = vec![("labels", labels), ("tags", tags), ("parts", parts)];
        if own {
            fields.extend([("word", word), ("words", words), ("whole", whole), ("free", free)]);
        }
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        json!({"spec": Value::Object(fields.collect())})
    })
}

const KEYS: &[&str] = &["a", "b", "c"];
const SOME: &[&str] = &["a", "b"];
const OTHERS: &[&str] = &["c", "d"];

fn writer<'a>(name: &'a str, time: &'a str, ignored: &'a FieldSet) -> Writer<'a> {
    Writer { name, api_version: "v1", subresource: "", time, ignored }
}

/// The state after some objects were applied with force, each by a manager of its own.
fn applied(schema: &Schema, configs: &[Value]) -> (Value, Managers) {
    let none = FieldSet::default();
    let mut state = (json!({}), Managers::default());
    for (config, name) in configs.iter().zip(["p", "q", "r"]) {
        let writer = writer(name, "1", &none);
        state = apply(&state.0, config, schema.root(), state.1, &writer, true).unwrap();
    }
    state
}

fn changed_fields(schema: &Schema, old: &Value, new: &Value) -> FieldSet {
    let difference = compare(old, new, schema.root());
    difference.modified.union(&difference.added)
}

/// Lists with identities, in an order of their own.
fn sorted(mut object: Value) -> Value {
    for field in ["tags", "parts"] {
        if let Some(list) = object.pointer_mut(&format!("/spec/{field}")).and_then(Value::as_array_mut) {
            list.sort_by_key(Value::to_string);
        }
    }
    object
}

proptest! {
    #[test]
    fn applying_again_changes_nothing(
        others in proptest::collection::vec(object(KEYS, true), 0..3),
        config in object(KEYS, true),
    ) {
        let (schema, none) = (schema(), FieldSet::default());
        let (live, managers) = applied(&schema, &others);
        let first =
            apply(&live, &config, schema.root(), managers, &writer("me", "2", &none), true).unwrap();
        let again =
            apply(&first.0, &config, schema.root(), first.1.clone(), &writer("me", "3", &none), false);
        prop_assert_eq!(again, Ok(first));
    }

    #[test]
    fn what_is_applied_is_there_and_owned(
        others in proptest::collection::vec(object(KEYS, true), 0..3),
        config in object(KEYS, true),
    ) {
        let (schema, none) = (schema(), FieldSet::default());
        let (live, managers) = applied(&schema, &others);
        let (new, managers) =
            apply(&live, &config, schema.root(), managers, &writer("me", "2", &none), true).unwrap();
        prop_assert_eq!(merge(&new, &config, schema.root()), new);
        let id = ManagerId::new(Operation::Apply, "me", "v1", "");
        let owned = managers.0.get(&id).map(|owned| owned.fields.clone()).unwrap_or_default();
        prop_assert_eq!(owned, fields_of(&config, schema.root()));
    }

    #[test]
    fn without_force_nothing_of_others_changes(
        others in proptest::collection::vec(object(KEYS, true), 1..3),
        config in object(KEYS, true),
    ) {
        let (schema, none) = (schema(), FieldSet::default());
        let (live, managers) = applied(&schema, &others);
        let owned = managers.0.values().fold(FieldSet::default(), |all, owned| all.union(&owned.fields));
        let me = writer("me", "2", &none);
        match apply(&live, &config, schema.root(), managers, &me, false) {
            Ok((new, _)) => {
                let difference = compare(&live, &new, schema.root());
                prop_assert!(difference.modified.intersection(&owned).is_empty());
                prop_assert!(difference.removed.is_empty(), "an applier that comes new removed something");
            }
            Err(ApplyError::Conflicts(conflicts)) => prop_assert!(!conflicts.is_empty()),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn nobody_else_owns_what_was_taken_by_force(
        others in proptest::collection::vec(object(KEYS, true), 1..3),
        config in object(KEYS, true),
    ) {
        let (schema, none) = (schema(), FieldSet::default());
        let (live, managers) = applied(&schema, &others);
        let (new, managers) =
            apply(&live, &config, schema.root(), managers, &writer("me", "2", &none), true).unwrap();
        let changed = changed_fields(&schema, &live, &new);
        for (id, owned) in managers.0.iter().filter(|(id, _)| id.name != "me") {
            prop_assert!(owned.fields.intersection(&changed).is_empty(), "{id:?}");
        }
    }

    #[test]
    fn an_applier_alone_can_take_everything_back(config in object(KEYS, true)) {
        let (schema, none) = (schema(), FieldSet::default());
        let me = writer("me", "1", &none);
        let (live, managers) =
            apply(&json!({}), &config, schema.root(), Managers::default(), &me, false).unwrap();
        let (left, managers) = apply(&live, &json!({}), schema.root(), managers, &me, false).unwrap();
        prop_assert_eq!(left, json!({}));
        prop_assert!(managers.is_empty());
    }

    #[test]
    fn appliers_of_different_fields_do_not_mind_their_order(
        one in object(SOME, false),
        other in object(OTHERS, false),
    ) {
        let schema = schema();
        let none = FieldSet::default();
        let run = |first: (&str, &Value), second: (&str, &Value)| {
            let (live, managers) = apply(
                &json!({}), first.1, schema.root(), Managers::default(), &writer(first.0, "1", &none), false,
            ).unwrap();
            apply(&live, second.1, schema.root(), managers, &writer(second.0, "1", &none), false).unwrap()
        };
        let (there, owners) = run(("me", &one), ("you", &other));
        let (back, same_owners) = run(("you", &other), ("me", &one));
        prop_assert_eq!(sorted(there), sorted(back));
        // Only when an applier last changed something depends on the order.
        let fields = |managers: Managers| -> Vec<_> {
            managers.0.into_iter().map(|(id, owned)| (id, owned.fields)).collect()
        };
        prop_assert_eq!(fields(owners), fields(same_owners));
    }

    #[test]
    fn an_update_owns_what_it_changed_and_nothing_else(
        others in proptest::collection::vec(object(KEYS, true), 0..3),
        new in object(KEYS, true),
    ) {
        let (schema, none) = (schema(), FieldSet::default());
        let (live, managers) = applied(&schema, &others);
        let managers = track(&live, &new, schema.root(), managers, &writer("me", "2", &none));
        let changed = changed_fields(&schema, &live, &new);
        let removed = compare(&live, &new, schema.root()).removed;
        let id = ManagerId::new(Operation::Update, "me", "v1", "");
        let owned = managers.0.get(&id).map(|owned| owned.fields.clone()).unwrap_or_default();
        prop_assert_eq!(owned, changed.clone());
        for (id, owned) in managers.0.iter().filter(|(other, _)| **other != id) {
            prop_assert!(owned.fields.intersection(&changed.union(&removed)).is_empty(), "{id:?}");
        }
    }

    #[test]
    fn a_set_survives_its_text(value in object(KEYS, true)) {
        let set = fields_of(&value, schema().root());
        prop_assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()), set);
    }

    #[test]
    fn sets_obey_the_laws_of_sets(one in object(KEYS, true), other in object(KEYS, true)) {
        let schema = schema();
        let (one, other) = (fields_of(&one, schema.root()), fields_of(&other, schema.root()));
        prop_assert_eq!(one.union(&other), other.union(&one));
        prop_assert_eq!(one.intersection(&other), other.intersection(&one));
        prop_assert_eq!(one.difference(&other).union(&one.intersection(&other)), one.clone());
        prop_assert!(one.difference(&other).intersection(&other).is_empty());
        prop_assert!(one.outside(&one).is_empty());
        prop_assert_eq!(one.paths().len(), one.union(&one).paths().len());
    }

    #[test]
    fn versions_that_are_equal_do_not_differ(value in object(KEYS, true)) {
        let difference = compare(&value, &value, schema().root());
        prop_assert_eq!(difference, super::compare::Difference::default());
    }
}
