//! Writing statuses and finalizers, only when they change, and telling of transitions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use cluster_access::{AccessError, ObjectKey};
use fleet_plan::conditions::{Draft, Look, Standing, merge};
use fleet_plan::telling::{Change, Telling, change, wait};
use fleetconfig_api::Reason;
use fleetconfig_api::condition::{self, Condition, ConditionStatus};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::{info, warn};

use super::Shared;
use crate::events::{Severity, Transition};
use crate::reconcile::{Next, Pass, ReconcileError};

/// Field manager of statuses.
const STATUS_MANAGER: &str = "fleetconfig-controller/status";

/// Field manager of finalizers.
const FINALIZER_MANAGER: &str = "fleetconfig-controller/finalizers";

pub(super) fn key<K>(object: &K) -> ObjectKey
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    ObjectKey::namespaced::<K>(object.namespace().unwrap_or_default(), object.name_any())
}

/// How soon something is looked at again that hangs on an object which nobody watches.
pub(super) const RECHECK: Duration = Duration::from_secs(20);

/// How soon a status is tried again whose object has changed meanwhile, if no event comes first.
pub(super) const STALE: Duration = Duration::from_secs(1);

/// When to look again at what was said: a reason that a change of another object would end is
/// looked at again by itself, because that object is not watched.
pub(super) fn recheck(drafts: &[Draft], next: Next) -> Next {
    let elsewhere = [Reason::HubAlreadyClaimed, Reason::NameTaken, Reason::ManagedClusterNameTaken];
    let waits = drafts
        .iter()
        .any(|draft| draft.kind == condition::STALLED && draft.holds && elsewhere.contains(&draft.reason));
    if waits && next == Next::Await { Next::After(RECHECK) } else { next }
}

/// How much of an object a pass has looked at.
pub(super) fn look(object: &ObjectMeta, cut_off: bool) -> Look {
    if cut_off {
        Look::CutOff
    } else if object.deletion_timestamp.is_some() {
        Look::Leaving
    } else {
        Look::Whole
    }
}

/// An access error as the end of a pass.
pub(super) fn failed(error: AccessError) -> ReconcileError {
    let reason = error.reason();
    ReconcileError::transient(reason, error)
}

/// What became of a new status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is what the API server has already.
    Known,
    /// It was written.
    Written,
    /// It waits so long for more of its kind.
    Later(Duration),
}

impl Told {
    /// When to look again: no later than a status that waits is due.
    pub(super) fn next(self, next: Next) -> Next {
        match (self, next) {
            (Self::Later(rest), Next::After(other)) => Next::After(rest.min(other)),
            (Self::Later(rest), Next::Await) => Next::After(rest),
            (Self::Known | Self::Written, next) => next,
        }
    }
}

impl Shared {
    /// Writes a status, unless it is known or worth no write of its own yet.
    pub(super) async fn tell<K, S>(
        &self,
        object: &K,
        old: Option<&S>,
        new: &S,
        pass: &Pass,
    ) -> Result<Told, ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Send
            + 'static,
        S: Serialize + Telling,
    {
        let change = change(old, new);
        if change == Change::Nothing {
            return Ok(Told::Known);
        }
        let uid = object.uid().unwrap_or_default();
        if let Some(rest) = wait(change, self.echo.told(&uid), pass.now) {
            return Ok(Told::Later(rest));
        }
        match self.write_status(object, old, new).await {
            Ok(_) => {}
            // The object has changed since it was read. Its new state is on its way here.
            Err(error) if error.is_stale() => return Ok(Told::Later(STALE)),
            Err(error) => return Err(error),
        }
        self.echo.tell(uid, pass.now);
        Ok(Told::Written)
    }

    /// Writes a status if it is another; the object as the API server has it now.
    pub(super) async fn write_status<K, S>(
        &self,
        object: &K,
        old: Option<&S>,
        new: &S,
    ) -> Result<Option<K>, ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Send
            + 'static,
        S: Serialize + PartialEq,
    {
        if old == Some(new) {
            return Ok(None);
        }
        let status = serde_json::to_value(new)
            .map_err(|error| ReconcileError::terminal(Reason::InternalError, error))?;
        let answer = self
            .home
            .apply_status(&key(object), object.meta(), status, STATUS_MANAGER)
            .await
            .map_err(failed)?;
        let written: K =
            answer.try_parse().map_err(|error| ReconcileError::terminal(Reason::InternalError, error))?;
        self.echo.wrote(&written);
        Ok(Some(written))
    }

