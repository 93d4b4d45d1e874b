//! What kubeadm, and kind with it, publish on every cluster: how it is reached from outside of it.
//!
//! ConfigMap `kube-public/cluster-info` holds a kubeconfig with address and CA and without credential.
//! Whoever joins something to a cluster looks there, and anybody may read it, which is what kubeadm
//! allows: a joining node has nothing but a token yet. Here the address is the apiserver's own on the
//! bed's network, where the host and the pods of every other cluster reach it.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::ConfigMap,
        rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

const NAMESPACE: &str = "kube-public";
const NAME: &str = "cluster-info";

/// The names that kubeadm gives to the role and its binding.
const READERS: &str = "kubeadm:bootstrap-signer-clusterinfo";

/// Publishes the address and the CA of a cluster, whose namespace `kube-public` must exist.
///
/// # Errors
/// When the cluster refuses an object.
pub(crate) async fn publish(admin: &Client, server: &str, ca_pem: &str) -> Result<()> {
    apply(admin, config_map(server, ca_pem)).await?;
    let metadata = |name: &str| ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        ..ObjectMeta::default()
    };
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["configmaps".to_owned()]),
        resource_names: Some(vec![NAME.to_owned()]),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    apply(admin, Role { metadata: metadata(READERS), rules: Some(vec![rule]) }).await?;
    let group = "rbac.authorization.k8s.io".to_owned();
    let anybody = Subject {
        api_group: Some(group.clone()),
        kind: "User".to_owned(),
        name: "system:anonymous".to_owned(),
        namespace: None,
    };
    let role_ref = RoleRef { api_group: group, kind: "Role".to_owned(), name: READERS.to_owned() };
    apply(admin, RoleBinding { metadata: metadata(READERS), role_ref, subjects: Some(vec![anybody]) }).await
}

fn config_map(server: &str, ca_pem: &str) -> ConfigMap {
    let cluster = json!({ "server": server, "certificate-authority-data": STANDARD.encode(ca_pem) });
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "", "cluster": cluster }],
    });
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some([("kubeconfig".to_owned(), kubeconfig.to_string())].into()),
        ..ConfigMap::default()
    }
}

async fn apply<K>(admin: &Client, object: K) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(admin.clone(), NAMESPACE);
    let name = object.name_any();
    let applied = api.patch(&name, &PatchParams::apply("kubeadm"), &Patch::Apply(&object)).await;
    applied.map(drop).with_context(|| format!("publishing {} {NAMESPACE}/{name}", K::kind(&())))
}
