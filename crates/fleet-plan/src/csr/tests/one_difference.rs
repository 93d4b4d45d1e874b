//! One CSR, one difference: each is refused for its own reason.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use serde_json::json;

use super::draft::{
    COMMON_NAME, Draft, ED25519_KEY, ORGANIZATION, OTHER_KEY, P384_KEY, UNIT, UTF8, extension, pem,
};
use super::{AGENT, CLUSTER, decision, expected, good, is_approved, refused};
use crate::csr::{
    Approval, CsrFacts, Decision, IgnoreReason, MAX_REQUEST_BYTES, RefusalReason, RequestFault,
};

const GROUP: &str = "system:open-cluster-management:spoke-1";
const ALL: &str = "system:open-cluster-management:managed-clusters";
const NAME: &str = "system:open-cluster-management:spoke-1:abcde";

/// The request was made by Go's library, which OCM's agent uses, and the account's facts are what a
/// real API server (Kubernetes 1.36) wrote into a CSR made with a token of a ServiceAccount.
#[test]
fn the_request_of_a_real_agent_is_approved() {
    let csr: CertificateSigningRequest = serde_json::from_value(json!({
        "metadata": {
            "name": "spoke-1-8bgdz",
            "generateName": "spoke-1-",
            "uid": "62cffc50-4e51-4c80-90da-3238103b42c6",
            "resourceVersion": "458",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": { "open-cluster-management.io/cluster-name": "spoke-1" },
        },
        "spec": {
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["digital signature", "key encipherment", "client auth"],
            "username": "system:serviceaccount:fleet-bootstrap:spoke-1",
            "uid": "91bc11e5-8eb6-4e07-86c2-0e95c274e867",
            "groups": [
                "system:serviceaccounts",
                "system:serviceaccounts:fleet-bootstrap",
                "system:authenticated",
            ],
            "extra": {
                "authentication.kubernetes.io/credential-id": ["JTI=b0e9fd1b-4589-4b7f-ac83-c5e183ce905c"],
            },
            "request": k8s_openapi::ByteString(include_bytes!("fixtures/agent-request.pem").to_vec()),
        },
        "status": {},
    }))
    .unwrap();
    let facts = CsrFacts::from(&csr);
    assert_eq!(CsrFacts { request: good().request, ..facts.clone() }, good());
    assert_eq!(
        decision(&facts, &expected()),
        Decision::Approve(Approval {
            name: "spoke-1-8bgdz".into(),
            uid: "62cffc50-4e51-4c80-90da-3238103b42c6".into(),
            resource_version: "458".into(),
            agent: AGENT.into(),
            message: format!(
                "First contact of cluster spoke-1, agent {AGENT}, by system:serviceaccount:fleet-bootstrap:spoke-1"
            ),
        })
    );
}

#[test]
fn conditions_and_certificate_are_read() {
    let csr = |status| -> CsrFacts {
        let csr: CertificateSigningRequest = serde_json::from_value(json!({
            "metadata": {}, "spec": { "signerName": "", "request": "" }, "status": status,
        }))
        .unwrap();
        CsrFacts::from(&csr)
    };
    assert!(csr(json!({ "conditions": [{ "type": "Approved", "status": "True" }] })).approved);
    assert!(csr(json!({ "conditions": [{ "type": "Denied", "status": "True" }] })).denied);
    assert!(csr(json!({ "conditions": [{ "type": "Failed", "status": "True" }] })).failed);
    assert!(csr(json!({ "certificate": "Y2VydA==" })).issued);
    assert!(!csr(json!({ "certificate": "" })).issued);
    assert_eq!(csr(json!({})), CsrFacts::default());
}

/// Changes one thing about the right CSR.
type Change = fn(&mut CsrFacts);

