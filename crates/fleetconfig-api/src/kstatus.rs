//! What the tools that wait for objects make of one: [kstatus].
//!
//! Flux, cli-utils and Argo CD's newer checks know no kind by name. They compute one word from
//! `metadata.generation`, `metadata.deletionTimestamp` and the standard conditions, by the rules
//! written down here. The statuses of our kinds are tested against them, and who embeds the
//! libraries can wait by the same word.
//!
//! [kstatus]: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus

use std::fmt;

use serde_json::Value;

use crate::condition;

/// `status.observedGeneration` of an object that nobody has looked at: the default in our CRDs. No
/// object has a generation below 1, so such a status is out of date.
pub const UNSEEN: i64 = -1;

/// Whether a controller has written the status that has this `observedGeneration`.
#[must_use]
pub fn is_seen(observed_generation: Option<i64>) -> bool {
    observed_generation.is_some_and(|observed| observed != UNSEEN)
}

/// How an object stands for somebody who does not know its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kstatus {
    /// It is on its way to what its spec asks for.
    InProgress,
    /// It will not get there unless somebody changes something.
    Failed,
    /// It is as its spec asks for.
    Current,
    /// It is being deleted.
    Terminating,
    /// There is no such object.
    NotFound,
}

impl Kstatus {
    /// Computes the word for an object as an API server returns it; `None` stands for one that the
    /// API server does not have.
    ///
    /// These are the rules for kinds that kstatus has no rules of their own for. The first that fits
    /// decides; where none fits, the object counts as current. That is a trap: an object whose
    /// controller has not looked at it yet has no conditions. The CRDs of our kinds close it with a
    /// default for `status.observedGeneration`: [`UNSEEN`].
    #[must_use]
    pub fn of(object: Option<&Value>) -> Self {
        let Some(object) = object else { return Self::NotFound };
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
        let deleted = object.pointer("/metadata/deletionTimestamp").and_then(Value::as_str);
        if deleted.is_some_and(|time| !time.is_empty()) {
            return Self::Terminating;
        }
        if let (Some(generation), Some(observed)) =
            (number("/metadata/generation"), number("/status/observedGeneration"))
            && generation != observed
        {
            return Self::InProgress;
        }
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
        for found in conditions {
            let (kind, status) = (text(found, "type"), text(found, "status"));
            match (kind.as_deref(), status.as_deref()) {
                (Some(condition::RECONCILING), Some("True")) => return Self::InProgress,
                (Some(condition::STALLED), Some("True")) => return Self::Failed,
                _ => {}
            }
        }
        let ready = conditions.iter().find(|found| text(found, "type").as_deref() == Some(condition::READY));
        match ready.map(|ready| text(ready, "status")) {
            None => Self::Current,
            Some(Some(status)) if status == "True" => Self::Current,
            Some(_) => Self::InProgress,
        }
    }
}

impl fmt::Display for Kstatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
            Self::Current => "Current",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(generation: i64, observed: Option<i64>, conditions: &[(&str, &str)]) -> Value {
        let conditions: Vec<Value> =
            conditions.iter().map(|(kind, status)| json!({ "type": kind, "status": status })).collect();
        let mut object = json!({
            "metadata": { "generation": generation },
            "status": { "conditions": conditions },
        });
        if let Some(observed) = observed {
            object["status"]["observedGeneration"] = observed.into();
        }
        object
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let ready = [("Ready", "True")];
        let cases = [
            (object(2, Some(2), &ready), Kstatus::Current),
            (object(2, None, &ready), Kstatus::Current),
            (object(2, Some(1), &ready), Kstatus::InProgress),
            (object(2, Some(-1), &[]), Kstatus::InProgress),
            (object(2, Some(2), &[("Ready", "False")]), Kstatus::InProgress),
            (object(2, Some(2), &[("Ready", "Unknown")]), Kstatus::InProgress),
            (object(2, Some(2), &[("Ready", "True"), ("Reconciling", "True")]), Kstatus::InProgress),
            (object(2, Some(2), &[("Ready", "False"), ("Stalled", "True")]), Kstatus::Failed),
            (object(2, Some(1), &[("Ready", "False"), ("Stalled", "True")]), Kstatus::InProgress),
            (object(2, Some(2), &[("Ready", "True"), ("Stalled", "False")]), Kstatus::Current),
        ];
        for (object, expected) in cases {
            assert_eq!(Kstatus::of(Some(&object)), expected, "{object}");
        }
        assert_eq!(Kstatus::of(None), Kstatus::NotFound);
    }

    #[test]
    fn an_object_that_goes_is_terminating_whatever_else_it_says() {
        let mut going = object(2, Some(2), &[("Ready", "True")]);
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        assert_eq!(Kstatus::of(Some(&going)), Kstatus::Terminating);
    }

    #[test]
    fn an_object_that_nobody_has_looked_at_counts_as_current_without_the_default() {
        assert_eq!(Kstatus::of(Some(&json!({ "metadata": { "generation": 1 } }))), Kstatus::Current);
    }
}
