//! A set of objects made to be as declared, writing only what differs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::drift::drift;
use crate::error::{AccessError, Failure};
use crate::guest::as_guest;
use crate::kinds::{Rank, Schema};
use crate::ledger::{Ledger, SetDigest};
use crate::objects::Force;
use fleet_plan::object::{Manifest, ObjectKey};
use fleet_plan::plan::Presence;

/// Requests of one set under way at the same time.
const AT_ONCE: usize = 16;

/// What an ensure did.
#[derive(Clone, Default)]
pub struct EnsureReport {
    /// Objects that were written, in the order of the set.
    pub applied: Vec<ObjectKey>,
    /// How many were as declared already.
    pub unchanged: usize,
    /// An object that cannot be written yet: its kind is defined but not served, or the object is
    /// being deleted. The rest of its rank was written, later ranks were not. An event of that
    /// object's definition, or of the object, is due.
    pub pending: Option<ObjectKey>,
    live: HashMap<ObjectKey, DynamicObject>,
}

impl EnsureReport {
    /// The object as the cluster answered with it, when it was read or written here.
    pub fn live(&self, key: &ObjectKey) -> Option<&DynamicObject> {
        self.live.get(key)
    }

    /// Notes an object that has to be waited for; the one of the lowest rank counts.
    fn wait_for(&mut self, key: &ObjectKey) {
        if self.pending.as_ref().is_none_or(|other| Rank::of(&key.resource) < Rank::of(&other.resource)) {
            self.pending = Some(key.clone());
        }
    }

    /// Whether what comes after this rank has to wait.
    fn waits_at(&self, rank: Rank) -> bool {
        self.pending.as_ref().is_some_and(|key| Rank::of(&key.resource) <= rank)
    }

    /// Whether every object of the set is as declared now.
    pub fn is_complete(&self) -> bool {
        self.pending.is_none()
    }
}

