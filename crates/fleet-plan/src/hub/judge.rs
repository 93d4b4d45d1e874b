//! What a ClusterManager's status says about a hub.

use fleetconfig_api::reason::Reason;

use super::facts::{ClusterManagerSeen, Webhooks};

/// What is said until OCM's operator has something to say.
pub(super) const STARTING: &str = "OCM is being installed on the hub";

/// The state of a hub's control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlPlane {
    /// No ClusterManager yet.
    Absent,
    /// Being rolled out.
    Progressing {
        /// What OCM says.
        message: String,
    },
    /// Rolled out, but a component does not work.
    Degraded {
        /// What OCM says.
        message: String,
    },
    /// OCM says that it is ready; its webhooks have not been heard yet.
    WebhooksPending {
        /// What the API server said about them, if they were asked.
        message: Option<String>,
    },
    /// Ready.
    Ready,
}

impl ControlPlane {
    /// The catalogue's word for the state.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Absent => Reason::HubInitializing,
            Self::Progressing { .. } => Reason::HubProgressing,
            Self::Degraded { .. } => Reason::HubDegraded,
            Self::WebhooksPending { .. } => Reason::WebhooksNotReady,
            Self::Ready => Reason::ReconcileSuccess,
        }
    }

    /// The state in words.
    pub fn message(&self) -> String {
        match self {
            Self::Absent => STARTING.to_owned(),
            Self::Progressing { message } | Self::Degraded { message } => message.clone(),
            Self::WebhooksPending { message: None } => {
                "OCM is rolled out; its webhooks are being asked".to_owned()
            }
            Self::WebhooksPending { message: Some(message) } => {
                format!("OCM is rolled out, but its webhooks do not answer: {message}")
            }
            Self::Ready => "HubInitialized".to_owned(),
        }
    }
}

/// Judges a ClusterManager. `Applied` alone is not enough: OCM sets it before the Deployments are
/// ready and the webhooks installed, so `Progressing` must be False and the generations must match.
pub fn control_plane(manager: Option<&ClusterManagerSeen>, webhooks: &Webhooks) -> ControlPlane {
    let Some(manager) = manager else { return ControlPlane::Absent };
    let condition = |kind: &str| manager.conditions.iter().find(|condition| condition.type_ == kind);
    let progressing = |message: String| ControlPlane::Progressing { message };
    if manager.deleting {
        return progressing("the ClusterManager is being deleted".to_owned());
    }
    if manager.observed_generation != Some(manager.generation) {
        return progressing(
            "the cluster-manager operator has not seen the current ClusterManager yet".into(),
        );
    }
    match condition("Applied") {
        Some(applied) if applied.status == "True" => {}
        Some(applied) => return progressing(format!("OCM applies the hub's objects: {}", applied.reason)),
        None => return progressing("the cluster-manager operator has not reported yet".to_owned()),
    }
    match condition("Progressing") {
        Some(rolling) if rolling.status == "False" => {}
        Some(rolling) => {
            return progressing(format!("OCM rolls out the hub's components: {}", rolling.reason));
        }
        None => return progressing("the cluster-manager operator has not reported progress yet".to_owned()),
    }
    for kind in ["HubRegistrationDegraded", "HubPlacementDegraded"] {
        match condition(kind) {
            Some(degraded) if degraded.status == "False" => {}
            Some(degraded) => {
                let message = format!("{kind}: {}: {}", degraded.reason, degraded.message);
                return ControlPlane::Degraded { message };
            }
            None => return progressing(format!("the cluster-manager operator has not reported {kind} yet")),
        }
    }
    match webhooks {
        Webhooks::Answering => ControlPlane::Ready,
        Webhooks::Unasked => ControlPlane::WebhooksPending { message: None },
        Webhooks::Silent { message } => ControlPlane::WebhooksPending { message: Some(message.clone()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

    fn manager(conditions: &[(&str, &str)]) -> ClusterManagerSeen {
        let conditions = conditions
            .iter()
            .map(|(kind, status)| Condition {
                type_: (*kind).into(),
                status: (*status).into(),
                reason: "R".into(),
                message: "m".into(),
                last_transition_time: Time(Timestamp::UNIX_EPOCH),
                observed_generation: None,
            })
            .collect();
        ClusterManagerSeen {
            uid: "u".into(),
            generation: 2,
            observed_generation: Some(2),
            conditions,
            deleting: false,
            labels: Default::default(),
            running_tag: None,
        }
    }

    const GOOD: [(&str, &str); 4] = [
        ("Applied", "True"),
        ("Progressing", "False"),
        ("HubRegistrationDegraded", "False"),
        ("HubPlacementDegraded", "False"),
    ];

    #[test]
    fn ready_needs_every_condition_and_the_webhooks() {
        assert_eq!(control_plane(Some(&manager(&GOOD)), &Webhooks::Answering), ControlPlane::Ready);
        for dropped in 0..GOOD.len() {
            let mut some = GOOD.to_vec();
            some.remove(dropped);
            assert_ne!(control_plane(Some(&manager(&some)), &Webhooks::Answering), ControlPlane::Ready);
            let mut turned = GOOD.to_vec();
            turned[dropped].1 = if turned[dropped].1 == "True" { "False" } else { "True" };
            assert_ne!(control_plane(Some(&manager(&turned)), &Webhooks::Answering), ControlPlane::Ready);
        }
        let asked = control_plane(Some(&manager(&GOOD)), &Webhooks::Unasked);
        assert_eq!(asked, ControlPlane::WebhooksPending { message: None });
    }

    #[test]
    fn an_old_observation_is_no_observation() {
        let stale = ClusterManagerSeen { observed_generation: Some(1), ..manager(&GOOD) };
        assert!(matches!(
            control_plane(Some(&stale), &Webhooks::Answering),
            ControlPlane::Progressing { .. }
        ));
    }
}
