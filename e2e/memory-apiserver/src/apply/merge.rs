//! Laying an applied configuration over a live object.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::{
    atom::{Atom, identified, nothing_inside},
    path::PathElement,
};
use crate::schema::At;

/// The live value with the configuration laid over it. Nothing is removed by this.
pub(crate) fn merge(live: &Value, config: &Value, at: At<'_>) -> Value {
    both(Some(live), Some(config), at).unwrap_or(Value::Null)
}

fn both(live: Option<&Value>, config: Option<&Value>, at: At<'_>) -> Option<Value> {
    let winner = config.or(live)?;
    let atom = Atom::of(winner, at);
    if nothing_inside(&atom, [live, config]) {
        return Some(winner.clone());
    }
    match atom {
        Atom::Leaf(_) => Some(winner.clone()),
        Atom::Map(at) => {
            let (live, config) = (live.and_then(Value::as_object), config.and_then(Value::as_object));
            let names: BTreeSet<&String> =
                live.into_iter().chain(config).flat_map(|fields| fields.keys()).collect();
            let mut merged = Map::new();
            for name in names {
                let live = live.and_then(|fields| fields.get(name));
                let config = config.and_then(|fields| fields.get(name));
                if let Some(value) = both(live, config, at.field_or_any(name)) {
                    merged.insert(name.clone(), value);
                }
            }
            (!merged.is_empty()).then_some(Value::Object(merged))
        }
        Atom::List(at) => {
            let live = live.map(|live| identified(live, at)).unwrap_or_default();
            let config = config.map(|config| identified(config, at)).unwrap_or_default();
            let items = interleave(&live, &config, at.item());
            (!items.is_empty()).then_some(Value::Array(items))
        }
    }
}

/// The items of both lists: those of the configuration in its order, each merged with its live
/// counterpart; items that only the live list has stay before the shared item they preceded.
fn interleave(live: &[(PathElement, &Value)], config: &[(PathElement, &Value)], item: At<'_>) -> Vec<Value> {
    let in_live = |step: &PathElement| live.iter().find(|(other, _)| other == step).map(|(_, item)| *item);
    let in_config = |step: &PathElement| config.iter().any(|(other, _)| other == step);
    let mut shared: VecDeque<&PathElement> =
        config.iter().map(|(step, _)| step).filter(|step| in_live(step).is_some()).collect();
    let mut rest = live.iter().peekable();
    let mut out = Vec::new();
    for (step, value) in config {
        while let Some((next, only_live)) = rest.peek() {
            if next == step {
                rest.next();
                break;
            }
            if !in_config(next) {
                out.push((*only_live).clone());
            } else if shared.front() == Some(&next) {
                break;
            }
            rest.next();
        }
        if shared.front() == Some(&step) {
            shared.pop_front();
        }
        out.extend(both(in_live(step), Some(value), item));
    }
    out.extend(rest.filter(|(step, _)| !in_config(step)).map(|(_, value)| (*value).clone()));
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{Dialect, Parser, RULES, Schema};

    fn order(live: &[&str], config: &[&str]) -> Vec<String> {
        let schema = json!({
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        });
        let none = Map::new();
        let mut parser = Parser::new(&none, &RULES);
        let root = parser.schema(&schema, Dialect::Custom);
        let schema = Schema::new(parser.finish().into(), root);
        let list = |names: &[&str]| Value::from_iter(names.iter().map(|name| json!({"name": name})));
        let merged = merge(&list(live), &list(config), schema.root());
        merged.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn items_come_in_the_order_of_the_configuration_around_the_live_ones() {
        assert_eq!(order(&["a", "b"], &["a", "b"]), ["a", "b"]);
        assert_eq!(order(&["a", "b"], &["b", "a"]), ["b", "a"]);
        assert_eq!(order(&["x", "a"], &["c", "a"]), ["x", "c", "a"]);
        assert_eq!(order(&["a", "x"], &["a", "c"]), ["a", "x", "c"]);
        assert_eq!(order(&["b", "a", "x"], &["a", "b", "c"]), ["a", "x", "b", "c"]);
        assert_eq!(order(&["a", "b"], &["c"]), ["a", "b", "c"]);
        assert_eq!(order(&[], &["c", "a"]), ["c", "a"]);
    }
}
