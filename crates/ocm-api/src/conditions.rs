//! Reading lists of conditions.
//!
//! A condition that is absent is neither true nor false; that is what the `Option` of [`status`] says,
//! and why there is no function that takes absence for an answer.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell. Any word that is not `True` or `False` counts as this.
    Unknown,
}

/// The condition of a type, if the list has one.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of a type holds; `None` when the list has no such condition.
pub fn status(conditions: &[Condition], type_: &str) -> Option<ConditionStatus> {
    find(conditions, type_).map(status_of)
}

/// Whether a condition holds.
pub fn status_of(condition: &Condition) -> ConditionStatus {
    match condition.status.as_str() {
        "True" => ConditionStatus::True,
        "False" => ConditionStatus::False,
        _ => ConditionStatus::Unknown,
    }
}

/// Whether the list says that a condition holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    status(conditions, type_) == Some(ConditionStatus::True)
}

/// Whether the list says that a condition does not hold. Absence is not False.
pub fn is_false(conditions: &[Condition], type_: &str) -> bool {
    status(conditions, type_) == Some(ConditionStatus::False)
}

/// Whether the list says that nobody can tell. Absence is not Unknown.
pub fn is_unknown(conditions: &[Condition], type_: &str) -> bool {
    status(conditions, type_) == Some(ConditionStatus::Unknown)
}

/// Like [`find`], but only a condition that was set for this generation of the object, or does not say
/// for which: a condition about an older spec says nothing about the present one.
pub fn find_current<'a>(
    conditions: &'a [Condition],
    type_: &str,
    generation: Option<i64>,
) -> Option<&'a Condition> {
    find(conditions, type_).filter(|condition| match (condition.observed_generation, generation) {
        (Some(observed), Some(generation)) => observed >= generation,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn condition(type_: &str, status: &str, observed_generation: Option<i64>) -> Condition {
        Condition {
            type_: type_.into(),
            status: status.into(),
            observed_generation,
            reason: "Test".into(),
            message: String::new(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn an_absent_condition_is_neither_true_nor_false_nor_unknown() {
        let list = [condition("Applied", "True", None)];
        assert_eq!(status(&list, "Progressing"), None);
        assert!(!is_true(&list, "Progressing"));
        assert!(!is_false(&list, "Progressing"));
        assert!(!is_unknown(&list, "Progressing"));
    }

    #[test]
    fn a_status_is_read_by_its_exact_word_and_anything_else_is_unknown() {
        let list = [
            condition("A", "True", None),
            condition("B", "False", None),
            condition("C", "Unknown", None),
            condition("D", "true", None),
        ];
        assert!(is_true(&list, "A") && is_false(&list, "B") && is_unknown(&list, "C"));
        assert!(is_unknown(&list, "D"), "a status is case-sensitive");
    }

    #[test]
    fn a_condition_about_an_older_generation_is_not_current() {
        let list = [condition("Applied", "True", Some(2)), condition("Silent", "True", None)];
        assert!(find_current(&list, "Applied", Some(2)).is_some());
        assert!(find_current(&list, "Applied", Some(3)).is_none());
        assert!(find_current(&list, "Silent", Some(3)).is_some());
    }
}
