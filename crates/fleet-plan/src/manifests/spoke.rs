//! What makes a cluster a managed cluster.

use std::collections::BTreeMap;

use fleetconfig_api::common::{RegistrationDriver, ResourceSpec};
use fleetconfig_api::names::DEFAULT_SPOKE_FEATURE_GATES;
use fleetconfig_api::values::{
    AddOnAuthType, BootstrapKubeConfigsType, KlusterletSection, KlusterletValues, SpokeRegistrationConfig,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::scheduling::v1::PriorityClass;
use ocm_api::crds::klusterlet_crd;
use ocm_api::names::objects::KLUSTERLET;
use ocm_api::names::{annotations, labels, namespaces};
use ocm_api::operator::v1::{
    AddOnRegistrationAuthType, AddOnRegistrationDriver, Klusterlet, KlusterletDeployOption, KlusterletMode,
    KlusterletSpec, RegistrationConfiguration, TokenConfig, WorkAgentConfiguration,
};
use serde_json::json;

use super::images::{Source, pull_policy, pull_secret};
use super::inventory::Inventory;
use super::operator::{Kind, Pods, account, deployment, namespace};
use super::rbac::{Subject, cluster_role, cluster_role_binding};
use super::{BOOTSTRAP_NAMESPACE, RenderError, as_ocm, given, resources, spoke_rights};
use crate::feature_gates::{Asked, Component, ComponentGates, RoutedGates, Side, route};
use crate::object::Manifest;
use crate::release::Bundle;

/// ClusterRole that OCM aggregates into the rights of the work agent, so that ManifestWorks can carry
/// the klusterlet after the join.
pub const CARRIER_ROLE: &str = "fleetconfig.open-cluster-management.io:klusterlet-carrier";

const OPERATOR: Kind = Kind {
    name: KLUSTERLET,
    container: KLUSTERLET,
    command: "klusterlet",
    replicas: 1,
    memory_limit: Some("2Gi"),
    knows_its_image: false,
    is_management_workload: true,
};

/// What a hub on the spoke's own cluster has there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubOnSameCluster {
    /// It keeps the Secret with the credentials for pulling images, in the namespace that it shares
    /// with the spoke.
    pub has_pull_secret: bool,
}

/// What a managed cluster is made from.
#[derive(Clone, Copy, Debug)]
pub struct SpokeManifestInput<'a> {
    /// The release.
    pub bundle: Bundle,
    /// Labels of everything that is made.
    pub inventory: &'a Inventory,
    /// Registry and path of OCM's images.
    pub registry: &'a str,
    /// Name of the ManagedCluster.
    pub cluster_name: &'a str,
    /// `spec.createNamespace`: whether the operator's namespace is made. The chart values win.
    pub create_namespace: bool,
    /// `spec.syncLabels`. The chart values win.
    pub sync_labels: bool,
    /// `klusterlet.singleton`: one agent instead of two. The chart values win.
    pub singleton: bool,
    /// `klusterlet.annotations`. The chart values win for each key.
    pub annotations: &'a BTreeMap<String, String>,
    /// `klusterlet.featureGates`.
    pub feature_gates: &'a str,
    /// `klusterlet.resources`. The chart values win.
    pub resources: &'a ResourceSpec,
    /// `klusterlet.addonKubeClientRegistrationAuth`. The chart values win.
    pub addon_auth: Option<AddOnAuthType>,
    /// `klusterlet.addonTokenExpirationSeconds`, used with `addon_auth` token; 0 means OCM's default.
    pub addon_token_seconds: Option<i64>,
    /// The merged chart values.
    pub values: &'a KlusterletValues,
    /// The spoke's cluster is a hub of ours as well.
    pub hub_on_same_cluster: Option<HubOnSameCluster>,
}

/// The objects of a managed cluster, in two parts: the bootstrap Secret goes between them, so that
/// the agent finds it when it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct SpokeManifests {
    /// CRD and namespaces.
    pub foundation: Vec<Manifest>,
    /// The operator's account and rights, the work agent's additional rights, pull Secret, priority
    /// class, operator, Klusterlet.
    pub agent: Vec<Manifest>,
    /// Namespace of the agents.
    pub agent_namespace: String,
}

