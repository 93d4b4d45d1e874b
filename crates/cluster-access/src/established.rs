//! Waiting for a kind to be served after its definition was applied.
//!
//! Takes about 100 ms on a single API server, and 5 s more where several serve (each waits until the
//! others have heard). The wait is part of one effect and bounded by the deadline of a call; it is
//! led by the events of the definition.

use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{WatchEvent, WatchParams};
use kube::core::{DynamicObject, ObjectMeta};
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::error::{AccessError, Failure};
use crate::objects::{Doing, Force, built, path};
use fleet_plan::object::{Manifest, ObjectKey};

/// After the definition says that it is established, the part of the API server that serves the
/// kind learns it by a watch of its own, milliseconds later. It sends no event, so the first tries
/// are this far apart and double …
const FIRST_TRY: Duration = Duration::from_millis(5);
/// … up to this. A definition that is established and whose kind is still not served by then has
/// not the version that is asked for, or waits for other API servers.
const LAST_TRY: Duration = Duration::from_millis(640);

/// A definition as far as the wait goes.
#[derive(Clone, Deserialize)]
struct Definition {
    metadata: ObjectMeta,
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

type Events = BoxStream<'static, kube::Result<WatchEvent<Definition>>>;

impl Cluster {
    /// Applies a custom resource whose kind was not served a moment ago, as soon as it is; `None`
    /// when it is not within the deadline of a call although it is defined.
    ///
    /// # Errors
    /// [`Failure::NotServed`] when the kind is not defined; else as an apply.
    pub(crate) async fn apply_when_served(
        &self,
        manifest: &Manifest,
        manager: &str,
        force: Force,
    ) -> Result<Option<DynamicObject>, AccessError> {
        let resource = &manifest.key.resource;
        // The name of a definition is prescribed.
        let definition =
            ObjectKey::cluster::<CustomResourceDefinition>(format!("{}.{}", resource.plural, resource.group));
        let Some(seen) = self.get_as::<Definition>(&definition).await? else {
            return Err(AccessError::new(Doing("applying", &manifest.key), Failure::NotServed));
        };
        let waiting = self.try_while_watching(manifest, manager, force, &definition, &seen);
        tokio::time::timeout(self.request_timeout(), waiting).await.unwrap_or(Ok(None))
    }

    async fn try_while_watching(
        &self,
        manifest: &Manifest,
        manager: &str,
        force: Force,
        definition: &ObjectKey,
        seen: &Definition,
    ) -> Result<Option<DynamicObject>, AccessError> {
        let doing = Doing("watching", definition);
        let mut events = self.events(&doing, definition, seen).await?;
        let mut established = seen.is_established();
        let mut patience = FIRST_TRY;
        loop {
            if established {
                match self.apply(manifest, manager, force).await {
                    Err(error) if matches!(error.failure(), Failure::NotServed) => {}
                    answer => return answer.map(Some),
                }
            }
            // Before the definition is established only its events count, and the deadline outside.
            let event = if established {
                tokio::time::timeout(patience, events.next()).await
            } else {
                Ok(events.next().await)
            };
            match event {
                Ok(Some(Ok(WatchEvent::Added(seen) | WatchEvent::Modified(seen)))) => {
                    established = seen.is_established();
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(AccessError::new(&doing, Failure::of(error))),
                Ok(None) => return Ok(None),
                Err(_) if patience >= LAST_TRY => return Ok(None),
                Err(_) => patience = patience.saturating_mul(2),
            }
        }
    }

    /// The events of one definition from the moment it was seen.
    async fn events(
        &self,
        doing: &Doing<'_>,
        definition: &ObjectKey,
        seen: &Definition,
    ) -> Result<Events, AccessError> {
        let only_it = WatchParams::default().fields(&format!("metadata.name={}", definition.name));
        let since = seen.metadata.resource_version.as_deref().unwrap_or("0");
        let request = built(doing, path(&definition.resource, None).watch(&only_it, since))?;
        let events = self.client().request_events::<Definition>(request).await;
        Ok(boxed(events.map_err(|error| AccessError::new(doing, Failure::of(error)))?))
    }
}

/// Names the items of the client's stream, which the compiler cannot see through on its own.
fn boxed(events: impl Stream<Item = kube::Result<WatchEvent<Definition>>> + Send + 'static) -> Events {
    events.boxed()
}