// Bodies may hold credentials.
impl fmt::Debug for EnsureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnsureReport")
            .field("applied", &self.applied)
            .field("unchanged", &self.unchanged)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Makes a set of objects be as declared.
    ///
    /// With [`Presence::Absent`] everything is written without reading; with [`Presence::Unknown`]
    /// everything is read at once, and only what [`drift`]s is written. Writes go out rank by rank
    /// (definitions and namespaces, then what workloads need, then workloads, then custom
    /// resources), those of one rank at the same time. Objects are taken by force, except
    /// namespaces, which others share; one that another Hub or Spoke holds is used as its guest. A custom resource whose kind is defined and not served yet is
    /// waited for, at most for one request deadline.
    ///
    /// # Errors
    /// The first error in the order of the set; what was sent with it was sent. Calling again
    /// continues.
    pub async fn ensure(
        &self,
        set: &[Manifest],
        manager: &str,
        presence: Presence,
    ) -> Result<EnsureReport, AccessError> {
        let mut report = EnsureReport::default();
        let due: Vec<Cow<'_, Manifest>> = match presence {
            Presence::Absent => set.iter().map(Cow::Borrowed).collect(),
            Presence::Unknown => self.due(set, manager, &mut report).await?,
        };
        report.unchanged = set.len() - due.len();
        for rank in Rank::ALL {
            let batch: Vec<&Manifest> = due
                .iter()
                .map(|manifest| &**manifest)
                .filter(|manifest| Rank::of(&manifest.key.resource) == rank)
                .collect();
            self.write(&batch, manager, &mut report).await?;
            if report.waits_at(rank) {
                break;
            }
        }
        Ok(report)
    }

    /// As [`Cluster::ensure`], but sends nothing at all when the ledger knows that this very set was
    /// found or made complete on this cluster not long ago.
    ///
    /// # Errors
    /// As [`Cluster::ensure`]; also when the cluster's identity cannot be read.
    pub async fn ensure_unless_known(
        &self,
        ledger: &Ledger,
        name: &str,
        set: &[Manifest],
        manager: &str,
        presence: Presence,
        now: Timestamp,
    ) -> Result<EnsureReport, AccessError> {
        let cluster = self.uid().await?;
        let digest = SetDigest::of(set, manager);
        if ledger.knows(&cluster, name, &digest, now) {
            return Ok(EnsureReport { unchanged: set.len(), ..EnsureReport::default() });
        }
        let report = self.ensure(set, manager, presence).await?;
        if report.is_complete() {
            ledger.record(cluster, name, digest, now);
        }
        Ok(report)
    }

    /// Reads the set and picks what has to be written.
    async fn due<'a>(
        &self,
        set: &'a [Manifest],
        manager: &str,
        report: &mut EnsureReport,
    ) -> Result<Vec<Cow<'a, Manifest>>, AccessError> {
        // Collected first: a stream of closures would make every future that awaits this one not Send.
        let reads: Vec<_> = set.iter().map(|manifest| self.get(&manifest.key)).collect();
        let found: Vec<Option<DynamicObject>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let mut due = Vec::new();
        for (manifest, live) in set.iter().zip(found) {
            let Some(live) = live else {
                due.push(Cow::Borrowed(manifest));
                continue;
            };
            let guest = is_shared(manifest).then(|| as_guest(manifest, &live, manager)).flatten();
            let manifest = guest.map_or(Cow::Borrowed(manifest), Cow::Owned);
            if live.metadata.deletion_timestamp.is_some() {
                report.wait_for(&manifest.key);
            } else if let Some(drift) = drift(&manifest, &live, manager) {
                tracing::debug!(object = %manifest.key, %drift, "object is not as declared");
                let uid = live.metadata.uid.clone();
                report.live.insert(manifest.key.clone(), live);
                due.push(Cow::Owned(of_this_object(manifest.into_owned(), uid)));
                continue;
            }
            report.live.insert(manifest.key.clone(), live);
        }
        Ok(due)
    }

    /// Writes the objects of one rank.
    async fn write(
        &self,
        batch: &[&Manifest],
        manager: &str,
        report: &mut EnsureReport,
    ) -> Result<(), AccessError> {
        let writes: Vec<_> = batch.iter().map(|manifest| self.write_one(manifest, manager)).collect();
        let answers: Vec<Result<Option<DynamicObject>, AccessError>> =
            stream::iter(writes).buffered(AT_ONCE).collect().await;
        for (manifest, answer) in batch.iter().zip(answers) {
            match answer? {
                Some(live) => {
                    report.applied.push(manifest.key.clone());
                    report.live.insert(manifest.key.clone(), live);
                }
                None => report.wait_for(&manifest.key),
            }
        }
        Ok(())
    }

    /// Writes one object; `None` when its kind is defined but not served yet.
    async fn write_one(
        &self,
        manifest: &Manifest,
        manager: &str,
    ) -> Result<Option<DynamicObject>, AccessError> {
        let resource = &manifest.key.resource;
        let shared = is_shared(manifest);
        let force = if shared { Force::Shared } else { Force::Force };
        match self.apply(manifest, manager, force).await {
            // It was not looked at before.
            Err(error) if shared && matches!(error.failure(), Failure::Conflict { .. }) => {
                let live = self.get(&manifest.key).await?;
                match live.and_then(|live| as_guest(manifest, &live, manager)) {
                    Some(guest) => self.apply(&guest, manager, force).await.map(Some),
                    None => Err(error),
                }
            }
            Err(error)
                if matches!(error.failure(), Failure::NotServed)
                    && Schema::of(resource) == Schema::Custom =>
            {
                self.apply_when_served(manifest, manager, force).await
            }
            answer => answer.map(Some),
        }
    }
}

/// The manifest for the object that was seen: whoever comes late makes none that was deleted meanwhile, and
/// takes no other one for it.
fn of_this_object(mut manifest: Manifest, uid: Option<String>) -> Manifest {
    let metadata = manifest.body.get_mut("metadata").and_then(Value::as_object_mut);
    if let (Some(metadata), Some(uid)) = (metadata, uid) {
        metadata.insert("uid".to_owned(), Value::from(uid));
    }
    manifest
}

/// Whether others write the object too, so that nothing of it is taken by force.
fn is_shared(manifest: &Manifest) -> bool {
    let resource = &manifest.key.resource;
    resource.group.is_empty() && resource.kind == "Namespace"
}
