//! From a release of upstream's chart to ours, by `helm upgrade`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bed::audit::Filter;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::chart::{nothing_was_refused, operator_account};
use super::helm::{Helm, RELEASE, chart, root, text};
use super::prove;
use super::upstream_crds::upstream_crds;
use super::walks::{members, one_identity_each};
use crate::fixtures::{NAMESPACE, kubeconfig_secret};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

const SPOKES: [&str; 2] = ["hub-as-spoke", "spoke"];

const ADDON: &str = "addon.open-cluster-management.io";
const CLUSTER: &str = "cluster.open-cluster-management.io";
const CERT_MANAGER: &str = "cert-manager.io";

/// CRDs that upstream's chart brings, as group, version, kind and scope: those of OCM and, as the
/// prerequisite that they are, those of cert-manager.
const CRDS: [(&str, &str, &str, &str); 11] = [
    (ADDON, "v1alpha1", "AddOnDeploymentConfig", "Namespaced"),
    (ADDON, "v1alpha1", "AddOnTemplate", "Cluster"),
    (ADDON, "v1alpha1", "ClusterManagementAddOn", "Cluster"),
    (ADDON, "v1alpha1", "ManagedClusterAddOn", "Namespaced"),
    (CLUSTER, "v1", "ManagedCluster", "Cluster"),
    (CLUSTER, "v1beta2", "ManagedClusterSet", "Cluster"),
    (CLUSTER, "v1beta2", "ManagedClusterSetBinding", "Namespaced"),
    (CLUSTER, "v1beta1", "Placement", "Namespaced"),
    (CLUSTER, "v1beta1", "PlacementDecision", "Namespaced"),
    (CERT_MANAGER, "v1", "Certificate", "Namespaced"),
    (CERT_MANAGER, "v1", "ClusterIssuer", "Cluster"),
];

/// The values that a user of upstream has given. They are all that survives.
fn values() -> serde_json::Value {
    let cleanup = json!({"purgeKlusterletOperator": true, "purgeKubeconfigSecret": true,
        "purgeAgentNamespace": true, "forceClusterDrain": false});
    let secret = json!({"secretReference": {"name": "spoke-kubeconfig", "kubeconfigKey": "kubeconfig"}});
    json!({"fleetConfig": {"spokes": [
        {"name": "hub-as-spoke", "createNamespace": true, "cleanupConfig": cleanup,
            "kubeconfig": {"inCluster": true}, "klusterlet": {"mode": "Default"}},
        {"name": "spoke", "createNamespace": true, "cleanupConfig": cleanup,
            "kubeconfig": secret, "klusterlet": {"mode": "Default"}},
    ]}})
}

