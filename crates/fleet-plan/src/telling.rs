//! When a changed status is worth a write of its own.
//!
//! On the way to a healthy fleet statuses change often: OCM words its progress anew, and the spokes of a
//! fleet move together. A write for each would cost more requests than the work itself. What a user or a
//! tool acts on is told at once; mere detail waits a moment for more of its kind.

use std::time::Duration;

use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use fleetconfig_api::phase::{FleetConfigPhase, HubPhase, SpokePhase};
use fleetconfig_api::v1alpha1::FleetConfigStatus;
use fleetconfig_api::v1beta1::{HubStatus, SpokeStatus};
use jiff::{SignedDuration, Timestamp};

/// How long after a write a change of mere detail is gathered with others.
pub const GATHER: SignedDuration = SignedDuration::from_secs(15);

/// How much two statuses of one object differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    Nothing,
    /// In wording, in reasons, in how far a join has come.
    Detail,
    /// In something that users wait for or that later passes depend on.
    News,
}

/// A status that knows its gist.
pub trait Telling: PartialEq {
    /// What is told at once when it changes.
    type Gist<'a>: PartialEq
    where
        Self: 'a;

    /// The gist.
    fn gist(&self) -> Self::Gist<'_>;
}

/// Types and statuses of conditions, without those that only tell how far a join has come.
type Standing<'a> = Vec<(&'a str, ConditionStatus)>;

fn standing(conditions: &[Condition]) -> Standing<'_> {
    let told = |condition: &&Condition| !is_progress_of_a_join(&condition.type_);
    conditions.iter().filter(told).map(|condition| (condition.type_.as_str(), condition.status)).collect()
}

/// `KlusterletSynced` and `SpokeJoined` of a Spoke, and the conditions of a FleetConfig that follow it.
/// `Ready` comes a moment later and is told at once, and so is a failure: it shows in the phase.
fn is_progress_of_a_join(kind: &str) -> bool {
    [condition::KLUSTERLET_SYNCED, condition::SPOKE_JOINED].contains(&kind) || kind.ends_with("-joined")
}

impl Telling for FleetConfigStatus {
    type Gist<'a> = (Option<i64>, Option<FleetConfigPhase>, Standing<'a>);

    fn gist(&self) -> Self::Gist<'_> {
        (self.observed_generation, self.phase, standing(&self.conditions))
    }
}

impl Telling for HubStatus {
    type Gist<'a> = (Option<i64>, Option<HubPhase>, Standing<'a>, [Option<&'a str>; 4], &'a str);

    fn gist(&self) -> Self::Gist<'_> {
        let resolved = [&self.cluster_uid, &self.bundle_version, &self.api_server, &self.ca_hash];
        (
            self.observed_generation,
            self.phase,
            standing(&self.conditions),
            resolved.map(Option::as_deref),
            &self.cluster_manager_hash,
        )
    }
}

impl Telling for SpokeStatus {
    /// The engine remembers the rest between passes; after a restart it looks at the spoke again.
    type Gist<'a> = (Option<i64>, Option<SpokePhase>, Standing<'a>, Option<&'a str>);

    fn gist(&self) -> Self::Gist<'_> {
        let name = self.managed_cluster_name.as_deref();
        (self.observed_generation, self.phase, standing(&self.conditions), name)
    }
}

/// How much a status changes. The first status of an object is news.
pub fn change<S: Telling>(old: Option<&S>, new: &S) -> Change {
    match old {
        Some(old) if old == new => Change::Nothing,
        Some(old) if old.gist() == new.gist() => Change::Detail,
        _ => Change::News,
    }
}

/// How long a change still waits before it is written; `None` when it is written now. `told` is when the
/// object's status was last written, as far as that is remembered.
pub fn wait(change: Change, told: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let since = now.duration_since(told?);
    let rest = Duration::try_from(GATHER - since).ok()?;
    (change == Change::Detail && !rest.is_zero()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::{Draft, merge};
    use fleetconfig_api::Reason;

    fn status(drafts: &[Draft]) -> SpokeStatus {
        SpokeStatus {
            observed_generation: Some(1),
            phase: Some(SpokePhase::Joining),
            conditions: merge(&[], drafts, 1, Timestamp::UNIX_EPOCH),
            ..SpokeStatus::default()
        }
    }

    fn waiting(message: &str) -> Draft {
        Draft::missing(condition::READY, Reason::Joining, message)
    }

    #[test]
    fn wording_and_the_progress_of_a_join_are_detail() {
        let old = status(&[waiting("a"), Draft::missing(condition::SPOKE_JOINED, Reason::Joining, "")]);
        let new = status(&[waiting("b"), Draft::good(condition::SPOKE_JOINED, Reason::Joined, "")]);
        assert_eq!(change(Some(&old), &new), Change::Detail);
        assert_eq!(change(Some(&old), &old.clone()), Change::Nothing);
    }

    #[test]
    fn phases_other_conditions_and_what_passes_depend_on_are_news() {
        let old = status(&[waiting("a")]);
        assert_eq!(change(None, &old), Change::News);
        let ready = status(&[Draft::good(condition::READY, Reason::ReconcileSuccess, "")]);
        assert_eq!(change(Some(&old), &ready), Change::News);
        let variations: [fn(&mut SpokeStatus); 3] = [
            |status| status.observed_generation = Some(2),
            |status| status.phase = Some(SpokePhase::Running),
            |status| status.managed_cluster_name = Some("n".into()),
        ];
        for vary in variations {
            let mut new = old.clone();
            vary(&mut new);
            assert_eq!(change(Some(&old), &new), Change::News, "{new:?}");
        }
    }

    #[test]
    fn the_joins_of_a_fleet_are_detail_and_its_phase_is_news() {
        let joined = condition::spoke_joined("s");
        let fleet = |drafts: &[Draft], phase| FleetConfigStatus {
            phase: Some(phase),
            conditions: merge(&[], drafts, 1, Timestamp::UNIX_EPOCH),
            ..FleetConfigStatus::default()
        };
        let old = fleet(&[Draft::missing(&joined, Reason::Joining, "")], FleetConfigPhase::Initializing);
        let new = fleet(&[Draft::good(&joined, Reason::Joined, "")], FleetConfigPhase::Initializing);
        assert_eq!(change(Some(&old), &new), Change::Detail);
        let running = FleetConfigStatus { phase: Some(FleetConfigPhase::Running), ..new.clone() };
        assert_eq!(change(Some(&new), &running), Change::News);
    }

    #[test]
    fn detail_waits_for_the_rest_of_the_moment_and_news_never() {
        let told = Timestamp::UNIX_EPOCH;
        let after = |seconds| told + SignedDuration::from_secs(seconds);
        assert_eq!(wait(Change::Detail, Some(told), after(2)), Some(Duration::from_secs(13)));
        assert_eq!(wait(Change::Detail, Some(told), after(15)), None);
        assert_eq!(wait(Change::Detail, Some(told), after(19)), None);
        assert_eq!(wait(Change::Detail, None, after(0)), None, "after a restart nothing is remembered");
        assert_eq!(wait(Change::News, Some(told), after(0)), None);
    }
}
