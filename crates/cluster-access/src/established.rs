//! Waiting for a kind to be served after its definition was applied.
//!
//! Takes about 100 ms on a single API server. The wait is part of one effect and bounded by the
//! deadline of a call; it is led by the events of the definition.

use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use kube::api::{WatchEvent, WatchParams};
use kube::core::{ApiResource, DynamicObject};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{AccessError, Failure};
use crate::objects::{Doing, Force, built, path};
use fleet_plan::object::{Manifest, ObjectKey};

/// After the definition says that it is established, the part of the API server that serves the
/// kind learns it by a watch of its own, milliseconds later. It sends no event, so the first tries
/// are this far apart and double.
const FIRST_TRY: Duration = Duration::from_millis(5);

/// A kind that a set defines itself.
pub(crate) struct DefinedKind {
    definition: ObjectKey,
    group: String,
    kind: String,
}

impl DefinedKind {
    pub(crate) fn defines(&self, resource: &ApiResource) -> bool {
        self.group == resource.group && self.kind == resource.kind
    }
}

/// The kinds that the definitions in a set define.
pub(crate) fn defined_kinds(set: &[Manifest]) -> Vec<DefinedKind> {
    let text = |manifest: &Manifest, pointer: &str| {
        manifest.body.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    set.iter()
        .filter(|manifest| manifest.key.resource.kind == "CustomResourceDefinition")
        .filter_map(|manifest| {
            Some(DefinedKind {
                definition: manifest.key.clone(),
                group: text(manifest, "/spec/group")?,
                kind: text(manifest, "/spec/names/kind")?,
            })
        })
        .collect()
}

#[derive(Clone, Deserialize)]
struct Definition {
    #[serde(default)]
    status: DefinitionStatus,
}

#[derive(Clone, Default, Deserialize)]
struct DefinitionStatus {
    #[serde(default)]
    conditions: Vec<DefinitionCondition>,
}

#[derive(Clone, Deserialize)]
struct DefinitionCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Definition {
    fn is_established(&self) -> bool {
        self.status.conditions.iter().any(|it| it.kind == "Established" && it.status == "True")
    }
}

/// Names the items of the client's stream, which the compiler cannot see through on its own.
fn boxed(
    events: impl Stream<Item = kube::Result<WatchEvent<Definition>>> + Send + 'static,
) -> BoxStream<'static, kube::Result<WatchEvent<Definition>>> {
    events.boxed()
}

impl Cluster {
    /// Applies a custom resource as soon as its kind is served.
    ///
    /// # Errors
    /// [`Failure::NotServed`] when it is not served within the deadline of a call; else as an apply.
    pub(crate) async fn apply_when_served(
        &self,
        manifest: &Manifest,
        manager: &str,
        force: Force,
        kind: &DefinedKind,
    ) -> Result<DynamicObject, AccessError> {
        let waiting = self.try_while_watching(manifest, manager, force, &kind.definition);
        match tokio::time::timeout(self.request_timeout(), waiting).await {
            Ok(answer) => answer,
            Err(_) => Err(AccessError::new(Doing("applying", &manifest.key), Failure::NotServed)),
        }
    }

    async fn try_while_watching(
        &self,
        manifest: &Manifest,
        manager: &str,
        force: Force,
        definition: &ObjectKey,
    ) -> Result<DynamicObject, AccessError> {
        let doing = Doing("watching", definition);
        let only_it = WatchParams::default().fields(&format!("metadata.name={}", definition.name));
        let request = built(&doing, path(&definition.resource, None).watch(&only_it, "0"))?;
        let events = self.client().request_events::<Definition>(request).await;
        let events = events.map_err(|error| AccessError::new(&doing, Failure::of(error)))?;
        let mut events = boxed(events);
        let mut established = false;
        let mut patience = FIRST_TRY;
        loop {
            // Before the definition is established only its events count, and the deadline outside.
            let event = if established {
                tokio::time::timeout(patience, events.next()).await.ok()
            } else {
                Some(events.next().await)
            };
            match event {
                Some(Some(Ok(WatchEvent::Added(seen) | WatchEvent::Modified(seen)))) => {
                    established = seen.is_established();
                }
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => return Err(AccessError::new(&doing, Failure::of(error))),
                Some(None) => return Err(AccessError::new(&doing, Failure::NotServed)),
                None => patience = patience.saturating_mul(2),
            }
            if established {
                match self.apply(manifest, manager, force).await {
                    Err(error) if matches!(error.failure(), Failure::NotServed) => {}
                    answer => return answer,
                }
            }
        }
    }
}
