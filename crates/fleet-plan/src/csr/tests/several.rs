//! Several CSRs of one cluster: at most one is approved.

use super::{decision, expected, good};
use crate::csr::{CsrFacts, Decision, IgnoreReason, Judgement, RefusalReason, judge};

fn at(second: u8, name: &str, resource_version: &str) -> CsrFacts {
    CsrFacts {
        name: name.into(),
        created: Some(format!("2026-01-02T03:04:{second:02}Z").parse().unwrap()),
        resource_version: resource_version.into(),
        ..good()
    }
}

fn approved(judgements: &[Judgement]) -> Vec<&str> {
    judgements
        .iter()
        .filter(|judgement| matches!(judgement.decision, Decision::Approve(_)))
        .map(|judgement| judgement.name.as_str())
        .collect()
}

/// An agent that restarts forgets its key: only the newest request has an owner.
#[test]
fn the_newest_of_several_is_approved_whatever_their_order() {
    let csrs = [at(1, "spoke-1-b", "9"), at(3, "spoke-1-a", "10"), at(2, "spoke-1-c", "30")];
    for rotation in 0..3 {
        let mut csrs = csrs.to_vec();
        csrs.rotate_left(rotation);
        let judgements = judge(&csrs, &expected());
        assert_eq!(approved(&judgements), ["spoke-1-a"]);
        let superseded = Decision::Ignore(IgnoreReason::Superseded { by: "spoke-1-a".into() });
        assert_eq!(judgements.iter().filter(|one| one.decision == superseded).count(), 2);
    }
}

#[test]
fn within_one_second_the_resource_version_tells_as_a_number() {
    let judgements = judge(&[at(1, "spoke-1-a", "100"), at(1, "spoke-1-b", "99")], &expected());
    assert_eq!(approved(&judgements), ["spoke-1-a"]);
}

/// A newer request that is wrong does not keep the right one out.
#[test]
fn a_refused_request_supersedes_nothing() {
    let wrong = CsrFacts { usages: vec![], ..at(9, "spoke-1-z", "99") };
    let judgements = judge(&[at(1, "spoke-1-a", "1"), wrong], &expected());
    assert_eq!(approved(&judgements), ["spoke-1-a"]);
}

#[test]
fn an_account_admits_one_request() {
    let first = CsrFacts { approved: true, ..at(1, "spoke-1-a", "1") };
    let judgements = judge(&[first.clone(), at(2, "spoke-1-b", "2")], &expected());
    let [of_first, of_second] = judgements.as_slice() else { panic!("{judgements:?}") };
    assert_eq!(of_first.decision, Decision::Ignore(IgnoreReason::Approved));
    let Decision::Refuse { reason, message } = &of_second.decision else { panic!("{of_second:?}") };
    assert_eq!(*reason, RefusalReason::AlreadyAdmitted);
    assert!(message.contains("spoke-1-a"), "{message}");

    // The certificate alone shows it, too.
    let issued = CsrFacts { approved: false, issued: true, ..first.clone() };
    assert!(approved(&judge(&[issued, at(2, "spoke-1-b", "2")], &expected())).is_empty());
}

/// A request that the signer gave up on, or that somebody denied, gave nobody an identity.
#[test]
fn a_request_that_came_to_nothing_uses_nothing_up() {
    let failed = CsrFacts { approved: true, failed: true, ..at(1, "spoke-1-a", "1") };
    let denied = CsrFacts { denied: true, ..at(1, "spoke-1-c", "1") };
    let judgements = judge(&[failed, denied, at(2, "spoke-1-b", "2")], &expected());
    assert_eq!(approved(&judgements), ["spoke-1-b"]);
}

/// Opening the window anew means a new account, with which the agent may ask again.
#[test]
fn a_new_account_admits_one_more_and_the_old_ones_requests_are_over() {
    let old = |csr: CsrFacts| CsrFacts { user_uid: "the-account-before".into(), ..csr };
    let csrs = [
        CsrFacts { approved: true, ..old(at(1, "spoke-1-a", "1")) },
        old(at(5, "spoke-1-b", "5")),
        at(3, "spoke-1-c", "3"),
    ];
    let judgements = judge(&csrs, &expected());
    assert_eq!(approved(&judgements), ["spoke-1-c"]);
    assert_eq!(super::refused(&csrs[1], &expected()), RefusalReason::RequesterUid);
}

#[test]
fn a_renewal_does_not_use_up_the_admission() {
    let renewal = CsrFacts {
        approved: true,
        username: "system:open-cluster-management:spoke-1:abcde".into(),
        user_uid: String::new(),
        ..at(1, "spoke-1-a", "1")
    };
    assert_eq!(decision(&renewal, &expected()), Decision::Ignore(IgnoreReason::Approved));
    let judgements = judge(&[renewal, at(2, "spoke-1-b", "2")], &expected());
    assert_eq!(approved(&judgements), ["spoke-1-b"]);
}
