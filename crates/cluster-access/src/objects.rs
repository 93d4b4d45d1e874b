//! Single objects: read, list, create, apply, patch, delete.

use std::fmt;

use http::Request;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::request::{Error as RequestError, Request as Requests};
use kube::core::{ApiResource, DynamicObject, ObjectMeta, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::error::{AccessError, Failure};
use fleet_plan::object::{Manifest, ObjectKey};

/// Objects per page of a list.
const PAGE: u32 = 250;

/// What an apply does about fields that other managers own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Take them: the object is wholly ours.
    Force,
    /// Fail with [`Failure::Conflict`]: others write the object too.
    Shared,
}

/// What became of an object that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone now.
    Now,
    /// It is marked, and goes when its finalizers are removed or its grace period ends.
    Pending {
        /// Finalizers that hold it.
        finalizers: Vec<String>,
    },
    /// It did not exist.
    Gone,
}

/// A verb and its object, written only when something goes wrong.
pub(crate) struct Doing<'a>(pub(crate) &'static str, pub(crate) &'a dyn Shown);

/// What an operation is about: shown in errors, sent between threads.
pub(crate) trait Shown: fmt::Display + Sync {}
impl<T: fmt::Display + Sync> Shown for T {}

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

impl Cluster {
    /// Reads one object; `None` when it, or its kind, does not exist.
    ///
    /// # Errors
    /// When the cluster does not answer, or not with the object.
    pub async fn get(&self, key: &ObjectKey) -> Result<Option<DynamicObject>, AccessError> {
        self.get_as(key).await
    }

    /// Reads one object into any type that its JSON fits, such as a small view of three fields.
    ///
    /// # Errors
    /// When the cluster does not answer, or with something that is no `T`.
    pub async fn get_as<T: DeserializeOwned>(&self, key: &ObjectKey) -> Result<Option<T>, AccessError> {
        let doing = Doing("reading", key);
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).get(named(&doing, key)?, &Default::default()),
        )?;
        missing_is_none(self.call(&doing, request).await)
    }

    /// Lists objects of kind `K`, of one namespace or of all; none when the kind is not served.
    ///
    /// # Errors
    /// When the cluster does not answer, or with something that is no list of `K`.
    pub async fn list<K>(&self, namespace: Option<&str>, params: &ListParams) -> Result<Vec<K>, AccessError>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        self.list_as(&ApiResource::erase::<K>(&()), namespace, params).await
    }

    /// Lists objects of any kind into any type that their JSON fits; none when the kind is not
    /// served. Reads page by page; each page has the deadline of a call.
    ///
    /// # Errors
    /// When the cluster does not answer, or with something that is no list of `T`.
    pub async fn list_as<T: DeserializeOwned>(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        params: &ListParams,
    ) -> Result<Vec<T>, AccessError> {
        #[derive(Deserialize)]
        struct Page<T> {
            metadata: ListMeta,
            #[serde(default = "Vec::new")]
            items: Vec<T>,
        }
        #[derive(Deserialize)]
        struct ListMeta {
            #[serde(rename = "continue", default)]
            next: String,
        }
        let doing = Doing("listing", &resource.plural);
        let mut params = params.clone();
        params.limit = params.limit.or(Some(PAGE));
        let mut objects = Vec::new();
        loop {
            let request = built(&doing, path(resource, namespace).list(&params))?;
            let Some(page) = missing_is_none(self.call::<Page<T>>(&doing, request).await)? else {
                return Ok(Vec::new());
            };
            objects.extend(page.items);
            if page.metadata.next.is_empty() {
                return Ok(objects);
            }
            params.continue_token = Some(page.metadata.next);
        }
    }

    /// Creates an object; fails with [`Failure::AlreadyExists`] when there is one of that name.
    ///
    /// # Errors
    /// When the cluster does not take it.
    pub async fn create(&self, manifest: &Manifest, manager: &str) -> Result<DynamicObject, AccessError> {
        self.send_create("creating", manifest, manager, false).await
    }

    /// Asks the cluster to admit the creation of an object without storing it.
    ///
    /// # Errors
    /// When the cluster would not take it; [`Failure::WebhookUnavailable`] when an admission
    /// webhook does not answer.
    pub async fn create_dry_run(&self, manifest: &Manifest, manager: &str) -> Result<(), AccessError> {
        self.send_create("trying to create", manifest, manager, true).await.map(drop)
    }

    async fn send_create(
        &self,
        verb: &'static str,
        manifest: &Manifest,
        manager: &str,
        dry_run: bool,
    ) -> Result<DynamicObject, AccessError> {
        let key = &manifest.key;
        let doing = Doing(verb, key);
        let params = PostParams { dry_run, field_manager: Some(manager.to_owned()) };
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).create(&params, bytes(&manifest.body)),
        )?;
        self.call(&doing, request).await
    }

    /// Server-side apply of a manifest by a field manager.
    ///
    /// # Errors
    /// When the cluster does not take it; [`Failure::Conflict`] when another manager owns a field
    /// and `force` is [`Force::Shared`].
    pub async fn apply(
        &self,
        manifest: &Manifest,
        manager: &str,
        force: Force,
    ) -> Result<DynamicObject, AccessError> {
        let key = &manifest.key;
        let doing = Doing("applying", key);
        let params = apply_params(manager, force);
        let patch = Patch::Apply(&manifest.body);
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).patch(named(&doing, key)?, &params, &patch),
        )?;
        self.call(&doing, request).await
    }

    /// Server-side apply of a whole status, with force: a status has one writer. It is the status of the
    /// object as it was `seen`, so that whoever comes late overwrites nothing newer.
    ///
    /// # Errors
    /// When the cluster does not take it; [`Failure::NotFound`] when the object is gone, and
    /// [`Failure::Stale`] when it is another one or has changed.
    pub async fn apply_status(
        &self,
        key: &ObjectKey,
        seen: &ObjectMeta,
        status: Value,
        manager: &str,
    ) -> Result<DynamicObject, AccessError> {
        let doing = Doing("writing the status of", key);
        let mut body = json!({
            "apiVersion": key.resource.api_version,
            "kind": key.resource.kind,
            "metadata": { "name": key.name, "uid": seen.uid, "resourceVersion": seen.resource_version },
            "status": status,
        });
        if let (Some(namespace), Some(metadata)) = (&key.namespace, body.get_mut("metadata")) {
            metadata["namespace"] = Value::from(namespace.as_str());
        }
        let params = apply_params(manager, Force::Force);
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).patch_subresource(
                "status",
                named(&doing, key)?,
                &params,
                &Patch::Apply(&body),
            ),
        )?;
        self.call(&doing, request).await
    }

    /// Applies JSON patch operations, which should begin with `test` operations on what they rely
    /// on (uid, resourceVersion, the values that are replaced).
    ///
    /// # Errors
    /// [`Failure::Stale`] when a `test` failed or a path is missing (the API server does not tell
    /// them apart); [`Failure::NotFound`] when the object is gone.
    pub async fn json_patch(
        &self,
        key: &ObjectKey,
        operations: &[Value],
        manager: &str,
    ) -> Result<DynamicObject, AccessError> {
        let doing = Doing("patching", key);
        let operations = serde_json::from_value(Value::Array(operations.to_vec()))
            .map_err(|error| AccessError::new(&doing, Failure::Invalid { message: error.to_string() }))?;
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).patch(
                named(&doing, key)?,
                &params,
                &Patch::<()>::Json(operations),
            ),
        )?;
        self.call(&doing, request).await.map_err(AccessError::failed_test_is_stale)
    }

    /// Deletes one object, only if it still has this uid when one is given.
    ///
    /// # Errors
    /// [`Failure::Stale`] when the object of that name is another one by now.
    pub async fn delete(
        &self,
        key: &ObjectKey,
        uid: Option<&str>,
        propagation: PropagationPolicy,
    ) -> Result<Deleted, AccessError> {
        let doing = Doing("deleting", key);
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: uid
                .map(|uid| Preconditions { uid: Some(uid.to_owned()), ..Preconditions::default() }),
            ..DeleteParams::default()
        };
        let request = built(
            &doing,
            path(&key.resource, key.namespace.as_deref()).delete(named(&doing, key)?, &params),
        )?;
        let answer = missing_is_none(self.call::<DeleteAnswer>(&doing, request).await)?;
        Ok(answer.map_or(Deleted::Gone, DeleteAnswer::outcome))
    }
}

