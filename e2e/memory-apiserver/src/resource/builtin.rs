//! The kinds that every cluster has, as far as fleets use them.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use k8s_openapi::{
    api::{
        admissionregistration::v1 as admission, apps::v1 as apps, authentication::v1 as authentication,
        authorization::v1 as authorization, batch::v1 as batch, certificates::v1 as certificates,
        coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
        networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, scheduling::v1 as scheduling,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1 as extensions,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    kube_aggregator::pkg::apis::apiregistration::v1 as registration,
};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use super::{Generation, NameRule, ResourceKind, ScalePaths};
use crate::{
    object::Fields,
    schema::{Dialect, NodeId, Parser, RULES, Schema},
};

/// The built-in kinds. Reading their schemas takes a while, so all servers of a process share them.
pub(crate) static KINDS: LazyLock<Vec<Arc<ResourceKind>>> = LazyLock::new(build);

/// The definitions that the metadata of every object needs; custom kinds use them too.
pub(crate) static METADATA_DEFINITIONS: LazyLock<Fields> = LazyLock::new(|| {
    let mut generator = SchemaGenerator::default();
    generator.subschema_for::<ObjectMeta>();
    generator.take_definitions(false)
});

/// Name of the definition of `metadata`.
pub(crate) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// A kind before its schema is read.
struct Entry {
    kind: ResourceKind,
    schema: Value,
}

#[derive(Default)]
struct Table {
    generator: SchemaGenerator,
    entries: Vec<Entry>,
}

impl Table {
    /// Adds the kind `K`.
    fn add<K>(&mut self, plural: &str, change: impl FnOnce(ResourceKind) -> ResourceKind)
    where
        K: k8s_openapi::Resource + JsonSchema,
    {
        let kind = ResourceKind::new(K::GROUP, K::VERSION, K::KIND, plural, Schema::any());
        let schema = self.generator.subschema_for::<K>().to_value();
        self.entries.push(Entry { kind: change(kind), schema });
    }
}

fn build() -> Vec<Arc<ResourceKind>> {
    let mut table = Table::default();
    core_kinds(&mut table);
    workload_kinds(&mut table);
    policy_kinds(&mut table);
    machinery_kinds(&mut table);
    let definitions = table.generator.take_definitions(false);
    let mut parser = Parser::new(&definitions, &RULES);
    let roots: Vec<(ResourceKind, NodeId)> = table
        .entries
        .into_iter()
        .map(|entry| (entry.kind, parser.schema(&entry.schema, Dialect::BuiltIn)))
        .collect();
    for (_, root) in &roots {
        // `apiVersion` and `kind` are checked by the server itself, `metadata` may be left out.
        parser.amend(*root, |node| node.required.retain(|field| field != "metadata"));
    }
    let nodes: Arc<[_]> = parser.finish().into();
    roots
        .into_iter()
        .map(|(kind, root)| Arc::new(ResourceKind { schema: Schema::new(nodes.clone(), root), ..kind }))
        .collect()
}

