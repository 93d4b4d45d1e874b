//! One pass over a spoke.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster_access::{Cluster, ClusterUid, Executed, Executor, Ledger};
use fleet_plan::hub::facts::{Owner, ValuesText};
use fleet_plan::hub::plan::Refusal;
use fleet_plan::manifests::TOKEN_NAMESPACE;
use fleet_plan::plan::{PENDING, Step, Wake};
use fleet_plan::spoke::bootstrap::{BootstrapKind, TokensKnown, good_until, needs_tokens};
use fleet_plan::spoke::credentials::TokenSecret;
use fleet_plan::spoke::desire::{SpokeContext, desired_spoke};
use fleet_plan::spoke::facts::{AccessFailure, BootstrapToken, ReadyHub, SpokeSeen, SpokeSide};
use fleet_plan::spoke::plan::{DesiredSpoke, Progress, RefusedCsr, needs_look, plan_join};
use fleet_plan::spoke::verdict::{SpokeVerdict, refused};
use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use fleetconfig_api::reason::Reason;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::ApiResource;

use crate::FIELD_MANAGER;
use crate::claims::Claims;
use crate::endpoint::verified;
use crate::error::{SpokeError, failure};
use crate::observe::observe;

/// The engine of all spokes of one hub.
#[derive(Debug)]
pub struct SpokeJoiner {
    pub(crate) hub: Cluster,
    ledger: Ledger,
    /// What passes before this one have learnt of each spoke, by the Spoke's UID. Losing it costs a
    /// look, never correctness.
    memory: Mutex<HashMap<String, Learnt>>,
    claims: Claims,
}

/// What passes before this one have learnt of a spoke. Its status has the same, but a detail of a
/// status may be written some seconds later.
#[derive(Clone, Debug, Default)]
struct Learnt {
    way_in: WayIn,
    /// UID of the spoke's cluster.
    cluster_uid: Option<String>,
    /// Hash of what was applied on the spoke with success.
    applied_hash: Option<String>,
}

/// What was seen of a spoke's way in.
#[derive(Clone, Copy, Debug, Default)]
struct WayIn {
    /// Until when the delivered bootstrap credential is good.
    good_until: Option<Timestamp>,
    /// Whether the spoke has bootstrap tokens on the hub.
    tokens: TokensKnown,
}

impl WayIn {
    /// What is there after these steps.
    fn after(self, kind: BootstrapKind, steps: &[Step], done: &Executed) -> Self {
        let revoked = steps.iter().any(|step| matches!(step, Step::Delete { .. }));
        // Steps that take a way in away leave none of any kind; those that hand one out do both.
        let none = if self.tokens == TokensKnown::Unknown { self.tokens } else { TokensKnown::None };
        if let Some(until) = done.bootstrap_until {
            let tokens = if kind == BootstrapKind::Token { TokensKnown::Some } else { none };
            return Self { good_until: Some(until), tokens };
        }
        if revoked && done.is_complete() {
            return Self { good_until: None, tokens: none };
        }
        self
    }
}

/// What one pass is made with.
#[derive(Debug)]
pub struct SpokePass<'a> {
    /// The Spoke. Its UID, namespace and name mark everything that is made for it.
    pub spoke: &'a Spoke,
    /// Its Hub.
    pub hub: &'a Hub,
    /// The name of its ManagedCluster, resolved and recorded.
    pub cluster_name: &'a str,
    /// The text behind `klusterlet.valuesFrom`.
    pub values: ValuesText,
    /// The text behind the Hub's `clusterManager.valuesFrom`; used only if the spoke is the hub itself.
    pub hub_values: ValuesText,
    /// Tells by its UID whether another Spoke still exists.
    pub lives: SpokeLives<'a>,
    /// Now.
    pub now: Timestamp,
}

/// Tells by its UID whether a Spoke still exists.
#[derive(Clone, Copy)]
pub struct SpokeLives<'a>(pub &'a (dyn Fn(&str) -> bool + Send + Sync));

impl std::fmt::Debug for SpokeLives<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SpokeLives")
    }
}