#[test]
fn who_asks_must_be_the_account_of_the_cluster() {
    let cases: &[(RefusalReason, Change)] = &[
        (RefusalReason::Requester, |csr| {
            csr.username = "system:serviceaccount:fleet-bootstrap:spoke-2".into()
        }),
        (RefusalReason::Requester, |csr| {
            csr.username = "system:serviceaccount:fleet-bootstrap:spoke-1 ".into()
        }),
        (RefusalReason::Requester, |csr| csr.username.clear()),
        (RefusalReason::Requester, |csr| csr.username = "system:admin".into()),
        (RefusalReason::Requester, |csr| {
            csr.username = "system:open-cluster-management:spoke-2:abcde".into()
        }),
        // Whoever impersonates the account has its name and groups, but not its UID.
        (RefusalReason::RequesterUid, |csr| csr.user_uid.clear()),
        (RefusalReason::RequesterUid, |csr| csr.user_uid = "of-an-account-deleted-since".into()),
        (RefusalReason::RequesterGroups, |csr| {
            csr.groups.insert("system:masters".into());
        }),
        (RefusalReason::RequesterGroups, |csr| {
            csr.groups.remove("system:authenticated");
        }),
        (RefusalReason::RequesterGroups, |csr| csr.groups.clear()),
        (RefusalReason::RequesterToken, |csr| {
            csr.extra_keys.insert("authentication.kubernetes.io/pod-name".into());
        }),
        (RefusalReason::RequesterToken, |csr| {
            csr.extra_keys.insert("authentication.kubernetes.io/node-name".into());
        }),
    ];
    check(cases);
}

#[test]
fn what_is_asked_for_must_be_what_the_agent_asks_for() {
    let cases: &[(RefusalReason, Change)] = &[
        (RefusalReason::Label, |csr| csr.labels.clear()),
        (RefusalReason::Label, |csr| {
            csr.labels.insert("open-cluster-management.io/cluster-name".into(), "spoke-2".into());
        }),
        (RefusalReason::Label, |csr| {
            csr.labels.insert("open-cluster-management.io/addon-name".into(), "work-manager".into());
        }),
        (RefusalReason::Name, |csr| csr.name = "spoke-1".into()),
        (RefusalReason::Name, |csr| csr.name = "spoke-10-8bgdz".into()),
        (RefusalReason::Signer, |csr| csr.signer_name = "kubernetes.io/kube-apiserver-client-kubelet".into()),
        (RefusalReason::Signer, |csr| csr.signer_name = "open-cluster-management.io/grpc".into()),
        (RefusalReason::Usages, |csr| csr.usages.clear()),
        (RefusalReason::Usages, |csr| csr.usages.push("server auth".into())),
        (RefusalReason::Usages, |csr| csr.usages.push("client auth".into())),
        (RefusalReason::Usages, |csr| {
            csr.usages.pop();
        }),
        (RefusalReason::Usages, |csr| csr.usages = vec!["client auth".into()]),
    ];
    check(cases);
}

#[track_caller]
fn check(cases: &[(RefusalReason, Change)]) {
    for (index, (reason, change)) in cases.iter().enumerate() {
        let mut csr = good();
        change(&mut csr);
        assert_ne!(csr, good(), "case {index} changes nothing");
        assert_eq!(refused(&csr, &expected()), *reason, "case {index}");
    }
}

#[test]
fn a_closed_window_admits_nobody() {
    let mut expected = expected();
    expected.window = super::Window::Closed;
    assert_eq!(refused(&good(), &expected), RefusalReason::WindowClosed);
}

#[test]
fn the_identity_belongs_to_the_known_agent() {
    let mut expected = expected();
    expected.agent = Some(AGENT.into());
    assert!(is_approved(&good(), &expected));
    expected.agent = Some("abcde".into());
    assert_eq!(refused(&good(), &expected), RefusalReason::IdentityInUse);
}

#[test]
fn a_maximum_lifetime_must_be_asked_for_and_kept() {
    let mut expected = expected();
    let with = |seconds| CsrFacts { expiration_seconds: seconds, ..good() };
    assert!(is_approved(&with(Some(i32::MAX)), &expected), "the signer has a maximum of its own");
    expected.max_expiration_seconds = Some(3600);
    assert!(is_approved(&with(Some(3600)), &expected));
    assert_eq!(refused(&with(Some(3601)), &expected), RefusalReason::Expiration);
    assert_eq!(refused(&with(None), &expected), RefusalReason::Expiration);
}