/// The objects of a managed cluster.
///
/// Some values have no effect, because the controller knows better: `klusterlet.clusterName`,
/// `klusterlet.create`, `noOperator`, `bootstrapHubKubeConfig`, `externalManagedKubeConfig` and, as
/// with upstream, `images.registry` and `images.tag`.
///
/// # Errors
/// When a value can not work or is not supported yet; then nothing may be written.
pub fn spoke(input: &SpokeManifestInput<'_>) -> Result<SpokeManifests, RenderError> {
    let values = input.values;
    let section = values.klusterlet.clone().unwrap_or_default();
    refuse_unsupported(values, &section)?;
    let agent_namespace = agent_namespace(&section)?;
    let source = Source::of_spoke(&input.bundle, input.registry, values.images.as_ref())?;
    let shared = input.hub_on_same_cluster;

    let mut foundation = vec![Manifest::of(&klusterlet_crd())?];
    if shared.is_none() && values.create_namespace.unwrap_or(input.create_namespace) {
        foundation.push(namespace(namespaces::OPERATOR)?);
    }
    foundation.push(Manifest::of_value::<Namespace>(json!({ "metadata": {
        "name": agent_namespace,
        // OpenShift: the agents may run on the cores that it keeps for management.
        "annotations": { "workload.openshift.io/allowed": "management" },
    } }))?);

    let mut agent = vec![
        account(&OPERATOR)?,
        cluster_role(OPERATOR.name, spoke_rights::operator(input.bundle.minor()))?,
        cluster_role_binding(
            OPERATOR.name,
            &[Subject::Account { namespace: namespaces::OPERATOR, name: OPERATOR.name }],
        )?,
        cluster_role(CARRIER_ROLE, spoke_rights::carrier())?.labelled([(labels::AGGREGATE_TO_WORK, "true")]),
    ];
    if !shared.is_some_and(|hub| hub.has_pull_secret) {
        agent.extend(pull_secret(values.images.as_ref(), source.registry(), OPERATOR.name)?);
    }
    let priority_class = given(&values.priority_class_name);
    // Kubernetes brings the classes whose names begin so, and lets nobody make others.
    if let Some(class) = priority_class.filter(|class| !class.starts_with("system-")) {
        agent.push(Manifest::of_value::<PriorityClass>(json!({
            "metadata": { "name": class },
            "value": 1_000_000,
            "globalDefault": false,
            "preemptionPolicy": "PreemptLowerPriority",
            "description": "The agents of Open Cluster Management and their operator.",
        }))?);
    }
    agent.push(deployment(
        &OPERATOR,
        &Pods {
            image: &source.operator(),
            pull_policy: pull_policy(values.images.as_ref())?,
            sync_labels: values.enable_sync_labels.unwrap_or(input.sync_labels),
            replicas: values.replica_count,
            pod_security_context: &values.pod_security_context,
            security_context: &values.security_context,
            resources: &values.resources,
            node_selector: &values.node_selector,
            tolerations: &values.tolerations,
            affinity: &values.affinity,
            priority_class,
        },
    )?);
    let spec = klusterlet(input, &section, &source, &agent_namespace)?;
    agent.push(Manifest::of(&Klusterlet::new(KLUSTERLET, spec))?);

    let mark = |manifests: Vec<Manifest>| -> Vec<Manifest> {
        manifests.into_iter().map(|manifest| input.inventory.mark(manifest)).collect()
    };
    Ok(SpokeManifests { foundation: mark(foundation), agent: mark(agent), agent_namespace })
}

