//! The operator as a pod, from the Helm chart, with the rights that the chart gives it.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use bed::audit::Filter;
use fleet_plan::rights::{Asked, unused};
use fleetconfig_api::common::KlusterletCarrier;
use fleetconfig_api::v1alpha1::FleetConfig;
use fleetconfig_api::v1beta1::{Hub, Spoke};
use http::Request;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{ListParams, PostParams};
use kube::runtime::reflector::Lookup;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::helm::{Helm, RELEASE, chart, root, text};
use super::prove;
use super::walks::{members, one_identity_each};
use crate::fixtures::{FLEET, NAMESPACE};
use crate::wait::{Found, until};
use crate::world::{RUNNING, World};

/// The spokes of walk 2.
const SPOKES: [&str; 2] = ["hub-as-spoke", "spoke"];

/// Walk 2 by its values file: installed, upgraded, guarded, emptied and uninstalled.
pub(crate) async fn walk_two() -> Result<()> {
    // Built before there are clusters: it may take minutes.
    let helm = Helm::ready().await?;
    prove(World::bare(&["spoke1"]).await?, async |world| {
        world.offer_spoke("spoke", "spoke1").await?;
        let helm = helm.on(world)?;
        let chart = chart();
        let values = root().join("deploy/helm/tests/walk-2.values.yaml");
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } }))?;
        Api::all(world.admin()?).create(&PostParams::default(), &namespace).await?;
        world.apply(&chart_values()?).await?;
        let more = world.bed.directory().path().join("every-right.json");
        std::fs::write(&more, every_right(KlusterletCarrier::ManifestWork).to_string())?;
        helm.run(&[
            "install",
            RELEASE,
            text(&chart)?,
            "--wait",
            "--values",
            text(&values)?,
            "--values",
            text(&more)?,
        ])
        .await?;
        world.until_running(FLEET, RUNNING).await?;
        members(world, &SPOKES).await?;
        one_identity_each(world, &SPOKES).await?;
        helm.run(&["test", RELEASE]).await?;

        // An upgrade that rolls the operator changes nothing of the fleet, and no pass of it fails.
        let before = operator_pod(world).await?;
        let ends =
            "fleetconfig_controller_credential_expiry_timestamp_seconds{credential=\"agent_certificate\"";
        ensure!(
            metrics(world, &before).await?.contains(ends),
            "nobody knows when the agents' certificates end"
        );
        // It serves two namespaces then (the kubeconfig is in the other one), and takes the works away that
        // carry a klusterlet.
        std::fs::write(&more, every_right(KlusterletCarrier::Kubeconfig).to_string())?;
        let served = format!("watchNamespaces={{{NAMESPACE},default}}");
        let changes = ["--set", "logLevel=debug", "--set", &served, "--values", text(&more)?];
        helm.run(&[&["upgrade", RELEASE, text(&chart)?, "--wait", "--reuse-values"], &changes[..]].concat())
            .await?;
        let after = until("the operator's new pod to lead", RUNNING, async || {
            let pod = operator_pod(world).await?;
            let leads = pod != before
                && metrics(world, &pod).await?.lines().any(|line| line == "fleetconfig_controller_leading 1");
            Ok(Found::when(leads, pod, "it does not lead"))
        })
        .await?;
        world.until_running(FLEET, RUNNING).await?;
        until_every_kind_was_looked_at(world, &after).await?;
        let given = metrics(world, &after).await?;
        metrics_are_described(&given)?;
        let failed = failed_passes(&given);
        ensure!(failed.is_empty(), "passes failed after the upgrade: {failed:#?}");
        one_identity_each(world, &SPOKES).await?;

        no_fleet(world).await?;
        // The next upgrade makes it anew, and now with accounts instead of bootstrap tokens.
        let accounts = ["--set", "fleetConfig.hub.clusterManager.useBootstrapToken=false"];
        helm.run(&[&["upgrade", RELEASE, text(&chart)?, "--wait", "--reuse-values"], &accounts[..]].concat())
            .await?;
        world.until_running(FLEET, RUNNING).await?;

        // Nobody takes the operator away from a fleet that needs it to leave.
        let refusal = helm.fails(&["uninstall", RELEASE]).await?;
        ensure!(refusal.contains("-guard"), "uninstall failed, but not by its guard: {refusal}");
        until_nothing_failed(world).await?;
        // Helm takes the release for one that is being uninstalled now, until it is rolled back to itself.
        helm.run(&["rollback", RELEASE, "3", "--wait"]).await?;

        no_fleet(world).await?;
        helm.run(&["uninstall", RELEASE, "--wait"]).await?;
        rights_are_exact(world)?;
        let fleets = Api::<FleetConfig>::all(world.admin()?).list(&ListParams::default()).await;
        ensure!(fleets.is_ok(), "the CRDs went with the chart, and would have taken every fleet with them");
        Ok(())
    })
    .await
}

/// Deletes the fleet and waits until nothing of it is declared any more.
async fn no_fleet(world: &mut World) -> Result<()> {
    world.delete_fleet(FLEET, RUNNING).await?;
    for name in SPOKES {
        world.until_gone(Api::<Spoke>::namespaced(world.admin()?, NAMESPACE), name, RUNNING).await?;
    }
    world.until_gone(Api::<Hub>::namespaced(world.admin()?, NAMESPACE), "hub", RUNNING).await
}