/// The API server answers a delete with a Status when the object is gone, and with the object when
/// it waits or when its kind returns what was deleted.
#[derive(Deserialize)]
struct DeleteAnswer {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
}

impl DeleteAnswer {
    fn outcome(self) -> Deleted {
        if self.metadata.deletion_timestamp.is_none() {
            return Deleted::Now;
        }
        Deleted::Pending { finalizers: finalizers(&self.metadata, &self.spec) }
    }
}

/// Finalizers of an object; a Namespace has a second list in its spec.
pub(crate) fn finalizers(metadata: &ObjectMeta, spec: &Value) -> Vec<String> {
    let of_spec = spec.get("finalizers").and_then(Value::as_array).into_iter().flatten();
    let of_metadata = metadata.finalizers.iter().flatten().cloned();
    of_metadata.chain(of_spec.filter_map(Value::as_str).map(str::to_owned)).collect()
}

fn apply_params(manager: &str, force: Force) -> PatchParams {
    let params = PatchParams::apply(manager);
    match force {
        Force::Force => params.force(),
        Force::Shared => params,
    }
}

/// Requests for the collection of a kind.
pub(crate) fn path(resource: &ApiResource, namespace: Option<&str>) -> Requests {
    Requests::new(DynamicObject::url_path(resource, namespace))
}

/// The name of an object, if it can be a segment of a path.
///
/// The rule is that of `k8s.io/apimachinery/pkg/api/validation/path`; without it a name could reach
/// another object or a subresource.
pub(crate) fn named<'a>(doing: &Doing<'_>, key: &'a ObjectKey) -> Result<&'a str, AccessError> {
    let segment = |text: &str| {
        !matches!(text, "" | "." | "..")
            && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '?' | '#'))
    };
    if segment(&key.name) && key.namespace.as_deref().is_none_or(segment) {
        return Ok(&key.name);
    }
    Err(AccessError::new(doing, Failure::Invalid { message: "the name cannot be part of a URL".to_owned() }))
}

pub(crate) fn built(
    doing: &Doing<'_>,
    request: Result<Request<Vec<u8>>, RequestError>,
) -> Result<Request<Vec<u8>>, AccessError> {
    request.map_err(|error| AccessError::new(doing, Failure::of(kube::Error::BuildRequest(error))))
}

pub(crate) fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

/// A missing object or kind is a fact, not an error.
pub(crate) fn missing_is_none<T>(answer: Result<T, AccessError>) -> Result<Option<T>, AccessError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.failure(), Failure::NotFound { .. } | Failure::NotServed) => Ok(None),
        Err(error) => Err(error),
    }
}