fn refuse_unsupported(values: &KlusterletValues, section: &KlusterletSection) -> Result<(), RenderError> {
    let refuse = |field, choice: &str| Err(RenderError::NotYetSupported { field, choice: choice.to_owned() });
    if values.grpc_config.as_ref().is_some_and(|config| !config.expose().is_empty()) {
        return refuse("values.grpcConfig", "registration over gRPC");
    }
    if values.multi_hub_bootstrap_hub_kube_configs.as_ref().is_some_and(|configs| !configs.is_empty()) {
        return refuse("values.multiHubBootstrapHubKubeConfigs", "an agent that chooses its hub");
    }
    let registration = section.registration_configuration.as_ref();
    let bootstrap = registration.and_then(|registration| registration.bootstrap_kube_configs.as_ref());
    if bootstrap.is_some_and(|bootstrap| bootstrap.type_ == BootstrapKubeConfigsType::LocalSecrets) {
        return refuse(
            "values.klusterlet.registrationConfiguration.bootstrapKubeConfigs",
            "an agent that chooses its hub",
        );
    }
    let driver = registration.and_then(|registration| registration.registration_driver.as_ref());
    match driver.map(|driver| driver.auth_type) {
        None | Some(RegistrationDriver::Csr) => {}
        Some(RegistrationDriver::Awsirsa) => {
            return refuse(
                "values.klusterlet.registrationConfiguration.registrationDriver",
                "driver awsirsa",
            );
        }
        Some(RegistrationDriver::Grpc) => {
            return refuse("values.klusterlet.registrationConfiguration.registrationDriver", "driver grpc");
        }
    }
    if given(&section.name).is_some_and(|name| name != KLUSTERLET) {
        return Err(RenderError::invalid("values.klusterlet.name", "must be klusterlet, or left out"));
    }
    Ok(())
}

/// The agents' namespace. It goes with the Klusterlet, so it must not be one that something else
/// lives in.
fn agent_namespace(section: &KlusterletSection) -> Result<String, RenderError> {
    const FIELD: &str = "values.klusterlet.namespace";
    let name = given(&section.namespace).unwrap_or(namespaces::AGENT);
    let rest = name.strip_prefix(namespaces::AGENT_PREFIX).unwrap_or_default();
    let ends_well = rest.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let well_formed = rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !ends_well || !well_formed || name.len() > 57 {
        let problem = format!(
            "{name:?} does not begin with {} or is no name of at most 57 characters",
            namespaces::AGENT_PREFIX
        );
        return Err(RenderError::invalid(FIELD, problem));
    }
    if [namespaces::HUB, namespaces::ADDON_AGENT, BOOTSTRAP_NAMESPACE].contains(&name) {
        return Err(RenderError::invalid(FIELD, format!("{name} is taken; choose another name")));
    }
    Ok(name.to_owned())
}

fn klusterlet(
    input: &SpokeManifestInput<'_>,
    section: &KlusterletSection,
    source: &Source<'_>,
    agent_namespace: &str,
) -> Result<KlusterletSpec, RenderError> {
    let gates = gates(input, section)?;
    if gates.enabled(Component::SpokeRegistration, "MultipleHubs") {
        let choice = "feature gate MultipleHubs".to_owned();
        return Err(RenderError::NotYetSupported { field: "klusterlet.featureGates", choice });
    }
    let work: WorkAgentConfiguration = match &section.work_configuration {
        Some(work) => as_ocm("values.klusterlet.workConfiguration", work)?,
        None => WorkAgentConfiguration::default(),
    };
    let work = WorkAgentConfiguration { feature_gates: gates.of(Component::SpokeWork), ..work };
    let urls = section.external_server_urls.as_ref().filter(|urls| !urls.is_empty());
    Ok(KlusterletSpec {
        namespace: Some(agent_namespace.to_owned()),
        registration_image_pull_spec: Some(source.registration()),
        work_image_pull_spec: Some(source.work()),
        image_pull_spec: Some(source.operator()),
        cluster_name: Some(input.cluster_name.to_owned()),
        external_server_urls: urls
            .map(|urls| as_ocm("values.klusterlet.externalServerURLs", urls))
            .transpose()?,
        node_placement: section
            .node_placement
            .as_ref()
            .map(|placement| as_ocm("values.klusterlet.nodePlacement", placement))
            .transpose()?,
        deploy_option: Some(KlusterletDeployOption { mode: Some(mode(input, section)?) }),
        registration_configuration: Some(registration(input, section, &gates)?),
        work_configuration: (work != WorkAgentConfiguration::default()).then_some(work),
        hub_api_server_host_alias: None,
        resource_requirement: Some(resources::requirement(
            input.resources,
            section.resource_requirement.as_ref(),
        )?),
        priority_class_name: given(&input.values.priority_class_name).map(str::to_owned),
    })
}

