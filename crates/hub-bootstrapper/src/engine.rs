//! One pass over a hub.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cluster_access::{Cluster, ClusterUid, Executed, Executor, Ledger, ObjectKey};
use fleet_plan::endpoint::EndpointFacts;
use fleet_plan::hub::desire::{claim_key, desired_hub, inventory, set_name};
use fleet_plan::hub::facts::{Claim, HubFacts, Owner, ValuesText, Webhooks};
use fleet_plan::hub::plan::{HubVerdict, plan_hub};
use fleet_plan::hub::removal::{HubRemoval, plan_hub_removal};
use fleet_plan::plan::{PENDING, Step, Wake};
use fleetconfig_api::names;
use fleetconfig_api::v1beta1::Hub;
use jiff::{SignedDuration, Timestamp};
use kube::{Resource, ResourceExt};
use ocm_api::operator::v1::ClusterManager;

use crate::FIELD_MANAGER;
use crate::error::HubError;
use crate::observe::{Known, inhabitants, observe};

/// How long what was read of a hub and is not watched is taken as still true: what it says about its
/// own address, and whose claim it carries.
const READ_AGE: SignedDuration = SignedDuration::from_mins(10);

/// A pass changes its own facts at most twice: it lays its claim, and it asks the webhooks.
const ROUNDS: usize = 3;

/// The engine of one hub.
#[derive(Debug)]
pub struct HubBootstrapper {
    cluster: Cluster,
    /// UID of the cluster that holds the Hub object.
    home: Option<String>,
    ledger: Ledger,
    memory: Mutex<Memory>,
}

/// What passes before this one have learnt; losing it costs reads, never correctness.
#[derive(Debug, Default)]
struct Memory {
    /// UID of the Hub whose claim was seen, and when.
    claim: Option<(Timestamp, String)>,
    /// The hub's address, and when it was read.
    endpoint: Option<(Timestamp, EndpointFacts)>,
    /// UID and generation of the ClusterManager whose webhooks answered.
    answered: Option<(String, i64)>,
    /// UID and generation of the ClusterManager that was seen last.
    manager: Option<(String, i64)>,
    /// UID and generation of the ClusterManager after our last write. A watch may be behind it.
    written: Option<(String, i64)>,
}

impl Memory {
    /// What the hub says about its own address, while that is taken as still true.
    fn endpoint_at(&self, now: Timestamp) -> Option<&EndpointFacts> {
        fresh(self.endpoint.as_ref(), now)
    }

    /// UID of the Hub whose claim the cluster carries, while that is taken as still true.
    fn claimed_by(&self, now: Timestamp) -> Option<&str> {
        fresh(self.claim.as_ref(), now).map(String::as_str)
    }
}

fn fresh<T>(read: Option<&(Timestamp, T)>, now: Timestamp) -> Option<&T> {
    read.filter(|(at, _)| now.duration_since(*at) < READ_AGE).map(|(_, value)| value)
}

/// Tells whether the Hub that holds a claim on a cluster still exists.
pub type OwnerExists<'a> = &'a (dyn Fn(&Owner) -> bool + Send + Sync);

/// What one pass is made with.
#[derive(Debug)]
pub struct HubPass<'a> {
    /// The Hub. Its UID, namespace and name mark everything that is made for it.
    pub hub: &'a Hub,
    /// The text behind `clusterManager.valuesFrom`.
    pub values: ValuesText,
    /// The ClusterManager as a watch has it; `None` without a watch, then it is read.
    pub cluster_manager: Option<Option<ClusterManager>>,
    /// The hub worked before.
    pub was_initialized: bool,
    /// Now.
    pub now: Timestamp,
}

/// How a hub stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct HubOutcome {
    /// What to report.
    pub verdict: HubVerdict,
    /// When to look again although no event came.
    pub wake: Wake,
    /// UID of the hub cluster's kube-system namespace.
    pub cluster_uid: String,
    /// How spokes reach the hub, as far as it is known.
    pub endpoint: EndpointFacts,
}

/// How the removal of a hub stands after a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Removal {
    /// Nothing of ours is left.
    Done,
    /// Under way, or blocked; the verdict says which.
    Working {
        /// What to report.
        verdict: Box<HubVerdict>,
        /// When to look again although no event came.
        wake: Wake,
    },
}

