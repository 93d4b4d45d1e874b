//! The kubelet's requests to the API server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Node, ObjectReference, Pod, PodStatus, Secret, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt as _};
use serde_json::{Value, json};

use crate::objects::{Data, Objects};
use crate::pod::references::{Kind, Reference};

/// Name by which audit logs tell the kubelet's requests from others.
const USER_AGENT: &str = "process-kubelet";
const DEADLINE: Duration = Duration::from_secs(15);

/// A client with the requests that a kubelet makes.
#[derive(Clone)]
pub(crate) struct KubeletApi {
    client: Client,
    /// Host and port of the API server.
    pub(crate) server: (String, u16),
}

/// A service-account token with the time at which it should be replaced.
pub(crate) struct Token {
    pub(crate) token: String,
    pub(crate) refresh_at: Timestamp,
}

impl KubeletApi {
    /// A client for the current context of a kubeconfig file.
    ///
    /// # Errors
    /// The file is not a usable kubeconfig.
    pub(crate) async fn connect(kubeconfig: &Path) -> Result<Self> {
        let context = || format!("kubeconfig {}", kubeconfig.display());
        let parsed = Kubeconfig::read_from(kubeconfig).with_context(context)?;
        let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
            .await
            .with_context(context)?;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        config.connect_timeout = Some(Duration::from_secs(5));
        let host = config.cluster_url.host().unwrap_or_default().to_owned();
        let port = config.cluster_url.port_u16().unwrap_or(443);
        let client = Client::try_from(config).with_context(context)?;
        Ok(Self { client, server: (host, port) })
    }

    /// A client for one kind in all namespaces.
    pub(crate) fn all<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = ()>,
    {
        Api::all(self.client.clone())
    }

