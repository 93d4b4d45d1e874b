//! The Secret that replicas share: how it is read and changed.
//!
//! | key | holds |
//! | --- | --- |
//! | `ca.crt`, `ca.key` | the authority that signs |
//! | `next.crt`, `next.key` | the one that will, during a rotation |
//! | `retired.crt` | those that have signed what may still be served; their keys are gone |

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::authority::Authority;
use super::certificate::{Bundle, Certificate, to_pem};
use super::decide::{SecretSeen, Shared};

const CURRENT: (&str, &str) = ("ca.crt", "ca.key");
const NEXT: (&str, &str) = ("next.crt", "next.key");
const RETIRED: &str = "retired.crt";
const OUR_KEYS: [&str; 5] = [CURRENT.0, CURRENT.1, NEXT.0, NEXT.1, RETIRED];

/// Until when retired authorities are trusted.
const RETIRED_UNTIL: &str = "fleetconfig.open-cluster-management.io/retired-until";

const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "fleetconfig-controller-webhook");

/// The authorities in a Secret, with their keys. Has no `Debug`.
#[derive(Default)]
pub(super) struct Authorities {
    pub(super) current: Option<Authority>,
    pub(super) next: Option<Authority>,
    pub(super) retired: Vec<Certificate>,
    pub(super) retired_until: Option<Timestamp>,
}

/// What a Secret is, and the authorities in it if it is ours.
pub(super) fn read(secret: Option<&Secret>) -> (SecretSeen, Authorities) {
    let Some(secret) = secret else { return (SecretSeen::Missing, Authorities::default()) };
    let empty = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&empty);
    let authority =
        |(certificate, key): (&str, &str)| Authority::read(&data.get(certificate)?.0, &data.get(key)?.0).ok();
    let authorities = Authorities {
        current: authority(CURRENT),
        next: authority(NEXT),
        retired: data.get(RETIRED).map(|pem| Bundle::read(&pem.0).certificates).unwrap_or_default(),
        retired_until: secret
            .metadata
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get(RETIRED_UNTIL)?.parse().ok()),
    };
    let labelled = secret
        .metadata
        .labels
        .iter()
        .flatten()
        .any(|(key, value)| (key.as_str(), value.as_str()) == MANAGED_BY);
    // An empty one may have been made for us. One without our label that holds a whole authority of
    // ours has lost the label. Anything else may be somebody's only copy of a key.
    if !labelled && !data.is_empty() && authorities.current.is_none() {
        return (SecretSeen::Foreign, Authorities::default());
    }
    let certificate = |authority: &Option<Authority>| authority.as_ref().map(|it| it.certificate().clone());
    let shared = Shared {
        current: certificate(&authorities.current),
        next: certificate(&authorities.next),
        retired: authorities.retired.clone(),
        retired_until: authorities.retired_until,
    };
    (SecretSeen::Ours(shared), authorities)
}

/// A Secret that holds these, in the place of `before`, whose version it keeps: a replace of it fails
/// if somebody else was quicker. What others have put into it stays.
pub(super) fn write(
    before: Option<Secret>,
    namespace: &str,
    name: &str,
    authorities: &Authorities,
) -> Secret {
    let mut secret = before.unwrap_or_else(|| Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    });
    secret.metadata.managed_fields = None;
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    let data = secret.data.get_or_insert_default();
    for key in OUR_KEYS {
        data.remove(key);
    }
    let mut put = |key: &str, text: String| data.insert(key.to_owned(), ByteString(text.into_bytes()));
    for (keys, authority) in [(CURRENT, &authorities.current), (NEXT, &authorities.next)] {
        if let Some(authority) = authority {
            put(keys.0, authority.certificate().pem());
            put(keys.1, authority.key_pem());
        }
    }
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.remove(RETIRED_UNTIL);
    if !authorities.retired.is_empty() {
        put(RETIRED, to_pem(&authorities.retired));
        if let Some(until) = authorities.retired_until {
            annotations.insert(RETIRED_UNTIL.to_owned(), until.to_string());
        }
    }
    secret
}

#[cfg(test)]
mod tests;
