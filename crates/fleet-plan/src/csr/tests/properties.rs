//! What holds for every CSR, found by trying very many.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::draft::{
    Attribute, COMMON_NAME, Draft, ED25519_KEY, ORGANIZATION, OTHER_KEY, P384_KEY, PRINTABLE, UNIT,
    extension, pem,
};
use super::{AGENT, CLUSTER, decision, expected, good, is_approved};
use crate::csr::{AgentRequest, CsrFacts, Decision, Expected, Requester, Window, judge};

/// The same cases in every run; `PROPTEST_CASES` asks for more of them.
fn config() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(20), failure_persistence: None, ..ProptestConfig::default() }
}

/// A security-relevant difference from the right CSR.
#[derive(Clone, Debug)]
enum Difference {
    Username(String),
    UserUid(String),
    Groups(BTreeSet<String>),
    PodToken,
    Closed,
    OtherKnownAgent(String),
    Lifetime(i32),
    ClusterLabel(Option<String>),
    AddOnLabel(String),
    Name(String),
    Signer(String),
    Usages(Vec<String>),
    Organization(usize, String),
    ExtraOrganization(String),
    CommonName(String),
    ExtraCommonName(String),
    Unit(String),
    Extension(Vec<u8>, Vec<u8>),
    ForeignSignature,
    OtherKind(bool),
    LongLength,
    TrailingDer(Vec<u8>),
    BeforePem(String),
    AfterPem(String),
    Decided(u8),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "\\PC{0,20}",
        Just("system:masters".to_owned()),
        Just("system:open-cluster-management:spoke-1:".to_owned()),
        "system:open-cluster-management:[a-z0-9-]{1,8}(:[a-z0-9]{0,5}){0,2}",
        "system:serviceaccount:[a-z-]{1,15}:[a-z0-9-]{1,8}",
        "spoke-1[0-9a-z-]{0,5}",
    ]
}

fn usage() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "client auth",
        "server auth",
        "digital signature",
        "key encipherment",
        "cert sign",
        "any",
    ])
    .prop_map(str::to_owned)
}

/// A difference, and really one: what a right CSR may have is not drawn.
fn difference() -> impl Strategy<Value = Difference> {
    any_difference().prop_filter("is no difference", |difference| {
        let right = good();
        match difference {
            Difference::Username(text) => *text != right.username,
            Difference::UserUid(text) => *text != right.user_uid,
            Difference::Groups(groups) => *groups != right.groups,
            Difference::OtherKnownAgent(text) => text != AGENT,
            Difference::ClusterLabel(label) => label.as_deref() != Some(CLUSTER),
            Difference::Name(text) => !text.starts_with("spoke-1-"),
            Difference::Signer(text) => *text != right.signer_name,
            Difference::Usages(usages) => {
                usages.len() != right.usages.len() || right.usages.iter().any(|one| !usages.contains(one))
            }
            Difference::Organization(_, text) => !text.starts_with("system:open-cluster-management:spoke-1"),
            Difference::CommonName(text) => !text.starts_with("system:open-cluster-management:spoke-1:"),
            _ => true,
        }
    })
}

fn any_difference() -> impl Strategy<Value = Difference> {
    let bytes = || proptest::collection::vec(any::<u8>(), 1..12);
    prop_oneof![
        text().prop_map(Difference::Username),
        text().prop_map(Difference::UserUid),
        proptest::collection::btree_set(text(), 0..5).prop_map(Difference::Groups),
        Just(Difference::PodToken),
        Just(Difference::Closed),
        text().prop_map(Difference::OtherKnownAgent),
        (3601..i32::MAX).prop_map(Difference::Lifetime),
        proptest::option::of(text()).prop_map(Difference::ClusterLabel),
        text().prop_map(Difference::AddOnLabel),
        text().prop_map(Difference::Name),
        text().prop_map(Difference::Signer),
        proptest::collection::vec(usage(), 0..5).prop_map(Difference::Usages),
        (0..2_usize, text()).prop_map(|(index, text)| Difference::Organization(index, text)),
        text().prop_map(Difference::ExtraOrganization),
        text().prop_map(Difference::CommonName),
        text().prop_map(Difference::ExtraCommonName),
        text().prop_map(Difference::Unit),
        (bytes(), bytes()).prop_map(|(oid, value)| Difference::Extension(oid, value)),
        Just(Difference::ForeignSignature),
        any::<bool>().prop_map(Difference::OtherKind),
        Just(Difference::LongLength),
        bytes().prop_map(Difference::TrailingDer),
        "[ -~\\n]{1,20}".prop_map(Difference::BeforePem),
        "[ -~\\n]{1,20}".prop_map(Difference::AfterPem),
        (0..3_u8).prop_map(Difference::Decided),
    ]
}

