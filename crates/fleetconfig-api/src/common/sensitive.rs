//! Text that must not be shown.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// A string that may hold a secret: on the wire it is a plain string, but
/// `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SensitiveString(String);

impl SensitiveString {
    /// The text itself. It must not be logged, put into a status or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SensitiveString {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SensitiveString {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SensitiveString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl JsonSchema for SensitiveString {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SensitiveString".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use crate::values::{ImageCredentials, Images, KlusterletValues};

    #[test]
    fn debug_shows_no_secret_of_the_chart_values() {
        let values = KlusterletValues {
            bootstrap_hub_kube_config: Some("hunter2".into()),
            images: Some(Images {
                image_credentials: Some(ImageCredentials {
                    password: Some("hunter2".into()),
                    docker_config_json: Some("hunter2".into()),
                    ..ImageCredentials::default()
                }),
                ..Images::default()
            }),
            ..KlusterletValues::default()
        };
        assert!(!format!("{values:?}").contains("hunter2"));
        assert!(serde_json::to_string(&values).unwrap().contains("hunter2"));
    }
}
