//! Field selectors.

use serde_json::Value;

use crate::{object::Object, rejection::Rejection, resource::ResourceKind};

#[derive(Clone, Debug)]
struct Requirement {
    path: Vec<String>,
    equal: bool,
    value: String,
}

/// Requirements that must all hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldSelector(Vec<Requirement>);

impl FieldSelector {
    /// Reads `metadata.name=x,status.phase!=y`. The empty text selects everything.
    pub(crate) fn parse(text: &str, kind: &ResourceKind) -> Result<Self, Rejection> {
        let mut requirements = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, value, equal) = if let Some((name, value)) = part.split_once("!=") {
                (name, value, false)
            } else if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (name, value, true)
            } else {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(Rejection::bad_request(message));
            };
            let path = path_of(name, kind)
                .ok_or_else(|| Rejection::bad_request(format!("field label not supported: {name}")))?;
            requirements.push(Requirement { path, equal, value: value.to_owned() });
        }
        Ok(Self(requirements))
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| {
            let path: Vec<&str> = requirement.path.iter().map(String::as_str).collect();
            let found = match object.at(&path) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            (found == requirement.value) == requirement.equal
        })
    }
}

fn path_of(name: &str, kind: &ResourceKind) -> Option<Vec<String>> {
    match name {
        "metadata.name" | "metadata.namespace" => Some(name.split('.').map(str::to_owned).collect()),
        _ => kind.selectable.iter().find(|(known, _)| known == name).map(|(_, path)| path.clone()),
    }
}