/// How a spoke stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokeOutcome {
    /// What to report.
    pub verdict: SpokeVerdict,
    /// When to look again although no event came.
    pub wake: Wake,
    /// CSRs that were approved in this pass, by name.
    pub approved_csrs: Vec<String>,
    /// CSRs that were not approved.
    pub refused_csrs: Vec<RefusedCsr>,
    /// Until when the bootstrap credential is good that the spoke has been given, as far as it is known.
    pub bootstrap_until: Option<Timestamp>,
    /// When the hub certificate of the spoke's agent ends, if this pass has looked at the spoke.
    pub agent_until: Option<Timestamp>,
}

/// How the detachment of a spoke stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Detachment {
    /// Done; what stays behind on the spoke's cluster, in words.
    Done {
        /// What stays behind.
        leftovers: Vec<String>,
    },
    /// Under way, or blocked; the verdict says which.
    Working {
        /// What to report.
        verdict: Box<SpokeVerdict>,
        /// When to look again although no event came.
        wake: Wake,
        /// The Klusterlet on the spoke is going; its end shows on the spoke's cluster only.
        watch_spoke: bool,
    },
}

impl SpokeJoiner {
    /// The engine of the spokes of the hub on this cluster.
    pub fn new(hub: Cluster) -> Self {
        Self::sharing(hub, Claims::default())
    }

    /// As [`SpokeJoiner::new`], for a process with more than one hub: what the engines of all of them
    /// share.
    pub fn sharing(hub: Cluster, claims: Claims) -> Self {
        Self { hub, ledger: Ledger::default(), memory: Mutex::default(), claims }
    }

    /// Brings a spoke nearer to what is declared, and says how it stands. `open` opens the spoke's
    /// own cluster and is called only when it has to be looked at.
    ///
    /// # Errors
    /// When a step fails; calling again continues.
    pub async fn join(
        &self,
        pass: &SpokePass<'_>,
        ready: &ReadyHub,
        open: impl AsyncFnOnce() -> Result<Cluster, AccessFailure>,
    ) -> Result<SpokeOutcome, SpokeError> {
        let known_uid = self.cluster_uid(pass.spoke);
        let is_hub = known_uid.as_ref() == Some(&ready.cluster_uid);
        let mut desired = match self.desire(pass, ready, is_hub) {
            Ok(desired) => desired,
            Err(refusal) => return Ok(refusal_outcome(&refusal, pass)),
        };
        let progress = self.progress(pass.spoke);
        let tokens_read = needs_tokens(desired.bootstrap, ready, &progress);
        let with_tokens;
        let mut ready = ready;
        if tokens_read {
            let tokens = self.tokens(&desired).await?;
            with_tokens = ReadyHub { tokens, ..ready.clone() };
            ready = &with_tokens;
        }
        let mut side = SpokeSide::NotLooked;
        let mut opened = None;
        if known_uid.is_none() || needs_look(&desired, ready, &progress, pass.now) {
            match self.look(open, &desired).await {
                Ok((cluster, mut seen)) => {
                    seen.held_by = holder(&seen, pass);
                    if seen.held_by.is_none() && !self.claim(pass, &seen.cluster_uid) {
                        return Ok(refusal_outcome(&taken(), pass));
                    }
                    if (seen.cluster_uid == ready.cluster_uid) != is_hub {
                        desired = match self.desire(pass, ready, !is_hub) {
                            Ok(desired) => desired,
                            Err(refusal) => return Ok(refusal_outcome(&refusal, pass)),
                        };
                    }
                    let seen_is_hub = seen.cluster_uid == ready.cluster_uid;
                    let force = desired.force_internal_endpoint;
                    seen.endpoint = Some(verified(&ready.endpoint, &self.hub, seen_is_hub, force).await);
                    opened = Some(cluster);
                    side = SpokeSide::Seen(Box::new(seen));
                }
                Err(failure) => side = SpokeSide::Unreachable(failure),
            }
        }
        let plan = plan_join(&desired, ready, &side, &progress, pass.now);
        let done = self.carry_out(&plan.steps, opened.as_ref(), pass.now).await?;
        let seen_until = match &side {
            SpokeSide::Seen(seen) => good_until(desired.bootstrap, ready, seen, pass.now),
            SpokeSide::NotLooked | SpokeSide::Unreachable(_) => None,
        };
        let before = WayIn {
            good_until: seen_until.or(progress.bootstrap_good_until),
            tokens: match tokens_read {
                true if ready.tokens.is_empty() => TokensKnown::None,
                true => TokensKnown::Some,
                false => progress.tokens,
            },
        };
        let mut verdict = plan.verdict;
        if !done.is_complete() {
            verdict.applied_hash = None;
        }
        verdict.cluster_uid = verdict.cluster_uid.or(known_uid);
        let learnt = Learnt {
            way_in: before.after(desired.bootstrap, &plan.steps, &done),
            cluster_uid: verdict.cluster_uid.clone(),
            applied_hash: verdict.applied_hash.clone().or(progress.applied_hash),
        };
        let bootstrap_until = learnt.way_in.good_until;
        self.memory().insert(pass.spoke.uid().unwrap_or_default(), learnt);
        let agent_until = match &side {
            SpokeSide::Seen(seen) => agent_until(seen, pass.cluster_name),
            SpokeSide::NotLooked | SpokeSide::Unreachable(_) => None,
        };
        let approved = plan.steps.iter().take(done.steps).filter_map(|step| match step {
            Step::ApproveCsr { name, .. } => Some(name.clone()),
            _ => None,
        });
        Ok(SpokeOutcome {
            verdict,
            wake: if done.pending.is_some() { plan.wake.within(PENDING) } else { plan.wake },
            approved_csrs: approved.collect(),
            refused_csrs: plan.refused_csrs,
            bootstrap_until,
            agent_until,
        })
    }

