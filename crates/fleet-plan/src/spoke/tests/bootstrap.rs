//! Which identity a spoke has, and when it is another.

use super::*;
use crate::conditions::merge;
use crate::spoke::verdict::refused_csr_told;
use fleetconfig_api::v1beta1::SpokeStatus;

/// A member that is Ready, of a hub of the one kind or the other.
fn member(tokens: bool) -> World {
    let mut world = world(tokens);
    world.settle();
    world.accepted();
    world.ask("spoke-1-aaaaa");
    world.settle();
    world.joined(Some("True"));
    world.credential();
    world.settle();
    assert!(world.progress.was_available);
    world
}

fn is_mint(step: &Step) -> bool {
    matches!(step, Step::DeliverBootstrap(_))
}

#[test]
fn a_join_leaves_no_identity_behind_and_reads_no_tokens_afterwards() {
    for tokens in [false, true] {
        let mut world = member(tokens);
        assert_eq!(world.ready.account, None);
        assert!(world.ready.tokens.is_empty());
        let kind = world.desired().bootstrap;
        assert!(!needs_tokens(kind, &world.ready, &world.progress));
        // The next process knows nothing and has no reason to ask either.
        world.progress.tokens = TokensKnown::Unknown;
        assert!(!needs_tokens(kind, &world.ready, &world.progress));
    }
}

#[test]
fn changing_the_kind_does_nothing_to_a_spoke_that_has_joined() {
    for tokens in [false, true] {
        let mut world = member(tokens);
        let hash = world.desired().hash;
        world.use_tokens(!tokens);
        assert_eq!(world.desired().hash, hash);
        assert_eq!(world.plan().steps, []);
    }
}

#[test]
fn a_spoke_that_is_joining_changes_to_the_other_kind_and_loses_the_first() {
    for tokens in [false, true] {
        let mut world = world(tokens);
        world.settle();
        world.use_tokens(!tokens);
        assert_eq!(world.settle().iter().filter(|step| is_mint(step)).count(), 1);
        assert_eq!((world.ready.account.is_some(), world.ready.tokens.len()), (tokens, usize::from(!tokens)));
    }
}

#[test]
fn a_token_that_was_tampered_with_or_whose_end_is_near_is_replaced_by_one() {
    for minutes in [None, Some(-1), Some(10)] {
        let mut world = world(true);
        world.settle();
        world.progress.bootstrap_good_until = None;
        let end = minutes.map(|minutes| world.now + SignedDuration::from_mins(minutes));
        world.ready.tokens[0].usable_until = end;
        let old = world.ready.tokens[0].id.clone();
        world.settle();
        assert_eq!(world.ready.tokens.len(), 1);
        assert_ne!(world.ready.tokens[0].id, old);
    }
}

#[test]
fn a_token_that_went_away_is_replaced() {
    let mut world = world(true);
    world.settle();
    world.ready.tokens.clear();
    assert!(world.settle().iter().any(is_mint));
}

/// Two tokens can be there only if two processes believed to lead; one of them is relied on.
#[test]
fn of_two_tokens_the_one_that_lasts_longer_may_ask_and_both_are_revoked() {
    let mut world = world(true);
    world.settle();
    world.accepted();
    let mut older = world.clone();
    older.ready.tokens[0].usable_until = Some(older.now + SignedDuration::from_mins(20));
    older.ask("spoke-1-older");
    older.token(Some(60));
    assert!(!older.plan().steps.iter().any(|step| matches!(step, Step::ApproveCsr { .. })));
    world.token(Some(61));
    world.ask("spoke-1-newer");
    world.progress.bootstrap_good_until = Some(world.now + SignedDuration::from_hours(1));
    assert!(world.plan().steps.iter().any(|step| matches!(step, Step::ApproveCsr { .. })));
    world.credential();
    world.joined(Some("True"));
    world.settle();
    assert!(world.ready.tokens.is_empty());
}

#[test]
fn an_expired_token_gets_no_certificate() {
    let mut world = world(true);
    world.settle();
    world.accepted();
    world.ask("spoke-1-aaaaa");
    world.later(61);
    assert!(!world.plan().steps.iter().any(|step| matches!(step, Step::ApproveCsr { .. })));
}

#[test]
fn the_status_tells_which_request_was_refused() {
    let status = |world: &mut World| SpokeStatus {
        conditions: merge(&[], &world.pass().verdict.conditions, 1, Timestamp::UNIX_EPOCH),
        ..SpokeStatus::default()
    };
    let mut world = world(false);
    world.settle();
    world.accepted();
    world.ask("spoke-1-aaaaa");
    world.settle();
    assert_eq!(refused_csr_told(Some(&status(&mut world))), None);
    world.ask("spoke-1-bbbbb");
    assert_eq!(refused_csr_told(Some(&status(&mut world))), Some("spoke-1-bbbbb"));
    assert_eq!(refused_csr_told(None), None);
}
