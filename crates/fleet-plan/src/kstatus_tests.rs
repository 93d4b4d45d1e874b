//! What kstatus makes of the statuses that plans lead to, against what the plans mean. The states come
//! from the generators in the tests of hub, spoke and compose.

use fleetconfig_api::Kstatus;
use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::conditions::{Draft, Look, Standing, holds, written};

/// A verdict as it is written down.
pub(crate) struct Said<'a> {
    /// Its phase.
    pub(crate) phase: &'a str,
    /// Its conditions.
    pub(crate) drafts: &'a [Draft],
    /// How the pass has looked at the object.
    pub(crate) look: Look,
    /// What the status said before.
    pub(crate) before: &'a [Condition],
}

/// The generation that the pass works for.
const GENERATION: i64 = 7;

/// How a pass may have looked at an object, and what may have been said of it before.
pub(crate) fn pasts() -> impl Strategy<Value = (Look, Vec<Condition>)> {
    let standing = prop_oneof![
        Just(Standing::Ready),
        Just(Standing::Progressing { reason: Reason::Joining, message: "before".into() }),
        Just(Standing::Failing { reason: Reason::ClusterUnreachable, message: "before".into() }),
        Just(Standing::Stalled { reason: Reason::NameTaken, message: "before".into() }),
    ];
    let look = proptest::sample::select(vec![Look::Whole, Look::CutOff]);
    (look, proptest::option::of(standing)).prop_map(|(look, standing)| {
        let mut drafts = standing.iter().flat_map(Standing::drafts).collect::<Vec<_>>();
        drafts.push(Draft::good("SomethingOfEarlier", Reason::ReconcileSuccess, ""));
        let before = written(&[], &drafts, Look::Whole, GENERATION - 1, Timestamp::UNIX_EPOCH);
        (look, if standing.is_some() { before } else { Vec::new() })
    })
}

fn object(phase: &str, conditions: &[Condition], generation: i64, deleted: bool) -> Value {
    let mut object = json!({
        "metadata": { "name": "one", "generation": generation },
        "status": { "observedGeneration": GENERATION, "phase": phase, "conditions": conditions },
    });
    if deleted {
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    object
}

/// Checks a written verdict against what it is meant to say.
pub(crate) fn check(said: &Said<'_>, meant: Kstatus) -> Result<(), TestCaseError> {
    let Said { phase, drafts, look, before } = said;
    let conditions = written(before, drafts, *look, GENERATION, Timestamp::UNIX_EPOCH);
    check_written(phase, &conditions, meant)
}

/// As [`check`], for conditions that are written already, for generation [`GENERATION`].
pub(crate) fn check_written(
    phase: &str,
    conditions: &[Condition],
    meant: Kstatus,
) -> Result<(), TestCaseError> {
    let seen = |generation, deleted| Kstatus::of(Some(&object(phase, conditions, generation, deleted)));
    let deleting = phase == "Deleting";
    prop_assert_eq!(seen(GENERATION, deleting), meant, "{} {:?}", phase, conditions);

    // What was said of one generation says nothing of the next.
    let next = if deleting { Kstatus::Terminating } else { Kstatus::InProgress };
    prop_assert_eq!(seen(GENERATION + 1, deleting), next);
    // A tool that knows of no deletion does not take an object that goes for finished.
    if deleting {
        prop_assert_eq!(seen(GENERATION, false), Kstatus::InProgress);
    }

    let whole = [condition::READY, condition::RECONCILING, condition::STALLED];
    let active: Vec<_> = whole.into_iter().filter(|kind| holds(conditions, kind)).collect();
    prop_assert_eq!(active.len(), 1, "{:?}", conditions);
    for kind in whole {
        let all: Vec<_> = conditions.iter().filter(|condition| condition.type_ == kind).collect();
        prop_assert_eq!(all.len(), 1, "{} is there once", kind);
        prop_assert_eq!(all[0].observed_generation, Some(GENERATION), "{} is of this pass", kind);
        prop_assert!(all[0].status != ConditionStatus::Unknown && !all[0].reason.is_empty());
    }
    for condition in conditions {
        prop_assert!(condition.observed_generation <= Some(GENERATION), "{:?}", condition);
    }

    let ready = conditions.iter().find(|condition| condition.type_ == condition::READY);
    let paused = ready.is_some_and(|ready| ready.reason == Reason::Paused.as_str());
    match meant {
        Kstatus::Current => prop_assert_eq!(phase, "Running"),
        Kstatus::Failed => prop_assert_eq!(phase, "Unhealthy"),
        Kstatus::Terminating => prop_assert_eq!(phase, "Deleting"),
        // A paused object keeps the phase that it had.
        Kstatus::InProgress if paused => {}
        Kstatus::InProgress => prop_assert!(phase != "Running", "{:?}", conditions),
        Kstatus::NotFound => unreachable!("there is an object"),
    }
    Ok(())
}

/// Of children that are written for the generation of these tests.
pub(crate) const fn generation() -> i64 {
    GENERATION
}

#[test]
fn each_standing_has_one_word() {
    let (reason, message) = (Reason::HubProgressing, String::new());
    let cases = [
        (Standing::Ready, "Running", Kstatus::Current),
        (Standing::Progressing { reason, message: message.clone() }, "Initializing", Kstatus::InProgress),
        (Standing::Failing { reason, message: message.clone() }, "Unhealthy", Kstatus::InProgress),
        (Standing::Stalled { reason, message }, "Unhealthy", Kstatus::Failed),
    ];
    for (standing, phase, meant) in cases {
        let said = Said { phase, drafts: &standing.drafts(), look: Look::Whole, before: &[] };
        check(&said, meant).unwrap();
    }
}
