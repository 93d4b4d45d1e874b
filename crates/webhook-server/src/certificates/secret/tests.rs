//! What counts as ours, what survives a round trip, and what is never overwritten.

use serde_json::json;

use super::super::decide::Times;
use super::*;

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn authority() -> Authority {
    Authority::mint(now(), &Times::default()).unwrap()
}

fn whole() -> (Authorities, Secret) {
    let authorities = Authorities {
        current: Some(authority()),
        next: Some(authority()),
        retired: vec![authority().certificate().clone()],
        retired_until: Some(now()),
    };
    let secret = write(None, "fleet", "ca", &authorities);
    (authorities, secret)
}

fn ours(secret: &Secret) -> Shared {
    match read(Some(secret)).0 {
        SecretSeen::Ours(shared) => shared,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_is_read_back() {
    let (authorities, secret) = whole();
    let shared = ours(&secret);
    assert_eq!(shared.current.as_ref(), authorities.current.as_ref().map(Authority::certificate));
    assert_eq!(shared.next.as_ref(), authorities.next.as_ref().map(Authority::certificate));
    assert_eq!(shared.retired, authorities.retired);
    assert_eq!(shared.retired_until, Some(now()));
}

#[test]
fn what_others_have_added_stays_and_what_is_over_goes() {
    let (_, mut secret) = whole();
    secret.metadata.resource_version = Some("7".into());
    secret.metadata.labels.as_mut().unwrap().insert("team".into(), "a".into());
    secret.data.as_mut().unwrap().insert("note".into(), ByteString(b"hello".to_vec()));
    let (_, read_back) = read(Some(&secret));
    let after = Authorities { current: read_back.current, ..Authorities::default() };
    let secret = write(Some(secret), "fleet", "ca", &after);
    assert_eq!(secret.metadata.resource_version.as_deref(), Some("7"), "the write is conditional");
    assert_eq!(secret.metadata.labels.as_ref().unwrap()["team"], "a");
    let keys: Vec<&str> = secret.data.as_ref().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["ca.crt", "ca.key", "note"]);
    assert_eq!(ours(&secret).retired_until, None);
}

#[test]
fn a_secret_of_somebody_else_is_foreign_and_an_empty_one_is_ours() {
    let secret = |object| -> Secret { serde_json::from_value(object).unwrap() };
    let foreign = secret(json!({"data": {"tls.crt": "eA==", "tls.key": "eQ=="}}));
    assert_eq!(read(Some(&foreign)).0, SecretSeen::Foreign);
    assert_eq!(ours(&secret(json!({"metadata": {"name": "ca"}}))), Shared::default());
    assert_eq!(read(None).0, SecretSeen::Missing);
}

#[test]
fn a_broken_part_is_no_part() {
    let damage = |key: &str, text: &[u8]| {
        let (_, mut secret) = whole();
        secret.data.as_mut().unwrap().insert(key.into(), ByteString(text.to_vec()));
        ours(&secret)
    };
    let other = authority();
    assert_eq!(damage("ca.crt", b"-----BEGIN CERTIFICATE-----\nx").current, None);
    assert_eq!(damage("ca.key", b"\xff\xfe").current, None);
    assert_eq!(damage("ca.key", other.key_pem().as_bytes()).current, None, "not a pair");
    let two = format!("{}{}", other.certificate().pem(), authority().certificate().pem());
    assert_eq!(damage("next.crt", two.as_bytes()).next, None, "one, not two");
    assert!(damage("retired.crt", b"garbage").retired.is_empty());

    let (_, mut secret) = whole();
    secret.metadata.labels = None;
    assert!(ours(&secret).current.is_some(), "a whole one without label is known by its form");
    secret.data.as_mut().unwrap().remove("ca.key");
    assert_eq!(read(Some(&secret)).0, SecretSeen::Foreign);
}