    /// Forgets what is known about a Spoke that no longer exists.
    pub fn forget(&self, spoke: &Spoke) {
        let uid = spoke.uid().unwrap_or_default();
        self.claims.give_up(&uid);
        self.memory().remove(&uid);
    }

    pub(crate) fn desire(
        &self,
        pass: &SpokePass<'_>,
        ready: &ReadyHub,
        is_hub: bool,
    ) -> Result<DesiredSpoke, Refusal> {
        desired_spoke(
            pass.spoke,
            SpokeContext {
                hub: pass.hub,
                hub_bundle: &ready.bundle_version,
                cluster_name: pass.cluster_name,
                values: &pass.values,
                hub_values: &pass.hub_values,
                is_hub,
            },
        )
    }

    async fn look(
        &self,
        open: impl AsyncFnOnce() -> Result<Cluster, AccessFailure>,
        desired: &DesiredSpoke,
    ) -> Result<(Cluster, SpokeSeen), AccessFailure> {
        let cluster = open().await?;
        let seen =
            observe(&cluster, &desired.agent_namespace).await.map_err(|error| failure(&cluster, &error))?;
        Ok((cluster, seen))
    }

    pub(crate) async fn carry_out(
        &self,
        steps: &[Step],
        spoke: Option<&Cluster>,
        now: Timestamp,
    ) -> Result<Executed, SpokeError> {
        let executor = Executor { hub: &self.hub, spoke, manager: FIELD_MANAGER, ledger: &self.ledger, now };
        executor.run(steps).await.map_err(SpokeError::Execute)
    }

    /// Claims the cluster for the Spoke; false when another one has it.
    fn claim(&self, pass: &SpokePass<'_>, cluster_uid: &str) -> bool {
        let own = pass.spoke.uid().unwrap_or_default();
        self.claims.lay(&ClusterUid::from(cluster_uid.to_owned()), &own, pass.lives.0)
    }

    fn learnt(&self, spoke: &Spoke) -> Learnt {
        self.memory().get(&spoke.uid().unwrap_or_default()).cloned().unwrap_or_default()
    }

    /// UID of the spoke's cluster, as far as it has been seen.
    pub(crate) fn cluster_uid(&self, spoke: &Spoke) -> Option<String> {
        let status = spoke.status.as_ref();
        self.learnt(spoke).cluster_uid.or_else(|| status.and_then(|status| status.cluster_uid.clone()))
    }