fn mode(input: &SpokeManifestInput<'_>, section: &KlusterletSection) -> Result<KlusterletMode, RenderError> {
    match given(&section.mode) {
        None if input.singleton => Ok(KlusterletMode::Singleton),
        None | Some("Default") => Ok(KlusterletMode::Default),
        Some("Singleton") => Ok(KlusterletMode::Singleton),
        Some(other) => Err(RenderError::NotYetSupported {
            field: "values.klusterlet.mode",
            choice: format!("mode {other}"),
        }),
    }
}

fn registration(
    input: &SpokeManifestInput<'_>,
    section: &KlusterletSection,
    gates: &RoutedGates,
) -> Result<RegistrationConfiguration, RenderError> {
    const FIELD: &str = "values.klusterlet.registrationConfiguration";
    let given = section.registration_configuration.as_ref();
    let mut configuration: RegistrationConfiguration = match given {
        Some(given) => as_ocm(FIELD, given)?,
        None => RegistrationConfiguration::default(),
    };
    // The API server refuses a CSR that asks for less than ten minutes, OCM's agent less than an hour.
    if configuration.client_cert_expiration_seconds.is_some_and(|seconds| seconds != 0 && seconds < 3600) {
        return Err(RenderError::invalid(
            "values.klusterlet.registrationConfiguration.clientCertExpirationSeconds",
            "must be 0 for the hub's own choice, or at least 3600",
        ));
    }
    configuration.feature_gates = gates.of(Component::SpokeRegistration);
    let annotations = cluster_annotations(input.annotations, given);
    configuration.cluster_annotations = (!annotations.is_empty()).then_some(annotations);
    if configuration
        .add_on_kube_client_registration_driver
        .as_ref()
        .is_none_or(|driver| driver.auth_type.is_none())
    {
        configuration.add_on_kube_client_registration_driver = add_on_driver(input)?;
    }
    Ok(configuration)
}

fn add_on_driver(input: &SpokeManifestInput<'_>) -> Result<Option<AddOnRegistrationDriver>, RenderError> {
    let token = input.addon_token_seconds.filter(|seconds| *seconds != 0);
    Ok(match input.addon_auth {
        None => None,
        Some(AddOnAuthType::Csr) => {
            Some(AddOnRegistrationDriver { auth_type: Some(AddOnRegistrationAuthType::Csr), token: None })
        }
        Some(AddOnAuthType::Token) => Some(AddOnRegistrationDriver {
            auth_type: Some(AddOnRegistrationAuthType::Token),
            token: token.map(|seconds| TokenConfig { expiration_seconds: Some(seconds) }),
        }),
    })
}

/// The annotations that a spoke gives its ManagedCluster: those of the Spoke, those of the chart
/// values over them, each with the prefix that OCM lets through.
pub fn cluster_annotations(
    spoke: &BTreeMap<String, String>,
    values: Option<&SpokeRegistrationConfig>,
) -> BTreeMap<String, String> {
    let values = values.and_then(|values| values.cluster_annotations.as_ref());
    let prefixed = |(key, value): (&String, &String)| {
        let key = match key.starts_with(annotations::AGENT_PREFIX) {
            true => key.clone(),
            false => format!("{}/{key}", annotations::AGENT_PREFIX),
        };
        (key, value.clone())
    };
    spoke.iter().chain(values.into_iter().flatten()).map(prefixed).collect()
}

fn gates(input: &SpokeManifestInput<'_>, section: &KlusterletSection) -> Result<RoutedGates, RenderError> {
    let registration =
        section.registration_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let work = section.work_configuration.as_ref().and_then(|part| part.feature_gates.as_deref());
    let lists = [
        (
            Component::SpokeRegistration,
            "values.klusterlet.registrationConfiguration.featureGates",
            registration,
        ),
        (Component::SpokeWork, "values.klusterlet.workConfiguration.featureGates", work),
    ]
    .map(|(component, path, gates)| ComponentGates { component, path, gates: gates.unwrap_or_default() });
    let asked =
        Asked { lists: &lists, string: input.feature_gates, default_string: DEFAULT_SPOKE_FEATURE_GATES };
    Ok(route(Side::Spoke, input.bundle.minor(), &asked)?)
}
