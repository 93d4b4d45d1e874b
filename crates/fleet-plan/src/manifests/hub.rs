//! What makes a cluster a hub.

use fleetconfig_api::common::{RegistrationDriver, ResourceSpec};
use fleetconfig_api::names::DEFAULT_HUB_FEATURE_GATES;
use fleetconfig_api::values::{
    ClusterManagerSection, ClusterManagerValues, FeatureGate, FeatureGateMode, HubRegistrationDriver,
};
use ocm_api::crds::cluster_manager_crd;
use ocm_api::names::namespaces;
use ocm_api::names::objects::CLUSTER_MANAGER;
use ocm_api::operator::v1::{
    AddOnManagerConfiguration, ClusterManager, ClusterManagerDeployOption, ClusterManagerMode,
    ClusterManagerSpec, PlacementConfiguration, RegistrationDriverHub, RegistrationHubConfiguration,
    WorkConfiguration, WorkDriver,
};

use super::images::{Source, pull_policy, pull_secret};
use super::inventory::Inventory;
use super::operator::{Kind, Pods, account, deployment, namespace};
use super::rbac::{Subject, cluster_role, cluster_role_binding};
use super::{RenderError, as_ocm, bootstrap, given, hub_rights, resources};
use crate::feature_gates::{Asked, Component, ComponentGates, RoutedGates, Side, route};
use crate::object::Manifest;
use crate::release::{Bundle, Minor};

const OPERATOR: Kind = Kind {
    name: CLUSTER_MANAGER,
    container: "registration-operator",
    command: "hub",
    replicas: 3,
    memory_limit: None,
    knows_its_image: true,
    is_management_workload: false,
};

/// What a hub is made from.
#[derive(Clone, Copy, Debug)]
pub struct HubManifestInput<'a> {
    /// The release.
    pub bundle: Bundle,
    /// Labels of everything that is made.
    pub inventory: &'a Inventory,
    /// `source.registry`: registry and path of OCM's images. The chart values win.
    pub registry: &'a str,
    /// `spec.createNamespace`: whether the operator's namespace is made. The chart values win.
    pub create_namespace: bool,
    /// `clusterManager.featureGates`.
    pub feature_gates: &'a str,
    /// `clusterManager.resources`. The chart values win.
    pub resources: &'a ResourceSpec,
    /// The merged chart values.
    pub values: &'a ClusterManagerValues,
}

/// The objects of a hub, each behind what it needs: CRD, namespace, the operator's account and
/// rights, bootstrap rights, pull Secret, operator, ClusterManager.
///
/// The values `createBootstrapSA`, `createBootstrapToken`, `clusterManager.create` and
/// `registrationConfiguration.autoApproveUsers` have no effect: spokes are let in by our own policy,
/// with accounts of their own, and a hub without a ClusterManager is none.
///
/// # Errors
/// When a value can not work or is not supported yet; then nothing may be written.
pub fn hub(input: &HubManifestInput<'_>) -> Result<Vec<Manifest>, RenderError> {
    let values = input.values;
    let section = values.cluster_manager.clone().unwrap_or_default();
    let source = Source::of_hub(&input.bundle, input.registry, values.images.as_ref())?;

    let mut manifests = vec![Manifest::of(&cluster_manager_crd())?];
    if values.create_namespace.unwrap_or(input.create_namespace) {
        manifests.push(namespace(namespaces::OPERATOR)?);
    }
    manifests.push(account(&OPERATOR)?);
    manifests.push(cluster_role(OPERATOR.name, hub_rights::rules(input.bundle.minor()))?);
    let subject = Subject::Account { namespace: namespaces::OPERATOR, name: OPERATOR.name };
    manifests.push(cluster_role_binding(OPERATOR.name, &[subject])?);
    manifests.extend(bootstrap::rights()?);
    manifests.extend(pull_secret(values.images.as_ref(), source.registry(), OPERATOR.name)?);
    manifests.push(deployment(
        &OPERATOR,
        &Pods {
            image: &source.operator(),
            pull_policy: pull_policy(values.images.as_ref())?,
            sync_labels: values.enable_sync_labels == Some(true),
            replicas: values.replica_count,
            pod_security_context: &values.pod_security_context,
            security_context: &values.security_context,
            resources: &values.resources,
            node_selector: &values.node_selector,
            tolerations: &values.tolerations,
            affinity: &values.affinity,
            priority_class: None,
        },
    )?);
    let spec = cluster_manager(input, &section, &source)?;
    manifests.push(Manifest::of(&ClusterManager::new(CLUSTER_MANAGER, spec))?);
    Ok(manifests.into_iter().map(|manifest| input.inventory.mark(manifest)).collect())
}