/// What takes a right that walk 2 alone does not need: bootstrap tokens, credentials for images, a priority
/// class, values from a ConfigMap, and works that are taken away again.
fn every_right(carrier: KlusterletCarrier) -> Value {
    let way_in =
        json!({ "secretReference": { "name": "fleetconfig-spoke-kubeconfig", "namespace": "default" } });
    let own = json!({
        "mode": "Default", "purgeOperator": true, "forceInternalEndpointLookup": true,
        "carrier": carrier,
        "values": { "priorityClassName": "klusterlet-critical" },
        "valuesFrom": { "name": VALUES, "key": "values.yaml" },
    });
    let plain = json!({ "mode": "Default", "purgeOperator": true, "forceInternalEndpointLookup": true });
    json!({ "fleetConfig": {
        "hub": { "clusterManager": {
            "useBootstrapToken": true,
            "values": { "images": { "imageCredentials": { "userName": "u", "password": "p" } } },
        } },
        "spokes": [
            { "name": "hub-as-spoke", "createNamespace": true, "kubeconfig": { "inCluster": true },
                "klusterlet": own },
            { "name": "spoke", "createNamespace": true, "kubeconfig": way_in, "klusterlet": plain },
        ],
    } })
}

/// The ConfigMap with chart values.
const VALUES: &str = "klusterlet-values";

fn chart_values() -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({
        "metadata": { "name": VALUES, "namespace": NAMESPACE },
        "data": { "values.yaml": "klusterlet: {}\n" },
    }))?)
}

/// Every metric that a pod gives is described in the book, which alerts and dashboard are checked against.
fn metrics_are_described(metrics: &str) -> Result<()> {
    let page = std::fs::read_to_string(root().join("docs/reference/metrics.md"))?;
    let names = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let ours: Vec<&str> = names.filter(|name| name.starts_with("fleetconfig_")).collect();
    ensure!(!ours.is_empty(), "the pod gives no metric of ours");
    // A counter's sample has one more word than its family.
    let has = |name: &str| ["", "_total"].iter().any(|end| page.contains(&format!("| `{name}{end}` |")));
    let missing: Vec<&&str> = ours.iter().filter(|name| !has(name)).collect();
    ensure!(missing.is_empty(), "docs/reference/metrics.md does not have {missing:?}");
    Ok(())
}

/// Who the operator's pod is to the API server.
pub(crate) fn operator_account() -> String {
    format!("system:serviceaccount:{NAMESPACE}:{RELEASE}")
}

/// The operator's roles hold all that it asked for.
pub(crate) fn nothing_was_refused(world: &World) -> Result<()> {
    let account = operator_account();
    let requests = world.hub()?.audit().requests(&Filter::all().user(&account))?;
    ensure!(!requests.is_empty(), "no request by {account}");
    let refused: BTreeSet<String> = requests
        .iter()
        .filter(|request| request.code == 403)
        .map(|request| format!("{} {}/{} {}", request.verb, request.group, request.resource, request.name))
        .collect();
    ensure!(refused.is_empty(), "the chart does not give the operator the rights for: {refused:#?}");
    Ok(())
}

/// The operator was refused nothing, and holds no right that it did not use or that is not tagged with
/// what else it is for.
fn rights_are_exact(world: &World) -> Result<()> {
    nothing_was_refused(world)?;
    let requests = world.hub()?.audit().requests(&Filter::all().user(operator_account()))?;
    let asked: BTreeSet<Asked> = requests
        .iter()
        .map(|request| Asked {
            group: request.group.clone(),
            resource: request.resource.clone(),
            namespace: request.namespace.clone(),
            name: request.name.clone(),
            verb: request.verb.clone(),
        })
        .collect();
    let unused = unused(&asked, NAMESPACE);
    ensure!(unused.is_empty(), "rights that were never used: {unused:#?}");
    Ok(())
}

/// The name of the operator's pod, when there is just one.
async fn operator_pod(world: &World) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(world.admin()?, NAMESPACE);
    let labels = ListParams::default().labels("app.kubernetes.io/component=operator");
    let pods = pods.list(&labels).await?;
    let names: Vec<String> = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .map(ResourceExt::name_any)
        .collect();
    Ok(names.join(" and "))
}

/// What a pod tells about itself, asked through the API server.
async fn metrics(world: &World, pod: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8081/proxy/metrics");
    Ok(world.admin()?.request_text(Request::get(path).body(Vec::new())?).await?)
}

/// The lines that count passes which did not succeed.
fn failed_passes(metrics: &str) -> Vec<String> {
    let passes = metrics.lines().filter(|line| line.starts_with("fleetconfig_controller_reconciles_total{"));
    passes.filter(|line| !line.contains("result=\"Succeeded\"")).map(str::to_owned).collect()
}

async fn until_every_kind_was_looked_at(world: &World, pod: &str) -> Result<()> {
    let kinds = [FleetConfig::kind(&()), Hub::kind(&()), Spoke::kind(&())];
    until("a pass over each kind", RUNNING, async || {
        let metrics = metrics(world, pod).await?;
        let passed = |kind: &str| {
            metrics.contains(&format!("reconciles_total{{kind=\"{kind}\",result=\"Succeeded\"}}"))
        };
        let missing = kinds.iter().find(|kind| !passed(kind));
        Ok(Found::when(missing.is_none(), (), format!("no pass over a {missing:?}")))
    })
    .await
}

/// The guard that refused leaves the operator at work.
async fn until_nothing_failed(world: &mut World) -> Result<()> {
    world.until_running(FLEET, RUNNING).await?;
    ensure!(!operator_pod(world).await?.is_empty(), "the operator is gone although uninstall failed");
    Ok(())
}