    fn progress(&self, spoke: &Spoke) -> Progress {
        let Learnt { way_in, applied_hash, .. } = self.learnt(spoke);
        let status = spoke.status.as_ref();
        let written = || status.map(|status| status.klusterlet_hash.clone()).filter(|hash| !hash.is_empty());
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        Progress {
            applied_hash: applied_hash.or_else(written),
            bootstrap_good_until: way_in.good_until,
            was_available: was_available(conditions),
            tokens: way_in.tokens,
        }
    }

    /// The spoke's bootstrap tokens on the hub.
    pub(crate) async fn tokens(&self, desired: &DesiredSpoke) -> Result<Vec<BootstrapToken>, SpokeError> {
        let labels: Vec<String> =
            desired.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let params = ListParams::default().labels(&labels.join(","));
        let secrets: Vec<TokenSecret> = self
            .hub
            .list_as(&ApiResource::erase::<Secret>(&()), Some(TOKEN_NAMESPACE), &params)
            .await
            .map_err(SpokeError::Hub)?;
        Ok(secrets.iter().filter_map(TokenSecret::token).collect())
    }

    /// Whether an earlier pass of this process has left the spoke with bootstrap tokens on the hub.
    pub(crate) fn left_tokens(&self, spoke: &Spoke) -> bool {
        self.learnt(spoke).way_in.tokens == TokensKnown::Some
    }

    fn memory(&self) -> MutexGuard<'_, HashMap<String, Learnt>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another Spoke that exists and whose labels the Klusterlet carries.
fn holder(seen: &SpokeSeen, pass: &SpokePass<'_>) -> Option<String> {
    let owner = Owner::of(&seen.klusterlet.as_ref()?.labels)?;
    let other = Some(&owner.uid) != pass.spoke.uid().as_ref() && (pass.lives.0)(&owner.uid);
    other.then(|| format!("{}/{}", owner.namespace, owner.name))
}

fn taken() -> Refusal {
    Refusal {
        reason: Reason::NameTaken,
        message: "another Spoke has joined, or is joining, the very cluster that spec.kubeconfig leads to; a cluster is one Spoke: point spec.kubeconfig at another cluster, or delete one of the two".to_owned(),
    }
}

/// Whether the spoke was a working member once: it is Ready, or has been called unavailable since.
fn was_available(conditions: &[Condition]) -> bool {
    let ready = conditions.iter().find(|condition| condition.type_ == condition::READY);
    ready.is_some_and(|ready| {
        ready.status == ConditionStatus::True || ready.known_reason() == Some(Reason::SpokeUnavailable)
    })
}

fn refusal_outcome(refusal: &Refusal, pass: &SpokePass<'_>) -> SpokeOutcome {
    SpokeOutcome {
        verdict: refused(refusal, Some(pass.cluster_name.to_owned())),
        wake: Wake::OnEvent,
        approved_csrs: Vec::new(),
        refused_csrs: Vec::new(),
        bootstrap_until: None,
        agent_until: None,
    }
}

/// When the credential ends that the agent uses as this cluster.
fn agent_until(seen: &SpokeSeen, cluster_name: &str) -> Option<Timestamp> {
    let credential = seen.credential.as_ref()?;
    credential.not_after.filter(|_| credential.cluster_name.as_deref() == Some(cluster_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_plan::conditions::{Draft, merge};

    fn ready(draft: Draft) -> Vec<Condition> {
        merge(&[], &[draft], 1, Timestamp::UNIX_EPOCH)
    }

    /// A member that is lost stays lost in the second pass too, and is not called a new one.
    #[test]
    fn a_member_that_was_called_unavailable_was_available() {
        let good = Draft::good(condition::READY, Reason::ReconcileSuccess, "");
        assert!(was_available(&ready(good)));
        assert!(was_available(&ready(Draft::missing(condition::READY, Reason::SpokeUnavailable, ""))));
        assert!(!was_available(&ready(Draft::missing(condition::READY, Reason::WaitingForCsr, ""))));
        assert!(!was_available(&[]));
    }
}