#[test]
fn a_bootstrap_token_is_an_account_too() {
    let mut expected = expected();
    expected.requester = super::Requester::bootstrap_token("abcdef", ["system:bootstrappers:managedcluster"]);
    let csr = CsrFacts {
        username: "system:bootstrap:abcdef".into(),
        user_uid: String::new(),
        groups: ["system:bootstrappers", "system:bootstrappers:managedcluster", "system:authenticated"]
            .map(str::to_owned)
            .into(),
        extra_keys: Default::default(),
        ..good()
    };
    assert!(is_approved(&csr, &expected));
    assert_eq!(refused(&good(), &expected), RefusalReason::Requester);
}

#[test]
fn what_is_not_ours_is_ignored() {
    let cases: &[(IgnoreReason, Change)] = &[
        (IgnoreReason::Approved, |csr| csr.approved = true),
        (IgnoreReason::Approved, |csr| csr.issued = true),
        (IgnoreReason::Rejected, |csr| csr.denied = true),
        (IgnoreReason::Rejected, |csr| csr.failed = true),
        // Approved and denied cannot both be; if they were, the denial would count.
        (IgnoreReason::Rejected, |csr| (csr.approved, csr.denied) = (true, true)),
        (IgnoreReason::NotOurs, |csr| {
            csr.labels.clear();
            csr.username = "alice".into();
        }),
        (IgnoreReason::Renewal, |csr| {
            csr.username = format!("system:open-cluster-management:{CLUSTER}:{AGENT}");
        }),
    ];
    for (reason, change) in cases {
        let mut csr = good();
        change(&mut csr);
        assert_eq!(decision(&csr, &expected()), Decision::Ignore(reason.clone()));
    }
}

#[track_caller]
fn request_refused(pem: Vec<u8>) -> RequestFault {
    match refused(&CsrFacts { request: pem, ..good() }, &expected()) {
        RefusalReason::Request(fault) => fault,
        other => panic!("refused for {other:?}"),
    }
}

#[test]
fn the_subject_must_name_the_cluster_and_nothing_else() {
    let organizations: &[(&[u8], &str)] = &[(&ORGANIZATION, GROUP), (&ORGANIZATION, ALL)];
    let name: &[(&[u8], &str)] = &[(&COMMON_NAME, NAME)];
    let fault =
        |subject: &[&[(&[u8], &str)]]| request_refused(Draft::of(CLUSTER, AGENT).with_subject(subject).pem());

    for wrong in [
        &[][..],
        &[(&ORGANIZATION[..], GROUP)],
        &[(&ORGANIZATION, ALL)],
        &[(&ORGANIZATION, "system:masters"), (&ORGANIZATION, ALL)],
        &[(&ORGANIZATION, GROUP), (&ORGANIZATION, ALL), (&ORGANIZATION, "system:masters")],
        &[(&ORGANIZATION, GROUP), (&ORGANIZATION, ALL), (&ORGANIZATION, ALL)],
        &[(&ORGANIZATION, "system:open-cluster-management:spoke-2"), (&ORGANIZATION, ALL)],
        &[(&ORGANIZATION, "system:open-cluster-management:spoke-1 "), (&ORGANIZATION, ALL)],
    ] {
        assert_eq!(fault(&[wrong, name]), RequestFault::Organization, "{wrong:?}");
    }
    for wrong in [
        &[][..],
        &[(&COMMON_NAME[..], "system:admin")],
        &[(&COMMON_NAME, "system:open-cluster-management:spoke-2:abcde")],
        &[(&COMMON_NAME, "system:open-cluster-management:spoke-1")],
        &[(&COMMON_NAME, "system:open-cluster-management:spoke-1:")],
        &[(&COMMON_NAME, "system:open-cluster-management:spoke-1:a:b")],
        &[(&COMMON_NAME, "system:open-cluster-management:spoke-1:a b")],
        &[(&COMMON_NAME, "system:open-cluster-management:managed-clusters")],
        &[(&COMMON_NAME, NAME), (&COMMON_NAME, NAME)],
        &[(&COMMON_NAME, NAME), (&COMMON_NAME, "system:admin")],
    ] {
        assert_eq!(fault(&[organizations, wrong]), RequestFault::CommonName, "{wrong:?}");
    }
    assert_eq!(fault(&[organizations, name, &[(&UNIT, "x")]]), RequestFault::Subject);
    let long = format!("{NAME}{}", "x".repeat(200));
    assert_eq!(fault(&[organizations, &[(&COMMON_NAME, &long)]]), RequestFault::CommonName);
}