    /// Adds a finalizer before the first effect that it guards; the object as it is then, if that took a
    /// write.
    pub(super) async fn add_finalizer<K>(
        &self,
        object: &K,
        finalizer: &str,
    ) -> Result<Option<K>, ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Send
            + 'static,
    {
        if object.finalizers().iter().any(|present| present == finalizer) {
            return Ok(None);
        }
        let mut all = object.finalizers().to_vec();
        all.push(finalizer.to_owned());
        let version = object.resource_version();
        let operations = [
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version }),
            json!({ "op": "add", "path": "/metadata/finalizers", "value": all }),
        ];
        let answer =
            self.home.json_patch(&key(object), &operations, FINALIZER_MANAGER).await.map_err(failed)?;
        let written: K =
            answer.try_parse().map_err(|error| ReconcileError::terminal(Reason::InternalError, error))?;
        self.echo.wrote(&written);
        Ok(Some(written))
    }

    /// Whether this process has taken its finalizers off this very object.
    pub(super) fn is_finished<K>(&self, object: &K) -> bool
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.get(&key(object)).is_some_and(|uid| Some(uid) == object.uid().as_ref())
    }

    /// Forgets that an object was finished, since it is gone.
    pub(super) fn forget_finished<K>(&self, gone: &ObjectRef<K>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let key = ObjectKey::namespaced::<K>(gone.namespace.clone().unwrap_or_default(), gone.name.clone());
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Takes finalizers off, ours and upstream's of the same object, and nobody else's.
    pub(super) async fn remove_finalizers<K>(
        &self,
        object: &K,
        finalizers: &[&str],
    ) -> Result<(), ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let kept: Vec<&String> =
            object.finalizers().iter().filter(|present| !finalizers.contains(&present.as_str())).collect();
        if kept.len() == object.finalizers().len() {
            return Ok(());
        }
        let operations = [
            json!({ "op": "test", "path": "/metadata/finalizers", "value": object.finalizers() }),
            json!({ "op": "add", "path": "/metadata/finalizers", "value": kept }),
        ];
        match self.home.json_patch(&key(object), &operations, FINALIZER_MANAGER).await {
            Ok(_) => {}
            Err(error) if matches!(error.failure(), cluster_access::Failure::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
        if let Some(uid) = object.uid() {
            self.echo.forget(&uid);
            self.finished.lock().unwrap_or_else(PoisonError::into_inner).insert(key(object), uid.clone());
            self.stages.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
        }
        Ok(())
    }

    /// Tells of a change of `Ready` or `Stalled`, once, in the log and as an event.
    pub(super) fn announce<K>(&self, object: &K, before: &[Condition], drafts: &[Draft])
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let Some(ready) = drafts.iter().find(|draft| draft.kind == condition::READY) else { return };
        let stalled = drafts.iter().any(|draft| draft.kind == condition::STALLED && draft.holds);
        self.announce_ready(object, before, (ready.holds, ready.reason, &ready.message), stalled);
    }

    /// As [`Shared::announce`], for conditions that are merged already.
    pub(super) fn announce_conditions<K>(&self, object: &K, before: &[Condition], now: &[Condition])
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let find = |kind: &str| now.iter().find(|condition| condition.type_ == kind);
        let holds = |held: &Condition| held.status == ConditionStatus::True;
        let Some(ready) = find(condition::READY) else { return };
        let Some(reason) = ready.known_reason() else { return };
        let stalled = find(condition::STALLED).is_some_and(holds);
        self.announce_ready(object, before, (holds(ready), reason, &ready.message), stalled);
    }

    fn announce_ready<K>(
        &self,
        object: &K,
        before: &[Condition],
        (ready, reason, message): (bool, Reason, &str),
        stalled: bool,
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let old = before.iter().find(|condition| condition.type_ == condition::READY);
        let same = old.is_some_and(|old| {
            (old.status == ConditionStatus::True) == ready && old.reason == reason.as_str()
        });
        if same {
            return;
        }
        let trouble = !ready && stalled;
        let name = key(object);
        if trouble {
            warn!(object = %name, reason = reason.as_str(), message, "stalled");
        } else {
            info!(object = %name, ready, reason = reason.as_str(), message);
        }
        self.event(object, trouble, reason, message);
    }

    /// Says of an object that cannot be read as its kind what is wrong with it, once per generation.
    pub(super) async fn report_invalid<K>(
        &self,
        object: &InvalidObject,
        pass: &Pass,
    ) -> Result<Next, ReconcileError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let meta = &object.metadata;
        let generation = meta.generation.unwrap_or_default();
        let uid = meta.uid.clone().unwrap_or_default();
        if self.invalid().get(&uid) == Some(&generation) {
            return Ok(Next::Await);
        }
        let message = format!("the object cannot be read: {}", object.error);
        let drafts = Standing::Stalled { reason: Reason::InvalidSpec, message }.drafts();
        let conditions = merge(&[], &drafts, generation, pass.now);
        let status = json!({
            "observedGeneration": generation,
            "phase": "Unhealthy",
            "conditions": conditions,
        });
        let key = ObjectKey::namespaced::<K>(
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone().unwrap_or_default(),
        );
        self.home.apply_status(&key, meta, status, STATUS_MANAGER).await.map_err(failed)?;
        self.invalid().insert(uid, generation);
        Ok(Next::Await)
    }

    fn invalid(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.invalid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes an event about an object.
    pub(super) fn event<K>(&self, object: &K, warning: bool, reason: Reason, message: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let mut regarding = key(object).reference();
        regarding.uid = object.uid();
        self.runtime.events.publish(Transition {
            regarding,
            severity: if warning { Severity::Warning } else { Severity::Normal },
            reason: Cow::Borrowed(reason.as_str()),
            action: Cow::Borrowed("Reconcile"),
            message: message.to_owned(),
        });
    }
}
