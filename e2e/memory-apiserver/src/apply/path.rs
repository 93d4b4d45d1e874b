//! A step on the way to a field, as `managedFields` writes it.

use std::fmt;

use serde_json::Value;

/// One step: into a struct or map, or to an item of a list.
///
/// Values and keys are kept as JSON text with sorted fields, which makes them comparable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PathElement {
    /// A field of a struct or a key of a map: `f:name`.
    Field(String),
    /// An item of a list-map, by its key fields: `k:{"name":"web"}`.
    Key(String),
    /// An item of a set, by itself: `v:"web"`.
    Value(String),
    /// An item of a list, by position: `i:0`. Never produced here, but accepted.
    Index(u64),
}

impl PathElement {
    /// The step to a field.
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    /// The step to the item of a list-map with these key fields.
    pub(crate) fn key<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let mut fields: Vec<(&str, &Value)> = fields.into_iter().collect();
        fields.sort_by_key(|(name, _)| *name);
        let fields: serde_json::Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Self::Key(Value::Object(fields).to_string())
    }

    /// The step to an item of a set.
    pub(crate) fn value(value: &Value) -> Self {
        Self::Value(value.to_string())
    }

    /// Reads the text that `managedFields` has; `None` for a kind of step that nobody knows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::field(rest)),
            "k" => {
                let fields: serde_json::Map<String, Value> = serde_json::from_str(rest).ok()?;
                Some(Self::key(fields.iter().map(|(name, value)| (name.as_str(), value))))
            }
            "v" => Some(Self::value(&serde_json::from_str(rest).ok()?)),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// The text that `managedFields` has.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => format!("k:{key}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }
}

/// As conflicts print it: `.spec.containers[name="web"].image`.
impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(key) => {
                let fields: serde_json::Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_the_same_whatever_the_order_of_its_fields() {
        let (port, protocol) = (json!(80), json!("TCP"));
        let one = PathElement::key([("protocol", &protocol), ("containerPort", &port)]);
        let other = PathElement::parse(r#"k:{"protocol":"TCP", "containerPort":80}"#).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.text(), r#"k:{"containerPort":80,"protocol":"TCP"}"#);
        assert_eq!(one.to_string(), r#"[containerPort=80,protocol="TCP"]"#);
    }

    #[test]
    fn every_kind_of_step_survives_its_text() {
        for text in ["f:spec", r#"k:{"name":"a"}"#, r#"v:"x""#, "i:3", "f:a:b"] {
            assert_eq!(PathElement::parse(text).unwrap().text(), text);
        }
        assert_eq!(PathElement::parse("z:1"), None);
    }
}