    fn in_namespace<K>(&self, namespace: &str) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Reads the objects that exist of `references`.
    ///
    /// # Errors
    /// A request failed for another reason than a missing object.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        references: impl IntoIterator<Item = Reference>,
    ) -> Result<Objects> {
        let reads = references.into_iter().map(async |(kind, name)| {
            let data = match kind {
                Kind::Secret => {
                    let found = self.in_namespace::<Secret>(namespace).get_opt(&name).await;
                    found.with_context(|| format!("reading secret {name:?}"))?.map(Data::from)
                }
                Kind::ConfigMap => {
                    let found = self.in_namespace::<ConfigMap>(namespace).get_opt(&name).await;
                    found.with_context(|| format!("reading configmap {name:?}"))?.map(Data::from)
                }
            };
            anyhow::Ok(((kind, name), data))
        });
        let mut objects = Objects::default();
        for (reference, data) in within(DEADLINE, try_join_all(reads)).await? {
            if let Some(data) = data {
                objects.insert(reference, data);
            }
        }
        Ok(objects)
    }

    /// Where services lead to.
    ///
    /// # Errors
    /// The request failed.
    pub(crate) async fn endpoint_slices(&self) -> Result<Vec<EndpointSlice>> {
        let slices: Api<EndpointSlice> = self.all();
        let list = ListParams::default();
        let read = async { slices.list(&list).await.context("listing endpoint slices") };
        Ok(within(DEADLINE, read).await?.items)
    }

    /// Asks for a token of the pod's service account, bound to the pod.
    ///
    /// # Errors
    /// The request failed.
    pub(crate) async fn token(
        &self,
        pod: &Pod,
        audience: Option<String>,
        expiration_seconds: Option<i64>,
        now: Timestamp,
    ) -> Result<Token> {
        let account =
            pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
        let request = TokenRequest {
            metadata: ObjectMeta::default(),
            spec: TokenRequestSpec {
                audiences: audience.into_iter().collect(),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".to_owned()),
                    kind: Some("Pod".to_owned()),
                    name: pod.metadata.name.clone(),
                    uid: pod.uid(),
                }),
                expiration_seconds,
            },
            status: None,
        };
        let accounts = self.in_namespace::<ServiceAccount>(&pod.namespace().unwrap_or_default());
        let answer = within(DEADLINE, async {
            let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
            answer.with_context(|| format!("requesting a token of service account {account:?}"))
        });
        let status = answer.await?.status.context("the token request's answer has no status")?;
        let lifetime = status.expiration_timestamp.0.duration_since(now);
        // As a real kubelet: after 80 % of its life, at the latest after a day.
        let rest = (lifetime / 5 * 4).min(jiff::SignedDuration::from_hours(24));
        Ok(Token { token: status.token, refresh_at: now.saturating_add(rest)? })
    }

    /// Puts a pod on the node.
    ///
    /// # Errors
    /// The request failed; somebody else may have bound the pod.
    pub(crate) async fn bind(&self, pod: &Pod, node: &str) -> Result<()> {
        let name = pod.name_any();
        let binding = Binding {
            metadata: ObjectMeta { name: Some(name.clone()), uid: pod.uid(), ..ObjectMeta::default() },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        let pods = self.in_namespace::<Pod>(&pod.namespace().unwrap_or_default());
        within(DEADLINE, async {
            let params = PostParams::default();
            pods.create_subresource::<_, Value>("binding", &name, &params, &binding).await.context("binding")
        })
        .await?;
        Ok(())
    }

    /// Writes a pod's status by a merge patch: under a strategic merge,
    /// `podIPs` is merged by key, and the second address of a restarted pod
    /// would be refused. The uid keeps the status from a pod of the same name.
    ///
    /// # Errors
    /// The request failed; a pod that is gone is no error.
    pub(crate) async fn write_status(&self, pod: &Pod, status: &PodStatus) -> Result<()> {
        let pods = self.in_namespace::<Pod>(&pod.namespace().unwrap_or_default());
        let patch = Patch::Merge(json!({"metadata": {"uid": pod.metadata.uid}, "status": status}));
        let name = pod.name_any();
        within(DEADLINE, async {
            match pods.patch_status(&name, &PatchParams::default(), &patch).await {
                // 409 is the answer to a wrong uid.
                Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Ok(()),
                other => other.map(drop).context("writing the status"),
            }
        })
        .await
    }

    /// Removes a pod that has ended from the API.
    ///
    /// # Errors
    /// The request failed; a pod that is gone is no error.
    pub(crate) async fn forget(&self, pod: &Pod) -> Result<()> {
        let pods = self.in_namespace::<Pod>(&pod.namespace().unwrap_or_default());
        let preconditions = Preconditions { uid: pod.uid(), resource_version: None };
        let params = DeleteParams::default().grace_period(0).preconditions(preconditions);
        let name = pod.name_any();
        within(DEADLINE, async {
            match pods.delete(&name, &params).await {
                Err(kube::Error::Api(error)) if error.code == 404 || error.code == 409 => Ok(()),
                other => other.map(drop).context("deleting"),
            }
        })
        .await
    }

    /// Creates the node if it is missing and writes its status.
    ///
    /// # Errors
    /// A request failed.
    pub(crate) async fn register(&self, node: &Node) -> Result<()> {
        let nodes = self.all::<Node>();
        let name = node.name_any();
        within(DEADLINE, async {
            match nodes.create(&PostParams::default(), node).await {
                Err(kube::Error::Api(error)) if error.code == 409 => {}
                other => drop(other.context("creating the node")?),
            }
            let params = PatchParams::default();
            let status = Patch::Merge(json!({"status": node.status}));
            nodes.patch_status(&name, &params, &status).await.context("writing the node's status")?;
            // Admission marks every new node as not ready, and the controller
            // that would take the mark off does not run in the bed.
            let untaint = Patch::Merge(json!({"spec": {"taints": null}}));
            nodes.patch(&name, &params, &untaint).await.context("removing the node's taints")?;
            Ok(())
        })
        .await
    }
}

async fn within<T>(deadline: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(deadline, work)
        .await
        .with_context(|| format!("no answer from the API server within {} s", deadline.as_secs()))?
}