fn cluster_manager(
    input: &HubManifestInput<'_>,
    section: &ClusterManagerSection,
    source: &Source<'_>,
) -> Result<ClusterManagerSpec, RenderError> {
    if let Some(mode) = given(&section.mode).filter(|mode| *mode != "Default") {
        let choice = format!("mode {mode}");
        return Err(RenderError::NotYetSupported { field: "values.clusterManager.mode", choice });
    }
    let gates = gates(input, section)?;
    let add_on_gates = gates.of(Component::HubAddOnManager);
    let placement_gates = gates.of(Component::HubPlacement);
    let registration = section.registration_configuration.clone().unwrap_or_default();
    let work_driver = section.work_configuration.as_ref().map(|work| work.work_driver);
    Ok(ClusterManagerSpec {
        registration_image_pull_spec: Some(source.registration()),
        work_image_pull_spec: Some(source.work()),
        placement_image_pull_spec: Some(source.placement()),
        add_on_manager_image_pull_spec: Some(source.add_on_manager()),
        node_placement: None,
        deploy_option: Some(ClusterManagerDeployOption {
            mode: ClusterManagerMode::Default,
            default: None,
            hosted: None,
        }),
        registration_configuration: Some(RegistrationHubConfiguration {
            // Owned and empty, so that what clusteradm or a chart once put there goes.
            auto_approve_users: Some(Vec::new()),
            feature_gates: gates.of(Component::HubRegistration),
            registration_drivers: Some(drivers(registration.registration_drivers.as_deref())?),
            importer_configuration: registration
                .importer_configuration
                .map(|importer| as_ocm("values.clusterManager.registrationConfiguration", &importer))
                .transpose()?,
        }),
        work_configuration: Some(WorkConfiguration {
            feature_gates: gates.of(Component::HubWork),
            work_driver: Some(match work_driver {
                Some(driver) => as_ocm("values.clusterManager.workConfiguration.workDriver", &driver)?,
                None => WorkDriver::Kube,
            }),
        }),
        add_on_manager_configuration: add_on_gates
            .map(|gates| AddOnManagerConfiguration { feature_gates: Some(gates) }),
        placement_configuration: placement_gates
            .map(|gates| PlacementConfiguration { feature_gates: Some(gates) }),
        server_configuration: section
            .server_configuration
            .as_ref()
            .map(|server| as_ocm("values.clusterManager.serverConfiguration", server))
            .transpose()?,
        resource_requirement: Some(resources::requirement(
            input.resources,
            section.resource_requirement.as_ref(),
        )?),
    })
}

/// Only `csr` is built; OCM approves no CSR of an agent's at all when a list lacks it.
fn drivers(given: Option<&[HubRegistrationDriver]>) -> Result<Vec<RegistrationDriverHub>, RenderError> {
    const FIELD: &str = "values.clusterManager.registrationConfiguration.registrationDrivers";
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(vec![RegistrationDriverHub::default()]);
    };
    for driver in given {
        let choice = match driver.auth_type {
            RegistrationDriver::Csr => continue,
            RegistrationDriver::Awsirsa => "driver awsirsa",
            RegistrationDriver::Grpc => "driver grpc",
        };
        return Err(RenderError::NotYetSupported { field: FIELD, choice: choice.to_owned() });
    }
    if given.len() > 1 {
        return Err(RenderError::invalid(FIELD, "csr is listed more than once; keep one"));
    }
    as_ocm(FIELD, &given)
}

/// The gates that the chart of the release sets, then those of the values, then those of the Hub.
fn gates(input: &HubManifestInput<'_>, section: &ClusterManagerSection) -> Result<RoutedGates, RenderError> {
    const CHART: &str = "the chart of the release";
    let minor = input.bundle.minor();
    let on = |name: &str| FeatureGate { feature: name.to_owned(), mode: FeatureGateMode::Enable };
    let default_registration = [on("DefaultClusterSet")];
    let default_placement = match minor {
        Minor::V1_2 => Vec::new(),
        Minor::V1_3 => vec![on("PlacementDebugServer")],
    };
    let registration =
        section.registration_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let work = section.work_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let add_ons =
        section.add_on_manager_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let placement = section.placement_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let lists = [
        (Component::HubRegistration, CHART, Some(&default_registration[..])),
        (Component::HubPlacement, CHART, Some(&default_placement[..])),
        (
            Component::HubRegistration,
            "values.clusterManager.registrationConfiguration.featureGates",
            registration,
        ),
        (Component::HubWork, "values.clusterManager.workConfiguration.featureGates", work),
        (Component::HubAddOnManager, "values.clusterManager.addOnManagerConfiguration.featureGates", add_ons),
        (Component::HubPlacement, "values.clusterManager.placementConfiguration.featureGates", placement),
    ]
    .map(|(component, path, gates)| ComponentGates { component, path, gates: gates.unwrap_or_default() });
    let asked =
        Asked { lists: &lists, string: input.feature_gates, default_string: DEFAULT_HUB_FEATURE_GATES };
    Ok(route(Side::Hub, input.bundle.minor(), &asked)?)
}