/// A CSR that differs from the right one, and what was expected.
fn with(differences: &[Difference]) -> (CsrFacts, Expected) {
    let mut csr = good();
    let mut expected = expected();
    let mut draft = Draft::of(CLUSTER, AGENT);
    let (mut trailing, mut before, mut after) = (Vec::new(), String::new(), String::new());
    let attribute = |oid: [u8; 3], text: &str| -> Attribute { (oid.into(), PRINTABLE, text.into()) };
    for difference in differences {
        match difference.clone() {
            Difference::Username(text) => csr.username = text,
            Difference::UserUid(text) => csr.user_uid = text,
            Difference::Groups(groups) => csr.groups = groups,
            Difference::PodToken => {
                csr.extra_keys.insert("authentication.kubernetes.io/pod-uid".into());
            }
            Difference::Closed => expected.window = Window::Closed,
            Difference::OtherKnownAgent(text) => expected.agent = Some(text),
            Difference::Lifetime(seconds) => {
                csr.expiration_seconds = Some(seconds);
                expected.max_expiration_seconds = Some(3600);
            }
            Difference::ClusterLabel(label) => {
                let key = "open-cluster-management.io/cluster-name";
                csr.labels.remove(key);
                csr.labels.extend(label.map(|label| (key.to_owned(), label)));
            }
            Difference::AddOnLabel(label) => {
                csr.labels.insert("open-cluster-management.io/addon-name".into(), label);
            }
            Difference::Name(text) => csr.name = text,
            Difference::Signer(text) => csr.signer_name = text,
            Difference::Usages(usages) => csr.usages = usages,
            Difference::Organization(index, text) => draft.subject[0][index].2 = text.into_bytes(),
            Difference::ExtraOrganization(text) => draft.subject[0].push(attribute(ORGANIZATION, &text)),
            Difference::CommonName(text) => draft.subject[1][0].2 = text.into_bytes(),
            Difference::ExtraCommonName(text) => draft.subject[1].push(attribute(COMMON_NAME, &text)),
            Difference::Unit(text) => draft.subject[0].push(attribute(UNIT, &text)),
            Difference::Extension(oid, value) => draft.attributes = extension(&oid, &value),
            Difference::ForeignSignature => draft.signer = &OTHER_KEY,
            Difference::OtherKind(strong) => {
                draft = draft.with_key(if strong { &P384_KEY } else { &ED25519_KEY });
            }
            Difference::LongLength => draft.long_length = true,
            Difference::TrailingDer(bytes) => trailing = bytes,
            Difference::BeforePem(text) => before = text,
            Difference::AfterPem(text) => after = text,
            Difference::Decided(which) => {
                csr.approved = which == 0;
                csr.denied = which == 1;
                csr.failed = which == 2;
            }
        }
    }
    let mut der = draft.der();
    der.extend(trailing);
    let body = String::from_utf8(pem(&der)).unwrap();
    csr.request = format!("{before}{body}{after}").into_bytes();
    (csr, expected)
}