/// The command of docs/migrate-from-upstream.md, on a release with the objects of upstream's 0.3.5.
pub(crate) async fn upgrade() -> Result<()> {
    let helm = Helm::ready().await?;
    prove(World::bare(&["spoke1"]).await?, async |world| {
        let helm = helm.on(world)?;
        let theirs = upstream_shaped(world)?;
        let given = world.bed.directory().path().join("values.json");
        std::fs::write(&given, values().to_string())?;
        for (group, version, kind, scope) in CRDS {
            world.install_crd(&open_crd(group, version, kind, scope)?).await?;
        }
        helm.run(&["install", RELEASE, text(&theirs)?, "--create-namespace", "--values", text(&given)?])
            .await?;
        let identity = world.bed.cluster("spoke1")?.identity("spoke-admin", Some("system:masters"))?;
        let mut secret = kubeconfig_secret("spoke-kubeconfig", &identity.kubeconfig());
        secret.metadata.namespace = Some(NAMESPACE.into());
        world.apply(&secret).await?;
        let before = uids(world).await?;
        written_by_flux(world).await?;

        let chart = chart();
        let ours = [
            "upgrade",
            RELEASE,
            text(&chart)?,
            "--wait",
            "--reset-then-reuse-values",
            "--set",
            "image.repository=fleetconfig-controller",
            "--set",
            "image.tag=v0.1.0",
            "--set",
            "imageOverride=",
        ];
        helm.run(&ours).await?;
        until_joined(world).await?;
        let clusters = managed_clusters(world).await?;
        let clusters: Vec<&str> = clusters.iter().map(String::as_str).collect();
        members(world, &clusters).await?;
        one_identity_each(world, &clusters).await?;
        ensure!(uids(world).await? == before, "Hub or Spokes were made anew");
        nothing_of_upstream_acts(world).await?;
        crds_are_kept(world).await?;
        let watched = secrets_watched_in(world)?;
        ensure!(watched.is_empty(), "nobody named a namespace, and Secrets are watched in {watched:?}");
        // The second upgrade is an ordinary one, to an operator that serves this namespace alone.
        let served = format!("watchNamespaces={{{NAMESPACE}}}");
        helm.run(&[&ours[..], &["--set", &served]].concat()).await?;
        until_joined(world).await?;
        ensure!(uids(world).await? == before, "Hub or Spokes were made anew by the second upgrade");
        let watched = secrets_watched_in(world)?;
        ensure!(watched == BTreeSet::from([NAMESPACE.to_owned()]), "Secrets are watched in {watched:?}");
        nothing_was_refused(world)?;
        helm.run(&["test", RELEASE]).await
    })
    .await
}

/// Makes the first Spoke look as if Flux had run Helm: its fields are those of `helm-controller`.
async fn written_by_flux(world: &World) -> Result<()> {
    let spokes = Api::<Spoke>::namespaced(world.admin()?, NAMESPACE);
    let spoke = spokes.get(SPOKES[0]).await?;
    let mut entries = serde_json::to_value(&spoke.metadata.managed_fields)?;
    let mut found = false;
    for entry in entries.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if entry.get("manager").is_some_and(|manager| manager == "helm") {
            entry.insert("manager".to_owned(), json!("helm-controller"));
            found = true;
        }
    }
    ensure!(found, "Helm has written nothing of the Spoke: {entries}");
    let patch = json!([{ "op": "replace", "path": "/metadata/managedFields", "value": entries }]);
    let patch = serde_json::from_value(patch)?;
    spokes.patch(SPOKES[0], &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
    Ok(())
}

/// A copy of the chart with upstream's objects, with the CRDs that it brings.
fn upstream_shaped(world: &World) -> Result<PathBuf> {
    let chart = world.bed.directory().path().join("upstream-shaped");
    copy(&root().join("e2e/scenarios/charts/upstream-shaped"), &chart)?;
    std::fs::create_dir_all(chart.join("crds"))?;
    for crd in upstream_crds()? {
        let kind = crd.spec.names.kind.clone();
        // The FleetConfig's is a template there, so Helm owns it and would take it away.
        let directory = if kind == "FleetConfig" { "templates" } else { "crds" };
        std::fs::write(chart.join(directory).join(format!("{kind}.yaml")), serde_json::to_string(&crd)?)?;
    }
    Ok(chart)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A CRD that takes anything.
fn open_crd(group: &str, version: &str, kind: &str, scope: &str) -> Result<CustomResourceDefinition> {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    Ok(serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope,
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural,
                "singular": singular},
            "versions": [{"name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": open}, "subresources": {"status": {}}}],
        },
    }))?)
}

/// The identities of Hub and Spokes.
async fn uids(world: &World) -> Result<Vec<Option<String>>> {
    let hubs = Api::<Hub>::namespaced(world.admin()?, NAMESPACE).list(&ListParams::default()).await?;
    let spokes = Api::<Spoke>::namespaced(world.admin()?, NAMESPACE).list(&ListParams::default()).await?;
    ensure!(hubs.items.len() == 1 && spokes.items.len() == SPOKES.len(), "not one Hub and two Spokes");
    Ok(hubs.iter().map(ResourceExt::uid).chain(spokes.iter().map(ResourceExt::uid)).collect())
}

