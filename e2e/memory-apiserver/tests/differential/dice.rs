//! Random objects, the same for the same seed.

use serde_json::{Map, Value, json};

/// A small generator of random numbers (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }

    pub(crate) fn often(&mut self) -> bool {
        self.roll(3) > 0
    }

    /// Some of the names, in random order.
    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        let mut left = of.to_vec();
        let count = self.roll(of.len() + 1);
        (0..count).map(|_| left.remove(self.roll(left.len()))).collect()
    }

    fn word(&mut self) -> &'static str {
        self.pick(&["x", "y"])
    }

    /// Puts a field in, most of the time.
    fn maybe(&mut self, fields: &mut Map<String, Value>, name: &str, value: impl FnOnce(&mut Self) -> Value) {
        if self.often() {
            let value = value(self);
            fields.insert(name.to_owned(), value);
        }
    }

    fn map(&mut self) -> Value {
        let keys = self.some(&["a", "b", "c"]);
        Value::Object(keys.into_iter().map(|key| (key.to_owned(), self.word().into())).collect())
    }

    pub(crate) fn metadata(&mut self) -> Map<String, Value> {
        // Never empty: of a custom object, the real server stores labels that an applier emptied as
        // an empty map, does not show it, and drops it with the next write, which then counts as a
        // change.
        let mut metadata = Map::new();
        for field in ["labels", "annotations"] {
            let mut map = self.map();
            map["keep"] = "k".into();
            metadata.insert(field.into(), map);
        }
        metadata
    }

    pub(crate) fn config_map(&mut self) -> Map<String, Value> {
        let mut content = Map::new();
        self.maybe(&mut content, "data", Self::map);
        content
    }

    pub(crate) fn widget(&mut self) -> Map<String, Value> {
        let mut spec = Map::new();
        self.maybe(&mut spec, "word", |dice| dice.word().into());
        self.maybe(&mut spec, "labels", Self::map);
        self.maybe(&mut spec, "tags", |dice| json!(dice.some(&["p", "q", "r"])));
        self.maybe(&mut spec, "words", |dice| json!(dice.some(&["p", "q"])));
        self.maybe(&mut spec, "whole", |dice| {
            let fields = dice.some(&["x", "y"]);
            Value::Object(fields.into_iter().map(|field| (field.to_owned(), dice.word().into())).collect())
        });
        self.maybe(&mut spec, "parts", |dice| {
            let names = dice.some(&["one", "two", "three"]);
            names
                .into_iter()
                .map(|name| {
                    let mut part = Map::from_iter([("name".to_owned(), name.into())]);
                    dice.maybe(&mut part, "value", |dice| dice.word().into());
                    dice.maybe(&mut part, "more", Self::map);
                    Value::Object(part)
                })
                .collect()
        });
        self.maybe(&mut spec, "free", |dice| {
            let mut free = Map::new();
            dice.maybe(&mut free, "map", Self::map);
            dice.maybe(&mut free, "list", |dice| json!(dice.some(&["p", "q"])));
            dice.maybe(&mut free, "turn", |dice| if dice.often() { dice.map() } else { dice.word().into() });
            Value::Object(free)
        });
        self.maybe(&mut spec, "nested", |dice| {
            let mut nested = Map::new();
            dice.maybe(&mut nested, "depth", |dice| dice.roll(3).into());
            dice.maybe(&mut nested, "inner", |dice| {
                let mut inner = Map::new();
                dice.maybe(&mut inner, "word", |dice| dice.word().into());
                Value::Object(inner)
            });
            Value::Object(nested)
        });
        Map::from_iter([("spec".to_owned(), Value::Object(spec))])
    }

    pub(crate) fn deployment(&mut self) -> Map<String, Value> {
        let names = self.some(&["web", "side"]);
        let containers: Vec<Value> = names
            .into_iter()
            .map(|name| {
                let mut container = Map::from_iter([("name".to_owned(), name.into())]);
                container.insert("image".into(), format!("image:{}", self.word()).into());
                self.maybe(&mut container, "env", |dice| {
                    let names = dice.some(&["A", "B"]);
                    names.into_iter().map(|name| json!({"name": name, "value": dice.word()})).collect()
                });
                self.maybe(&mut container, "args", |dice| json!(dice.some(&["p", "q"])));
                self.maybe(&mut container, "ports", |dice| {
                    let names = dice.some(&["80", "81"]);
                    names
                        .into_iter()
                        .map(|port| json!({"containerPort": port.parse::<u16>().unwrap(), "name": format!("p{port}")}))
                        .collect()
                });
                Value::Object(container)
            })
            .collect();
        let mut pod = Map::from_iter([("containers".to_owned(), containers.into())]);
        self.maybe(&mut pod, "volumes", |dice| {
            let names = dice.some(&["v", "w"]);
            names.into_iter().map(|name| json!({"name": name, "emptyDir": {}})).collect()
        });
        self.maybe(&mut pod, "nodeSelector", Self::map);
        let mut spec = Map::from_iter([
            ("selector".to_owned(), json!({"matchLabels": {"app": "a"}})),
            (
                "template".to_owned(),
                json!({"metadata": {"labels": {"app": "a"}}, "spec": Value::Object(pod)}),
            ),
        ]);
        self.maybe(&mut spec, "replicas", |dice| dice.roll(3).into());
        Map::from_iter([("spec".to_owned(), Value::Object(spec))])
    }

    pub(crate) fn status(&mut self) -> Map<String, Value> {
        let kinds = self.some(&["Ready", "Done"]);
        // Times that are left out would show as null from Go.
        let time = "2026-01-01T00:00:00Z";
        let conditions: Vec<Value> = kinds
            .into_iter()
            .map(|kind| {
                let status = self.word();
                json!({"type": kind, "status": status, "lastUpdateTime": time, "lastTransitionTime": time})
            })
            .collect();
        Map::from_iter([("status".to_owned(), json!({"conditions": conditions}))])
    }
}
