//! The policy is tested with requests that are written byte by byte: a library that makes certificate
//! requests makes only well-behaved ones.

mod draft;
mod one_difference;
mod properties;
mod several;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use self::draft::Draft;
use super::{CsrFacts, Decision, Expected, RefusalReason, Requester, Window, judge};

const CLUSTER: &str = "spoke-1";
const AGENT: &str = "6f1ab2c4-93f2-4a57-9d8e-4b7a0e3c9f11";
const ACCOUNT_UID: &str = "91bc11e5-8eb6-4e07-86c2-0e95c274e867";

/// The request of a first contact of [`CLUSTER`]. Signing it twice would give two.
static REQUEST: LazyLock<Vec<u8>> = LazyLock::new(|| Draft::of(CLUSTER, AGENT).pem());

/// What a first contact of [`CLUSTER`] should look like.
fn expected() -> Expected {
    Expected {
        cluster: CLUSTER.into(),
        requester: Requester::service_account("fleet-bootstrap", CLUSTER, ACCOUNT_UID),
        window: Window::Open,
        agent: None,
        max_expiration_seconds: None,
    }
}

/// The CSR of a first contact of [`CLUSTER`], as the API server shows it.
fn good() -> CsrFacts {
    CsrFacts {
        name: "spoke-1-8bgdz".into(),
        uid: "62cffc50-4e51-4c80-90da-3238103b42c6".into(),
        resource_version: "458".into(),
        labels: BTreeMap::from([("open-cluster-management.io/cluster-name".into(), CLUSTER.into())]),
        created: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        signer_name: "kubernetes.io/kube-apiserver-client".into(),
        username: "system:serviceaccount:fleet-bootstrap:spoke-1".into(),
        user_uid: ACCOUNT_UID.into(),
        groups: BTreeSet::from([
            "system:serviceaccounts".into(),
            "system:serviceaccounts:fleet-bootstrap".into(),
            "system:authenticated".into(),
        ]),
        extra_keys: BTreeSet::from(["authentication.kubernetes.io/credential-id".into()]),
        usages: vec!["digital signature".into(), "key encipherment".into(), "client auth".into()],
        expiration_seconds: None,
        request: REQUEST.clone(),
        approved: false,
        denied: false,
        failed: false,
        issued: false,
    }
}

/// The request inside a first contact of a cluster, for those who test what becomes of it.
pub(crate) fn first_contact(cluster: &str) -> Vec<u8> {
    Draft::of(cluster, AGENT).pem()
}

/// The decision about one CSR on its own.
fn decision(csr: &CsrFacts, expected: &Expected) -> Decision {
    let mut judgements = judge(std::slice::from_ref(csr), expected);
    assert_eq!(judgements.len(), 1);
    judgements.remove(0).decision
}

fn is_approved(csr: &CsrFacts, expected: &Expected) -> bool {
    matches!(decision(csr, expected), Decision::Approve(_))
}

/// The reason of a refusal; anything else is a failure of the test.
#[track_caller]
fn refused(csr: &CsrFacts, expected: &Expected) -> RefusalReason {
    match decision(csr, expected) {
        Decision::Refuse { reason, message } => {
            assert!(!message.is_empty() && message.len() < 2000, "{message:?}");
            assert!(message.chars().all(|character| !character.is_control()), "{message:?}");
            reason
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}