/// What the Spokes are called on the hub: upstream's names of Spokes end in a hash.
async fn managed_clusters(world: &World) -> Result<Vec<String>> {
    let spokes = Api::<Spoke>::namespaced(world.admin()?, NAMESPACE).list(&ListParams::default()).await?;
    let names = spokes.iter().filter_map(|spoke| spoke.status.as_ref()?.managed_cluster_name.clone());
    let names: Vec<String> = names.collect();
    let hashed = names.iter().zip(SPOKES).all(|(name, spoke)| {
        name.strip_prefix(spoke).is_some_and(|hash| hash.len() == 9 && hash.starts_with('-'))
    });
    ensure!(names.len() == SPOKES.len() && hashed, "the clusters of {SPOKES:?} are called {names:?}");
    Ok(names)
}

/// Waits until Hub and Spokes are Running, at the generation that was applied last.
async fn until_joined(world: &World) -> Result<()> {
    until("Hub and Spokes to be Running", RUNNING, async || {
        let spokes = Api::<Spoke>::namespaced(world.admin()?, NAMESPACE).list(&ListParams::default()).await?;
        for spoke in &spokes.items {
            let status = spoke.status.clone().unwrap_or_default();
            let phase = status.phase.map(|phase| phase.as_str().to_owned());
            let current = status.observed_generation == spoke.metadata.generation;
            if phase.as_deref() != Some("Running") || !current {
                return Ok(Found::NotYet(format!("Spoke {} is {phase:?}", spoke.name_any())));
            }
        }
        let hub = Api::<Hub>::namespaced(world.admin()?, NAMESPACE).get("hub").await?;
        let phase = hub.status.and_then(|status| status.phase).map(|phase| phase.as_str().to_owned());
        Ok(Found::when(phase.as_deref() == Some("Running"), (), format!("the Hub is {phase:?}")))
    })
    .await
}

/// No controller, webhook or account of upstream's release is left.
async fn nothing_of_upstream_acts(world: &World) -> Result<()> {
    let client = world.admin()?;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    ensure!(deployments.get_opt("fleetconfig-controller-manager").await?.is_none(), "the controller is left");
    let name = "fleetconfig-controller-admission";
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    ensure!(mutating.get_opt(name).await?.is_none(), "the mutating webhook is left");
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    ensure!(validating.get_opt(name).await?.is_none(), "the validating webhook is left");
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    ensure!(accounts.get_opt("fleetconfig-controller-manager").await?.is_none(), "the account is left");
    let bindings: Api<ClusterRoleBinding> = Api::all(client);
    for name in ["fleetconfig-controller-manager-rolebinding", "addon-manager-fleetconfig-controller-manager"]
    {
        ensure!(bindings.get_opt(name).await?.is_none(), "ClusterRoleBinding {name} is left");
    }
    Ok(())
}

/// The namespaces whose Secrets are watched, told by the list that a watch begins with: the audit log
/// has a watch only when it is over. The one of the webhook's Secret names it.
fn secrets_watched_in(world: &World) -> Result<BTreeSet<String>> {
    let requests = world.hub()?.audit().requests(&Filter::all().user(operator_account()))?;
    let lists = requests
        .into_iter()
        .filter(|request| request.resource == "secrets" && request.verb == "list" && request.name.is_empty());
    Ok(lists.map(|request| request.namespace).collect())
}

/// The CRDs are there, and Helm will not delete them when the release goes.
async fn crds_are_kept(world: &World) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(world.admin()?);
    for wanted in fleetconfig_api::crds() {
        let crd = crds.get(&wanted.name_any()).await?;
        let policy = crd.annotations().get("helm.sh/resource-policy").map(String::as_str);
        ensure!(policy == Some("keep"), "CRD {} has resource policy {policy:?}", crd.name_any());
    }
    Ok(())
}