fn core_kinds(table: &mut Table) {
    table.add::<core::Namespace>("namespaces", |kind| ResourceKind {
        namespaced: false,
        status: true,
        subresources: &["finalize"],
        names: NameRule::Label,
        returns_deleted: true,
        selectable: select(&[("status.phase", &["status", "phase"])]),
        ..short(kind, &["ns"])
    });
    table.add::<core::Secret>("secrets", |kind| ResourceKind {
        immutable: &[&["type"]],
        selectable: select(&[("type", &["type"])]),
        ..kind
    });
    table.add::<core::ConfigMap>("configmaps", |kind| short(kind, &["cm"]));
    table.add::<core::ServiceAccount>("serviceaccounts", |kind| ResourceKind {
        subresources: &["token"],
        returns_deleted: true,
        ..short(kind, &["sa"])
    });
    table.add::<core::Service>("services", |kind| ResourceKind {
        status: true,
        names: NameRule::Label,
        returns_deleted: true,
        create_on_update: true,
        ..short(kind, &["svc"])
    });
    table.add::<core::Endpoints>("endpoints", |kind| ResourceKind {
        singular: "endpoints".into(),
        list_kind: "EndpointsList".into(),
        create_on_update: true,
        ..short(kind, &["ep"])
    });
    table.add::<core::Event>("events", |kind| ResourceKind {
        create_on_update: true,
        selectable: select(&[
            ("involvedObject.kind", &["involvedObject", "kind"]),
            ("involvedObject.name", &["involvedObject", "name"]),
            ("involvedObject.namespace", &["involvedObject", "namespace"]),
            ("involvedObject.uid", &["involvedObject", "uid"]),
            ("reason", &["reason"]),
            ("type", &["type"]),
        ]),
        ..short(kind, &["ev"])
    });
    table.add::<core::Node>("nodes", |kind| ResourceKind {
        namespaced: false,
        status: true,
        ..short(kind, &["no"])
    });
    table.add::<core::Pod>("pods", |kind| ResourceKind {
        status: true,
        generation: Generation::Spec,
        returns_deleted: true,
        selectable: select(&[
            ("spec.nodeName", &["spec", "nodeName"]),
            ("status.phase", &["status", "phase"]),
        ]),
        ..short(kind, &["po"])
    });
    table.add::<core::PersistentVolumeClaim>("persistentvolumeclaims", |kind| ResourceKind {
        status: true,
        returns_deleted: true,
        ..short(kind, &["pvc"])
    });
    table.add::<events::Event>("events", |kind| ResourceKind {
        selectable: select(&[
            ("reason", &["reason"]),
            ("regarding.name", &["regarding", "name"]),
            ("type", &["type"]),
        ]),
        create_on_update: true,
        ..short(kind, &["ev"])
    });
    table.add::<discovery::EndpointSlice>("endpointslices", |kind| ResourceKind {
        generation: Generation::Content,
        ..kind
    });
}

fn workload_kinds(table: &mut Table) {
    let scale = || {
        let path = |path: &[&str]| path.iter().map(|field| (*field).to_owned()).collect();
        Some(ScalePaths {
            spec_replicas: path(&["spec", "replicas"]),
            status_replicas: path(&["status", "replicas"]),
            selector: None,
        })
    };
    table.add::<apps::Deployment>("deployments", |kind| ResourceKind {
        status: true,
        scale: scale(),
        generation: Generation::SpecAndAnnotations,
        immutable: &[&["spec", "selector"]],
        categories: vec!["all".into()],
        ..short(kind, &["deploy"])
    });
    table.add::<apps::DaemonSet>("daemonsets", |kind| ResourceKind {
        status: true,
        generation: Generation::Spec,
        immutable: &[&["spec", "selector"]],
        categories: vec!["all".into()],
        ..short(kind, &["ds"])
    });
    table.add::<apps::StatefulSet>("statefulsets", |kind| ResourceKind {
        status: true,
        scale: scale(),
        generation: Generation::Spec,
        immutable: &[&["spec", "selector"], &["spec", "serviceName"]],
        categories: vec!["all".into()],
        ..short(kind, &["sts"])
    });
    table.add::<apps::ReplicaSet>("replicasets", |kind| ResourceKind {
        status: true,
        scale: scale(),
        generation: Generation::Spec,
        immutable: &[&["spec", "selector"]],
        categories: vec!["all".into()],
        ..short(kind, &["rs"])
    });
    table.add::<batch::Job>("jobs", |kind| ResourceKind {
        status: true,
        generation: Generation::Spec,
        categories: vec!["all".into()],
        ..kind
    });
    table.add::<batch::CronJob>("cronjobs", |kind| ResourceKind {
        status: true,
        generation: Generation::Spec,
        categories: vec!["all".into()],
        ..short(kind, &["cj"])
    });
}