proptest! {
    #![proptest_config(config())]

    /// The policy's promise: whatever differs, in one way or in several, is not approved.
    #[test]
    fn no_csr_that_differs_is_approved(
        differences in proptest::collection::vec(difference(), 1..4)
    ) {
        let (csr, expected) = with(&differences);
        prop_assert!(!is_approved(&csr, &expected), "{:?}", decision(&csr, &expected));
    }

    /// And it does not keep it by approving nothing.
    #[test]
    fn the_right_csr_is_approved_for_every_cluster_and_agent(
        cluster in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        agent in "[a-z0-9]{5}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        usages in Just(good().usages).prop_shuffle(),
        suffix in "[a-z0-9]{5}",
    ) {
        let mut csr = good();
        // As the API server makes a name of the agent's `generateName`.
        csr.name = format!("{cluster}-").chars().take(58).chain(suffix.chars()).collect();
        csr.username = format!("system:serviceaccount:fleet-bootstrap:{cluster}");
        csr.labels.insert("open-cluster-management.io/cluster-name".into(), cluster.clone());
        csr.usages = usages;
        csr.request = Draft::of(&cluster, &agent).pem();
        let expected = Expected {
            cluster: cluster.clone(),
            requester: Requester::service_account("fleet-bootstrap", &cluster, csr.user_uid.clone()),
            agent: Some(agent.clone()),
            ..expected()
        };
        let Decision::Approve(approval) = decision(&csr, &expected) else {
            return Err(TestCaseError::fail(format!("{:?}", decision(&csr, &expected))));
        };
        prop_assert_eq!(approval.agent, agent);
        // The same CSR gets nothing as any other cluster.
        let other = Expected { cluster: format!("{cluster}x"), ..expected };
        prop_assert!(!is_approved(&csr, &other));
    }

    /// One flipped bit anywhere in the request, and it is not approved.
    #[test]
    fn a_flipped_bit_spoils_the_request(position in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut der = Draft::of(CLUSTER, AGENT).der();
        let at = position.index(der.len());
        der[at] ^= 1 << bit;
        prop_assert!(!is_approved(&CsrFacts { request: pem(&der), ..good() }, &expected()), "byte {}", at);
    }

    /// The same for the text around it.
    #[test]
    fn a_changed_character_spoils_the_request(position in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let right = Draft::of(CLUSTER, AGENT).pem();
        let mut wrong = right.clone();
        let at = position.index(wrong.len());
        wrong[at] = byte;
        if wrong != right {
            prop_assert!(!is_approved(&CsrFacts { request: wrong, ..good() }, &expected()), "byte {}", at);
        }
    }

    /// Bytes of a stranger never panic, as they are, in PEM, or in a right request's place.
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(AgentRequest::parse(&bytes, CLUSTER).is_err());
        prop_assert!(AgentRequest::parse(&pem(&bytes), CLUSTER).is_err());
    }

    /// Nor do requests that are right up to some place.
    #[test]
    fn broken_requests_never_panic(
        from in any::<prop::sample::Index>(),
        length in 0..40_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut der = Draft::of(CLUSTER, AGENT).der();
        let right = der.clone();
        let from = from.index(der.len());
        let to = der.len().min(from + length);
        der.splice(from..to, bytes);
        if der != right {
            prop_assert!(AgentRequest::parse(&pem(&der), CLUSTER).is_err());
        }
    }

    /// Of any number of right CSRs at most one is approved, and none beside one approved before.
    #[test]
    fn at_most_one_is_approved(
        csrs in proptest::collection::vec((0..4_u8, any::<u16>(), any::<bool>()), 0..6)
    ) {
        let csrs: Vec<CsrFacts> = csrs
            .into_iter()
            .enumerate()
            .map(|(index, (second, version, approved))| CsrFacts {
                name: format!("spoke-1-{index}"),
                created: Some(format!("2026-01-02T03:04:{second:02}Z").parse().unwrap()),
                resource_version: version.to_string(),
                approved: approved && index % 3 == 0,
                ..good()
            })
            .collect();
        let approved = judge(&csrs, &expected())
            .iter()
            .filter(|judgement| matches!(judgement.decision, Decision::Approve(_)))
            .count();
        let room = usize::from(!csrs.is_empty() && !csrs.iter().any(|csr| csr.approved));
        prop_assert_eq!(approved, room);
    }
}
