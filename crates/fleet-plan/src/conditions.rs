//! Conditions: what a plan says about an object, and how that becomes its `status.conditions`.

use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use fleetconfig_api::reason::Reason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A condition before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Condition type.
    pub kind: String,
    /// Whether it holds.
    pub holds: bool,
    /// Whether a healthy object has it holding.
    pub wanted: bool,
    /// The catalogue's word for why.
    pub reason: Reason,
    /// For people: what was seen, what to change. No secrets, and nothing that changes by itself.
    pub message: String,
}

impl Draft {
    /// A condition that a healthy object has, and this one has too.
    pub fn good(kind: &str, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), holds: true, wanted: true, reason, message: message.into() }
    }

    /// A condition that a healthy object has, and this one has not.
    pub fn missing(kind: &str, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), holds: false, wanted: true, reason, message: message.into() }
    }

    /// A condition that a healthy object does not have, and this one does not either.
    pub fn clear(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            holds: false,
            wanted: false,
            reason: Reason::ReconcileSuccess,
            message: message.into(),
        }
    }

    /// A condition that a healthy object does not have, but this one does.
    pub fn bad(kind: &str, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), holds: true, wanted: false, reason, message: message.into() }
    }
}

impl Draft {
    /// Whether it tells how the object stands as a whole: `Ready`, `Reconciling` or `Stalled`.
    pub fn is_of_the_whole(&self) -> bool {
        [condition::READY, condition::RECONCILING, condition::STALLED].contains(&self.kind.as_str())
    }
}

/// How an object stands as a whole; the kstatus conditions follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything is as declared.
    Ready,
    /// On its way, as expected.
    Progressing {
        /// What it waits for.
        reason: Reason,
        /// In words.
        message: String,
    },
    /// It was tried and did not work; it is tried again.
    Failing {
        /// What went wrong.
        reason: Reason,
        /// In words.
        message: String,
    },
    /// Nothing happens until the user changes something.
    Stalled {
        /// What must change.
        reason: Reason,
        /// In words.
        message: String,
    },
}

impl Standing {
    /// `Ready`, `Reconciling` and `Stalled` for this standing.
    pub fn drafts(&self) -> Vec<Draft> {
        let clear = |kind: &str| Draft::clear(kind, kind);
        match self {
            Self::Ready => vec![
                Draft::good(condition::READY, Reason::ReconcileSuccess, "as declared"),
                clear(condition::RECONCILING),
                clear(condition::STALLED),
            ],
            Self::Progressing { reason, message } | Self::Failing { reason, message } => vec![
                Draft::missing(condition::READY, *reason, message),
                Draft::bad(condition::RECONCILING, *reason, message),
                clear(condition::STALLED),
            ],
            Self::Stalled { reason, message } => vec![
                Draft::missing(condition::READY, *reason, message),
                clear(condition::RECONCILING),
                Draft::bad(condition::STALLED, *reason, message),
            ],
        }
    }
}

/// The new condition list: the drafts, each keeping its transition time while its status stands.
pub fn merge(previous: &[Condition], drafts: &[Draft], generation: i64, now: Timestamp) -> Vec<Condition> {
    drafts
        .iter()
        .map(|draft| {
            let status = ConditionStatus::from(draft.holds);
            let before = previous.iter().find(|condition| condition.type_ == draft.kind);
            let since = before
                .filter(|condition| condition.status == status)
                .map_or(Time(now), |condition| condition.last_transition_time.clone());
            Condition {
                type_: draft.kind.clone(),
                status,
                want_status: draft.wanted.into(),
                reason: draft.reason.as_str().to_owned(),
                message: draft.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: since,
            }
        })
        .collect()
}

/// How much of an object a pass has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// All of it: what the drafts do not speak of is no longer so.
    Whole,
    /// The object goes: what was true of it before its deletion began stays readable.
    Leaving,
    /// The pass was cut off: what it says about the object as a whole is all that it knows, and what
    /// earlier passes have found out stands until it is looked at again.
    CutOff,
}

/// The condition list to write after a pass.
pub fn written(
    previous: &[Condition],
    drafts: &[Draft],
    look: Look,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    match look {
        Look::Whole => merge(previous, drafts, generation, now),
        Look::CutOff if !previous.is_empty() => {
            let whole: Vec<Draft> = drafts.iter().filter(|draft| draft.is_of_the_whole()).cloned().collect();
            overlay(previous, &whole, generation, now)
        }
        Look::Leaving | Look::CutOff => overlay(previous, drafts, generation, now),
    }
}

/// As [`merge`], keeping the conditions that the drafts do not speak of.
fn overlay(previous: &[Condition], drafts: &[Draft], generation: i64, now: Timestamp) -> Vec<Condition> {
    let mut all = merge(previous, drafts, generation, now);
    let spoken_of = |kind: &str| drafts.iter().any(|draft| draft.kind == kind);
    all.extend(previous.iter().filter(|condition| !spoken_of(&condition.type_)).cloned());
    all
}

/// Whether a condition list says that the type holds.
pub fn holds(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == kind && condition.status == ConditionStatus::True)
}