fn policy_kinds(table: &mut Table) {
    let rbac = |kind: ResourceKind| ResourceKind {
        names: NameRule::PathSegment,
        create_on_update: true,
        namespaced: !kind.kind.starts_with("Cluster"),
        immutable: if kind.kind.ends_with("Binding") { &[&["roleRef"]] } else { &[] },
        ..kind
    };
    table.add::<rbac::ClusterRole>("clusterroles", rbac);
    table.add::<rbac::ClusterRoleBinding>("clusterrolebindings", rbac);
    table.add::<rbac::Role>("roles", rbac);
    table.add::<rbac::RoleBinding>("rolebindings", rbac);
    let webhooks = |kind| ResourceKind {
        namespaced: false,
        generation: Generation::Content,
        unconditional_update: false,
        categories: vec!["api-extensions".into()],
        ..kind
    };
    table.add::<admission::ValidatingWebhookConfiguration>("validatingwebhookconfigurations", webhooks);
    table.add::<admission::MutatingWebhookConfiguration>("mutatingwebhookconfigurations", webhooks);
    table.add::<networking::NetworkPolicy>("networkpolicies", |kind| ResourceKind {
        generation: Generation::Spec,
        ..short(kind, &["netpol"])
    });
    table.add::<policy::PodDisruptionBudget>("poddisruptionbudgets", |kind| ResourceKind {
        status: true,
        generation: Generation::Spec,
        unconditional_update: false,
        ..short(kind, &["pdb"])
    });
    table.add::<scheduling::PriorityClass>("priorityclasses", |kind| ResourceKind {
        namespaced: false,
        generation: Generation::Content,
        ..short(kind, &["pc"])
    });
    let review = |kind| ResourceKind { namespaced: false, transient: true, ..kind };
    table.add::<authorization::SubjectAccessReview>("subjectaccessreviews", review);
    table.add::<authorization::SelfSubjectAccessReview>("selfsubjectaccessreviews", review);
    table.add::<authentication::TokenReview>("tokenreviews", review);
    table.add::<authentication::SelfSubjectReview>("selfsubjectreviews", review);
}

fn machinery_kinds(table: &mut Table) {
    table.add::<certificates::CertificateSigningRequest>("certificatesigningrequests", |kind| ResourceKind {
        namespaced: false,
        status: true,
        subresources: &["approval"],
        names: NameRule::PathSegment,
        selectable: select(&[("spec.signerName", &["spec", "signerName"])]),
        ..short(kind, &["csr"])
    });
    table.add::<coordination::Lease>("leases", |kind| ResourceKind {
        unconditional_update: false,
        create_on_update: true,
        ..kind
    });
    table.add::<extensions::CustomResourceDefinition>("customresourcedefinitions", |kind| ResourceKind {
        namespaced: false,
        status: true,
        generation: Generation::Spec,
        unconditional_update: false,
        categories: vec!["api-extensions".into()],
        ..short(kind, &["crd", "crds"])
    });
    table.add::<registration::APIService>("apiservices", |kind| ResourceKind {
        namespaced: false,
        status: true,
        unconditional_update: false,
        categories: vec!["api-extensions".into()],
        ..kind
    });
}

fn short(kind: ResourceKind, names: &[&str]) -> ResourceKind {
    ResourceKind { short_names: names.iter().map(|name| (*name).to_owned()).collect(), ..kind }
}

fn select(fields: &[(&'static str, &[&str])]) -> Vec<(Cow<'static, str>, Vec<String>)> {
    let own = |path: &[&str]| path.iter().map(|field| (*field).to_owned()).collect();
    fields.iter().map(|(name, path)| (Cow::Borrowed(*name), own(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ListType;

    #[test]
    fn the_schema_of_a_built_in_kind_has_types_and_rules() {
        let deployment = KINDS.iter().find(|kind| kind.kind == "Deployment").unwrap();
        let spec = deployment.schema.root().declared("spec").unwrap();
        assert_eq!(spec.declared("replicas").unwrap().node.default, Some(Value::from(1)));
        let pod = spec.declared("template").unwrap().declared("spec").unwrap();
        let containers = pod.declared("containers").unwrap();
        assert_eq!(containers.node.list, ListType::Map(vec!["name".into()]));
        let ports = containers.item().declared("ports").unwrap();
        assert_eq!(ports.node.list, ListType::Map(vec!["containerPort".into(), "protocol".into()]));
        assert_eq!(ports.item().declared("protocol").unwrap().node.default, Some(Value::from("TCP")));
        assert!(spec.declared("selector").unwrap().node.atomic);
        assert!(spec.field("nonsense").is_none());
    }

    #[test]
    fn a_schema_that_contains_itself_is_read() {
        let crd = KINDS.iter().find(|kind| kind.kind == "CustomResourceDefinition").unwrap();
        let versions = crd.schema.root().declared("spec").unwrap().declared("versions").unwrap();
        let schema = versions.item().declared("schema").unwrap().declared("openAPIV3Schema").unwrap();
        let inner = schema.declared("properties").unwrap().field("spec").unwrap();
        assert!(inner.declared("properties").is_some());
    }
}
