//! Deletion of what is ours, and of nothing else.

use std::collections::HashSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use kube::api::{GetParams, ListParams, PropagationPolicy};
use kube::core::{ApiResource, ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{AccessError, Failure};
use crate::kinds::Rank;
use crate::objects::{Deleted, Doing, built, finalizers, missing_is_none, named, path};
use fleet_plan::object::ObjectKey;

/// Requests under way at the same time.
const AT_ONCE: usize = 16;

/// An object that is marked for deletion and still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Which object.
    pub key: ObjectKey,
    /// Finalizers that hold it; empty when it waits for its grace period.
    pub finalizers: Vec<String>,
    /// When it was marked, if that was before this call.
    pub since: Option<Timestamp>,
}

/// What became of a set that is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// Objects that went in this call.
    pub deleted: Vec<ObjectKey>,
    /// Objects that are marked and wait for something.
    pub remaining: Vec<Remaining>,
    /// Objects of that name without our labels; left alone.
    pub foreign: Vec<ObjectKey>,
    /// Objects not looked at yet, because what needs them remains.
    pub waiting: Vec<ObjectKey>,
}

impl DeleteReport {
    /// Whether nothing of ours is left.
    pub fn is_complete(&self) -> bool {
        self.remaining.is_empty() && self.waiting.is_empty()
    }
}

/// An object as far as deletion goes.
#[derive(Deserialize)]
struct Candidate {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
}

impl Candidate {
    fn has(&self, labels: &[(String, String)]) -> bool {
        let own = self.metadata.labels.as_ref();
        labels.iter().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value))
    }
}

/// What became of one object.
pub(crate) enum Outcome {
    /// It was not there.
    Absent,
    /// It went.
    Deleted,
    /// It is marked, and waits for something.
    Remaining(Box<Remaining>),
    /// It is not ours, and was left alone.
    Foreign,
}

impl Cluster {
    /// Deletes the objects of a set that carry all of these labels, in the reverse of the order in
    /// which [`Cluster::ensure`] writes them. What waits for a finalizer keeps what was written
    /// before it: the operator stays until its custom resources are gone. Calling again continues.
    ///
    /// Without labels nothing proves that an object is ours, so nothing is deleted.
    ///
    /// # Errors
    /// The first error in the order of deletion; what was sent with it was sent.
    pub async fn delete_set(
        &self,
        keys: &[ObjectKey],
        labels: &[(String, String)],
    ) -> Result<DeleteReport, AccessError> {
        let mut report = DeleteReport::default();
        for rank in Rank::ALL.into_iter().rev() {
            let batch: Vec<&ObjectKey> = keys.iter().filter(|key| Rank::of(&key.resource) == rank).collect();
            if !report.remaining.is_empty() {
                report.waiting.extend(batch.into_iter().cloned());
                continue;
            }
            let outcomes: Vec<Outcome> = stream::iter(&batch)
                .map(|key| self.delete_if_owned(key, labels))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            for (key, outcome) in batch.into_iter().zip(outcomes) {
                match outcome {
                    Outcome::Absent => {}
                    Outcome::Deleted => report.deleted.push(key.clone()),
                    Outcome::Remaining(remaining) => report.remaining.push(*remaining),
                    Outcome::Foreign => report.foreign.push(key.clone()),
                }
            }
        }
        Ok(report)
    }

    /// Deletes all objects of these kinds that carry all of these labels and are not to be kept:
    /// what an earlier version of us made and the present one does not want.
    ///
    /// # Errors
    /// As [`Cluster::delete_set`].
    pub async fn prune(
        &self,
        kinds: &[ApiResource],
        labels: &[(String, String)],
        keep: &HashSet<ObjectKey>,
    ) -> Result<DeleteReport, AccessError> {
        if labels.is_empty() {
            return Ok(DeleteReport::default());
        }
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let params = ListParams::default().labels(&selector.join(","));
        let found: Vec<Vec<ObjectKey>> =
            stream::iter(kinds).map(|kind| self.keys(kind, &params)).buffered(AT_ONCE).try_collect().await?;
        let surplus: Vec<ObjectKey> = found.into_iter().flatten().filter(|key| !keep.contains(key)).collect();
        self.delete_set(&surplus, labels).await
    }

    async fn keys(&self, kind: &ApiResource, params: &ListParams) -> Result<Vec<ObjectKey>, AccessError> {
        let objects: Vec<Candidate> = self.list_as(kind, None, params).await?;
        let key = |object: Candidate| {
            Some(ObjectKey {
                resource: kind.clone(),
                namespace: object.metadata.namespace,
                name: object.metadata.name?,
            })
        };
        Ok(objects.into_iter().filter_map(key).collect())
    }

    /// Deletes one object if it carries all of these labels, and is still the one that was looked at.
    /// Without labels nothing proves that it is ours.
    pub(crate) async fn delete_if_owned(
        &self,
        key: &ObjectKey,
        labels: &[(String, String)],
    ) -> Result<Outcome, AccessError> {
        let doing = Doing("reading", key);
        let request =
            path(&key.resource, key.namespace.as_deref()).get(named(&doing, key)?, &GetParams::default());
        let found = self.call::<Candidate>(&doing, built(&doing, request)?).await;
        let Some(object) = missing_is_none(found)? else { return Ok(Outcome::Absent) };
        if labels.is_empty() || !object.has(labels) {
            return Ok(Outcome::Foreign);
        }
        if let Some(since) = &object.metadata.deletion_timestamp {
            return Ok(remaining(key, finalizers(&object.metadata, &object.spec), Some(since.0)));
        }
        let uid = object.metadata.uid.as_deref();
        match self.delete(key, uid, PropagationPolicy::Background).await {
            Ok(Deleted::Now) => Ok(Outcome::Deleted),
            Ok(Deleted::Gone) => Ok(Outcome::Absent),
            Ok(Deleted::Pending { finalizers }) => Ok(remaining(key, finalizers, None)),
            // Ours is gone and a namesake has come between the two requests; it is not ours to judge.
            Err(error) if matches!(error.failure(), Failure::Stale { .. }) => Ok(Outcome::Foreign),
            Err(error) => Err(error),
        }
    }
}

fn remaining(key: &ObjectKey, finalizers: Vec<String>, since: Option<Timestamp>) -> Outcome {
    Outcome::Remaining(Box::new(Remaining { key: key.clone(), finalizers, since }))
}