/// Text types whose bytes another parser could read as other characters.
#[test]
fn the_subject_must_be_plain_text() {
    for tag in [0x14, 0x16, 0x1e, 0x1c, 0x04] {
        let mut draft = Draft::of(CLUSTER, AGENT);
        draft.subject[1][0].1 = tag;
        assert_eq!(request_refused(draft.pem()), RequestFault::Subject, "tag {tag:#x}");
    }
    let mut draft = Draft::of(CLUSTER, AGENT);
    draft.subject[1][0].1 = UTF8;
    assert!(is_approved(&CsrFacts { request: draft.pem(), ..good() }, &expected()));
}

#[test]
fn no_extensions_are_granted() {
    const ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
    const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 0x1d, 0x13];
    for attributes in [
        extension(&ALTERNATIVE_NAME, b"\x30\x09\x82\x07hub.bad"),
        extension(&BASIC_CONSTRAINTS, b"\x30\x03\x01\x01\xff"),
        extension(&[0x2a, 0x03, 0x04], b"\x05\x00"),
    ] {
        let draft = Draft { attributes, ..Draft::of(CLUSTER, AGENT) };
        assert_eq!(request_refused(draft.pem()), RequestFault::Attributes);
    }
}

#[test]
fn the_key_is_the_agents_kind_and_signs_the_request() {
    let draft = || Draft::of(CLUSTER, AGENT);
    assert_eq!(request_refused(draft().with_key(&P384_KEY).pem()), RequestFault::Key);
    assert_eq!(request_refused(draft().with_key(&ED25519_KEY).pem()), RequestFault::Key);
    // The key of somebody else: its owner would get the identity, or the sender someone's certificate.
    let stolen = Draft { signer: &OTHER_KEY, ..draft() };
    assert_eq!(request_refused(stolen.pem()), RequestFault::Signature);
    let sha384 = vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    assert_eq!(request_refused(Draft { algorithm: sha384, ..draft() }.pem()), RequestFault::Signature);
}

/// Whatever two parsers could read differently is refused, signed or not.
#[test]
fn the_request_has_one_encoding() {
    let draft = || Draft::of(CLUSTER, AGENT);
    assert_eq!(request_refused(Draft { long_length: true, ..draft() }.pem()), RequestFault::Der);
    assert_eq!(request_refused(Draft { version: vec![2, 1, 1], ..draft() }.pem()), RequestFault::Der);
    assert_eq!(request_refused(Draft { attributes: vec![], ..draft() }.pem()), RequestFault::Der);
    let mut trailing = draft().der();
    trailing.push(0);
    assert_eq!(request_refused(pem(&trailing)), RequestFault::Der);
    assert_eq!(request_refused(pem(b"")), RequestFault::Der);
}

#[test]
fn the_request_is_exactly_one_pem_block() {
    let good = String::from_utf8(Draft::of(CLUSTER, AGENT).pem()).unwrap();
    let other = String::from_utf8(Draft::of("spoke-2", AGENT).pem()).unwrap();
    let trimmed = good.trim_end();
    assert!(is_approved(&CsrFacts { request: trimmed.into(), ..super::good() }, &expected()));
    for wrong in [
        String::new(),
        format!("{other}{good}"),
        format!("{good}{other}"),
        format!("\n{good}"),
        format!("{good}\n"),
        format!("{good} "),
        format!("note\n{good}"),
        good.replace('\n', "\r\n"),
        good.replace("REQUEST-----\nMII", "REQUEST-----\nA: b\n\nMII"),
        good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        good.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
        good.replacen("MII", "MI I", 1),
        good.replacen("MII", "\u{feff}MII", 1),
        good.replace("-----END", "=\n-----END"),
    ] {
        assert_ne!(wrong, good);
        assert_eq!(request_refused(wrong.clone().into_bytes()), RequestFault::Pem, "{wrong}");
    }
    assert_eq!(request_refused(vec![0xff; 10]), RequestFault::Pem);
    assert_eq!(request_refused(vec![b'A'; MAX_REQUEST_BYTES + 1]), RequestFault::Size);
}
