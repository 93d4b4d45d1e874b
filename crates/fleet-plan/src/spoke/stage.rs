//! The stages of a membership that are told as events of the ManagedCluster.

use fleetconfig_api::Reason;
use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use fleetconfig_api::phase::SpokePhase;
use fleetconfig_api::v1beta1::SpokeStatus;
use ocm_api::cluster::v1::ManagedCluster;

use super::membership::{Membership, membership};

/// A stage that is told when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not let in yet, or not there.
    Outside,
    /// The hub lets it in.
    Accepted,
    /// It had been let in and was shut out.
    Denied,
    /// Its agent has joined.
    Joined,
    /// It is well.
    Available,
    /// It is not well, or nobody has heard of it.
    Unavailable,
    /// It is being taken away.
    Leaving,
}

/// What is told of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Somebody should know.
    pub warning: bool,
    /// The catalogue's word.
    pub reason: Reason,
    /// In words.
    pub message: &'static str,
}

impl Stage {
    /// What is told when the stage begins; `None`: nothing.
    pub fn news(self) -> Option<News> {
        let (warning, reason, message) = match self {
            Self::Outside => return None,
            Self::Accepted => (false, Reason::ManagedClusterAccepted, "the hub has accepted the cluster"),
            Self::Denied => {
                (true, Reason::ManagedClusterDenied, "an administrator of the hub has shut the cluster out")
            }
            Self::Joined => (false, Reason::Joined, "the cluster's agent has joined"),
            Self::Available => (false, Reason::ManagedClusterAvailable, "the cluster is available"),
            Self::Unavailable => (true, Reason::SpokeUnavailable, "the cluster is not available"),
            Self::Leaving => (false, Reason::Detaching, "the cluster is being detached"),
        };
        Some(News { warning, reason, message })
    }
}

/// The stage of a ManagedCluster.
pub fn stage(cluster: Option<&ManagedCluster>) -> Stage {
    match membership(cluster) {
        Membership::Absent | Membership::Created => Stage::Outside,
        Membership::Accepted => Stage::Accepted,
        Membership::Denied => Stage::Denied,
        Membership::Joined => Stage::Joined,
        Membership::Available => Stage::Available,
        Membership::Unavailable { .. } => Stage::Unavailable,
        Membership::Leaving => Stage::Leaving,
    }
}

/// The stage that the status of a Spoke shows, so that a new process does not tell of it again; `None`
/// when it shows none, because something else was more important to say. Then the next change is told.
pub fn told(status: Option<&SpokeStatus>) -> Option<Stage> {
    let Some(status) = status else { return Some(Stage::Outside) };
    if status.phase == Some(SpokePhase::Deleting) {
        return Some(Stage::Leaving);
    }
    let find = |kind: &str| status.conditions.iter().find(|held| held.type_ == kind);
    let joined = find(condition::SPOKE_JOINED)?;
    let ready = find(condition::READY);
    let reason = ready.and_then(Condition::known_reason);
    if joined.status == ConditionStatus::True {
        return match reason {
            Some(Reason::SpokeUnavailable) => Some(Stage::Unavailable),
            Some(Reason::WaitingForAvailable) => Some(Stage::Joined),
            _ if ready.is_some_and(|ready| ready.status == ConditionStatus::True) => Some(Stage::Available),
            _ => None,
        };
    }
    match joined.known_reason()? {
        Reason::Joining => Some(Stage::Outside),
        Reason::WaitingForCsr | Reason::CsrRefused => Some(Stage::Accepted),
        Reason::ManagedClusterDenied => Some(Stage::Denied),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::{Draft, merge};
    use jiff::Timestamp;

    fn status(phase: SpokePhase, drafts: &[Draft]) -> SpokeStatus {
        SpokeStatus {
            phase: Some(phase),
            conditions: merge(&[], drafts, 1, Timestamp::UNIX_EPOCH),
            ..SpokeStatus::default()
        }
    }

    fn joined() -> Draft {
        Draft::good(condition::SPOKE_JOINED, Reason::Joined, "")
    }

    fn not_ready(reason: Reason) -> Draft {
        Draft::missing(condition::READY, reason, "")
    }

    #[test]
    fn a_status_shows_the_stage_that_was_told() {
        let ready = Draft::good(condition::READY, Reason::ReconcileSuccess, "");
        let waiting = |reason| [Draft::missing(condition::SPOKE_JOINED, reason, ""), not_ready(reason)];
        let shown = |phase, drafts: &[Draft]| told(Some(&status(phase, drafts)));
        assert_eq!(told(None), Some(Stage::Outside));
        for (reason, stage) in [
            (Reason::Joining, Stage::Outside),
            (Reason::WaitingForCsr, Stage::Accepted),
            (Reason::CsrRefused, Stage::Accepted),
            (Reason::ManagedClusterDenied, Stage::Denied),
        ] {
            assert_eq!(shown(SpokePhase::Joining, &waiting(reason)), Some(stage));
        }
        assert_eq!(shown(SpokePhase::Running, &[joined(), ready]), Some(Stage::Available));
        for (reason, stage) in
            [(Reason::WaitingForAvailable, Stage::Joined), (Reason::SpokeUnavailable, Stage::Unavailable)]
        {
            assert_eq!(shown(SpokePhase::Unhealthy, &[joined(), not_ready(reason)]), Some(stage));
        }
        assert_eq!(
            shown(SpokePhase::Deleting, &waiting(Reason::ForeignObjectsPresent)),
            Some(Stage::Leaving)
        );
    }

    #[test]
    fn what_a_status_does_not_show_is_not_guessed() {
        let hidden = [joined(), not_ready(Reason::ClusterUnreachable)];
        assert_eq!(told(Some(&status(SpokePhase::Unhealthy, &hidden))), None);
        // Of a cluster that had joined it is said, too, that it waits for its hub.
        let waits = Draft::missing(condition::SPOKE_JOINED, Reason::HubNotReady, "");
        assert_eq!(told(Some(&status(SpokePhase::Joining, &[waits]))), None);
        let unreachable = Draft::missing(condition::SPOKE_JOINED, Reason::ClusterUnreachable, "");
        assert_eq!(told(Some(&status(SpokePhase::Unhealthy, &[unreachable]))), None);
        assert_eq!(told(Some(&SpokeStatus::default())), None);
    }

    #[test]
    fn each_stage_but_the_first_is_news_and_two_are_warnings() {
        let all = [
            Stage::Accepted,
            Stage::Denied,
            Stage::Joined,
            Stage::Available,
            Stage::Unavailable,
            Stage::Leaving,
        ];
        assert_eq!(Stage::Outside.news(), None);
        let warnings: Vec<Stage> = all.into_iter().filter(|stage| stage.news().unwrap().warning).collect();
        assert_eq!(warnings, [Stage::Denied, Stage::Unavailable]);
    }
}
