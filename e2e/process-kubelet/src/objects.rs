//! What a pod reads from the API besides itself, as last seen.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::pod::references::{Kind, Reference};

/// Contents of one Secret or ConfigMap.
///
/// No `Debug`: the values may be secret.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Data(BTreeMap<String, Vec<u8>>);

impl Data {
    /// The value of one key.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// All keys with their values, in order of the keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }
}

impl From<Secret> for Data {
    fn from(secret: Secret) -> Self {
        Self(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
    }
}

impl From<ConfigMap> for Data {
    fn from(config_map: ConfigMap) -> Self {
        let text =
            config_map.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary =
            config_map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
        Self(text.chain(binary).collect())
    }
}

/// The referenced objects that exist.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Objects(BTreeMap<Reference, Data>);

impl Objects {
    /// Adds what was read of one object.
    pub(crate) fn insert(&mut self, reference: Reference, data: Data) {
        self.0.insert(reference, data);
    }

    /// An object that may be missing only if `optional`.
    ///
    /// # Errors
    /// The message a real kubelet shows for a missing object.
    pub(crate) fn find(&self, kind: Kind, name: &str, optional: bool) -> Result<Option<&Data>, String> {
        match self.0.get(&(kind, name.to_owned())) {
            Some(data) => Ok(Some(data)),
            None if optional => Ok(None),
            None => Err(match kind {
                Kind::Secret => format!("secret {name:?} not found"),
                Kind::ConfigMap => format!("configmap {name:?} not found"),
            }),
        }
    }

    /// One key of an object; it may be missing only if `optional`.
    ///
    /// # Errors
    /// The object or the key is missing.
    pub(crate) fn key(
        &self,
        kind: Kind,
        name: &str,
        key: &str,
        optional: bool,
    ) -> Result<Option<&[u8]>, String> {
        let value = self.find(kind, name, optional)?.and_then(|data| data.get(key));
        if value.is_none() && !optional {
            return Err(format!("couldn't find key {key:?} in {kind:?} {name:?}"));
        }
        Ok(value)
    }
}