impl HubBootstrapper {
    /// The engine of the hub on this cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, home: None, ledger: Ledger::default(), memory: Mutex::default() }
    }

    /// As [`HubBootstrapper::new`], for a Hub object that is kept in a cluster. Its claim says in which,
    /// so that nobody elsewhere takes the Hub for gone because he cannot see it.
    pub fn of_hub_in(home: &ClusterUid, cluster: Cluster) -> Self {
        Self { home: Some(home.as_str().to_owned()), ..Self::new(cluster) }
    }

    /// The hub's cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Brings the hub nearer to what is declared, and says how it stands.
    ///
    /// `owner_exists` tells whether a Hub that holds a claim on this cluster still exists.
    ///
    /// # Errors
    /// When the hub does not answer or a step fails; calling again continues.
    pub async fn keep(
        &self,
        pass: &HubPass<'_>,
        owner_exists: OwnerExists<'_>,
    ) -> Result<HubOutcome, HubError> {
        let mut last = None;
        // A Hub that was never seen at work finds a free cluster nearly always. Only one of two can create
        // the claim, so it is tried before it is looked for.
        let mut assume_free = Self::is_new(pass.hub);
        for _ in 0..ROUNDS {
            let mut facts = self.look(pass, owner_exists, assume_free).await?;
            let desired = desired_hub(pass.hub, &facts);
            let mut plan = plan_hub(&desired, &facts, pass.was_initialized);
            let done = self.carry_out(&plan.steps, pass.now).await?;
            let learnt = self.remember(pass, &facts, &done, &plan.steps);
            assume_free &= !done.contested;
            let changed = self.count_own_write(&mut facts);
            let silent = done.webhooks.and_then(Result::err);
            if changed || silent.is_some() {
                // Asked and not heard: no event will tell when they answer, so the plan says when to
                // ask again. What was said of a ClusterManager that we have changed since then is old.
                if let Some(message) = silent {
                    facts.webhooks = Webhooks::Silent { message };
                }
                plan = plan_hub(&desired, &facts, pass.was_initialized);
            }
            let wake = if done.pending.is_some() { plan.wake.within(PENDING) } else { plan.wake };
            last = Some(HubOutcome {
                verdict: plan.verdict,
                wake,
                cluster_uid: facts.cluster_uid,
                endpoint: facts.endpoint,
            });
            if !learnt {
                break;
            }
        }
        last.ok_or(HubError::WatchEnded { last: "no pass was made".to_owned() })
    }

    /// Takes the hub away. `spokes` are the Spokes that name it.
    ///
    /// # Errors
    /// When the hub does not answer or a step fails; calling again continues.
    pub async fn remove(
        &self,
        pass: &HubPass<'_>,
        spokes: Vec<String>,
        owner_exists: OwnerExists<'_>,
    ) -> Result<Removal, HubError> {
        let mut facts = self.look(pass, owner_exists, false).await?;
        facts.inhabitants = if spokes.is_empty() {
            inhabitants(&self.cluster).await.map_err(HubError::Observe)?
        } else {
            Default::default()
        };
        facts.inhabitants.spokes = spokes;
        // What was made is deleted by name and owner; a Hub that can no longer be rendered still
        // leaves what has fixed names.
        let desired = desired_hub(pass.hub, &facts);
        let desired = desired.or_else(|_| {
            let mut plain = pass.hub.clone();
            plain.spec.cluster_manager = Some(Default::default());
            plain.spec.singleton = None;
            plain.spec.registration_auth = Default::default();
            desired_hub(&plain, &HubFacts { values: ValuesText::NotNamed, ..facts.clone() })
        });
        let manifests = desired.map(|desired| {
            let mut all = desired.manifests;
            all.insert(0, desired.claim);
            all
        });
        let manager = pass.hub.spec.cluster_manager.as_ref();
        let removal = plan_hub_removal(
            &manifests.unwrap_or_default(),
            inventory(pass.hub).labels(),
            manager.is_none_or(|manager| manager.purge_operator),
            &facts,
        );
        match removal {
            HubRemoval::Finish { steps } => {
                self.carry_out(&steps, pass.now).await?;
                self.memory().claim = None;
                Ok(Removal::Done)
            }
            HubRemoval::Working { steps, verdict, wake } => {
                self.carry_out(&steps, pass.now).await?;
                Ok(Removal::Working { verdict: Box::new(verdict), wake })
            }
        }
    }

    fn is_new(hub: &Hub) -> bool {
        hub.status.as_ref().is_none_or(|status| status.cluster_uid.is_none())
    }

    async fn look(
        &self,
        pass: &HubPass<'_>,
        owner_exists: OwnerExists<'_>,
        assume_free: bool,
    ) -> Result<HubFacts, HubError> {
        let owner = Owner {
            kind: Hub::kind(&()).into_owned(),
            namespace: pass.hub.namespace().unwrap_or_default(),
            name: pass.hub.name_any(),
            uid: pass.hub.uid().unwrap_or_default(),
            home: self.home.clone(),
        };
        let known = {
            let memory = self.memory();
            Known {
                cluster_manager: pass.cluster_manager.clone(),
                endpoint: memory.endpoint_at(pass.now).cloned(),
                claim: match memory.claimed_by(pass.now) {
                    Some(uid) if uid == owner.uid => Some(Claim::Ours),
                    None if assume_free => Some(Claim::Free),
                    _ => None,
                },
                answered: memory.answered.clone(),
            }
        };
        let mut facts =
            observe(&self.cluster, &claim_key(), &owner, known, pass.values.clone(), owner_exists)
                .await
                .map_err(HubError::Observe)?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        facts.endpoint.declared_server = given(&pass.hub.spec.api_server);
        facts.endpoint.declared_ca = given(&pass.hub.spec.ca);
        self.notice_drift(pass.hub, &facts);
        self.count_own_write(&mut facts);
        Ok(facts)
    }

    /// Raises the ClusterManager's generation to that of our last write, if the facts are older; true if
    /// they were. Else what OCM said before a change would be taken for an answer to it.
    fn count_own_write(&self, facts: &mut HubFacts) -> bool {
        let memory = self.memory();
        let (Some(manager), Some((uid, generation))) = (&mut facts.cluster_manager, &memory.written) else {
            return false;
        };
        let behind = manager.uid == *uid && manager.generation < *generation;
        if behind {
            manager.generation = *generation;
        }
        behind
    }

    /// Strikes the hub's set out of the ledger when the ClusterManager is another one than before:
    /// changed, replaced or gone. It is the one object of the set that is watched; what happens to
    /// the others is found when the ledger's entry expires. (Our own changes look the same and cost
    /// one look at the set.)
    fn notice_drift(&self, hub: &Hub, facts: &HubFacts) {
        let seen = facts.cluster_manager.as_ref().map(|manager| (manager.uid.clone(), manager.generation));
        let before = std::mem::replace(&mut self.memory().manager, seen.clone());
        if before.is_some() && before != seen {
            self.ledger.invalidate(&ClusterUid::from(facts.cluster_uid.clone()), &set_name(hub));
        }
    }

    async fn carry_out(&self, steps: &[Step], now: Timestamp) -> Result<Executed, HubError> {
        let executor =
            Executor { hub: &self.cluster, spoke: None, manager: FIELD_MANAGER, ledger: &self.ledger, now };
        executor.run(steps).await.map_err(HubError::Execute)
    }

    /// Keeps what this pass has shown; true when a plan made now would be another.
    fn remember(&self, pass: &HubPass<'_>, facts: &HubFacts, done: &Executed, steps: &[Step]) -> bool {
        let mut memory = self.memory();
        if memory.endpoint_at(pass.now).is_none() {
            memory.endpoint = Some((pass.now, facts.endpoint.clone()));
        }
        let mut learnt = done.contested;
        let laid = facts.claim != Claim::Ours && !steps.is_empty() && done.is_complete();
        if (laid || facts.claim == Claim::Ours) && memory.claimed_by(pass.now).is_none() {
            memory.claim = pass.hub.uid().map(|uid| (pass.now, uid));
        }
        learnt |= laid;
        let own = ObjectKey::cluster::<ClusterManager>(names::CLUSTER_MANAGER);
        if let (Some(manager), Some((_, generation))) =
            (&facts.cluster_manager, done.applied.iter().find(|(key, _)| *key == own))
        {
            memory.written = Some((manager.uid.clone(), *generation));
        }
        if let Some(Ok(())) = &done.webhooks {
            memory.answered =
                facts.cluster_manager.as_ref().map(|manager| (manager.uid.clone(), manager.generation));
            learnt = true;
        }
        learnt
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether webhooks that answered once are still those of this ClusterManager.
pub(crate) fn webhooks(answered: Option<&(String, i64)>, manager: Option<(&str, i64)>) -> Webhooks {
    match (answered, manager) {
        (Some((uid, generation)), Some(current)) if (uid.as_str(), *generation) == current => {
            Webhooks::Answering
        }
        _ => Webhooks::Unasked,
    }
}
