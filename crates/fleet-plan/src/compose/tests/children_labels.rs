//! What tools that prune leave on a FleetConfig stays there: a child that carried it would be taken for
//! an object of theirs that is in no repository any more, and deleted.

use std::collections::BTreeMap;

use fleetconfig_api::v1alpha1::{FleetConfig, FleetConfigSpec, SpokeEntry};
use proptest::prelude::*;

use crate::compose::children::{Children, compose, is_child};

/// Labels and annotations by which Argo CD, Flux, Helm, kustomize and kubectl know what is theirs.
const TRACKING: &[&str] = &[
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "applyset.kubernetes.io/part-of",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/sync-options",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/tracking-id",
    "config.k8s.io/owning-inventory",
    "helm.sh/resource-policy",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
    "kustomize.toolkit.fluxcd.io/prune",
    "meta.helm.sh/release-name",
];

fn marks() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = prop_oneof![
        proptest::sample::select(TRACKING).prop_map(str::to_owned),
        "[a-z]{1,8}\\.example/[a-z]{1,8}",
    ];
    proptest::collection::btree_map(key, "[a-z]{0,8}", 0..6)
}

proptest! {
    #[test]
    fn no_mark_of_a_fleet_goes_to_its_children(labels in marks(), annotations in marks()) {
        let spokes = vec![SpokeEntry { name: "one".into(), ..SpokeEntry::default() }];
        let mut fleet = FleetConfig::new("fleet", FleetConfigSpec { spokes, ..FleetConfigSpec::default() });
        fleet.metadata.uid = Some("uid".into());
        let plain = compose(&fleet);
        fleet.metadata.labels = Some(labels);
        fleet.metadata.annotations = Some(annotations);
        prop_assert_eq!(&compose(&fleet), &plain);
        let Children { hub, spokes } = plain;
        for meta in std::iter::once(&hub.metadata).chain(spokes.iter().map(|spoke| &spoke.metadata)) {
            prop_assert_eq!((&meta.labels, &meta.annotations), (&None, &None));
            // Argo CD prunes no object that has an owner, and Flux none that is not in its inventory.
            prop_assert!(is_child(meta, &fleet));
        }
    }
}
