//! What a user writes about feature gates, and what reaches which component.

use proptest::prelude::*;

use super::*;

fn gates(text: &str) -> Vec<Gate> {
    parse(text).expect("a gate string")
}

fn shown(routed: &RoutedGates, component: Component) -> String {
    let gates = routed.of(component).unwrap_or_default().into_iter();
    let shown: Vec<String> = gates.map(|gate| format!("{}={:?}", gate.feature, gate.mode.unwrap())).collect();
    shown.join(",")
}

fn list(gates: &[(&str, FeatureGateMode)]) -> Vec<FeatureGate> {
    gates.iter().map(|(name, mode)| FeatureGate { feature: (*name).into(), mode: *mode }).collect()
}

fn hub(minor: Minor, lists: &[ComponentGates<'_>], string: &str) -> Result<RoutedGates, GateError> {
    route(Side::Hub, minor, &Asked { lists, string, default_string: "AddonManagement=true" })
}

fn spoke(minor: Minor, string: &str) -> Result<RoutedGates, GateError> {
    route(Side::Spoke, minor, &Asked { lists: &[], string, default_string: "" })
}

#[test]
fn the_string_is_read_like_a_kubernetes_flag() {
    assert_eq!(gates(""), []);
    assert_eq!(
        gates(" A = true ,, B=F,"),
        [Gate { name: "A".into(), enabled: true }, Gate { name: "B".into(), enabled: false },]
    );
}

#[test]
fn what_is_not_a_gate_is_named() {
    for item in ["AddonManagement", "AddonManagement=", "AddonManagement=yes", "=true", "A=true=true"] {
        let text = format!("ClusterClaim=true,{item}");
        assert_eq!(parse(&text), Err(GateError::Malformed { item: item.into() }));
    }
    assert_eq!(parse("A=true,A=true"), Err(GateError::Repeated { name: "A".into() }));
}

#[test]
fn each_gate_reaches_its_component_sorted() {
    let spec = "ResourceCleanup=false,PlacementDebugServer=true,ManifestWorkReplicaSet=true,AddonManagement=true,ClusterProfile=true";
    let routed = hub(Minor::V1_3, &[], spec).expect("known gates");
    assert_eq!(shown(&routed, Component::HubRegistration), "ClusterProfile=Enable,ResourceCleanup=Disable");
    assert_eq!(shown(&routed, Component::HubWork), "ManifestWorkReplicaSet=Enable");
    assert_eq!(shown(&routed, Component::HubAddOnManager), "AddonManagement=Enable");
    assert_eq!(shown(&routed, Component::HubPlacement), "PlacementDebugServer=Enable");

    let routed = spoke(Minor::V1_2, "RawFeedbackJsonString=true,AddonManagement=true,ClusterClaim=false");
    let routed = routed.expect("known gates");
    assert_eq!(shown(&routed, Component::SpokeRegistration), "AddonManagement=Enable,ClusterClaim=Disable");
    assert_eq!(shown(&routed, Component::SpokeWork), "RawFeedbackJsonString=Enable");
}

#[test]
fn the_string_wins_over_the_lists_for_each_gate_alone() {
    let chart = list(&[("DefaultClusterSet", FeatureGateMode::Enable)]);
    let mut values = list(&[("ClusterProfile", FeatureGateMode::Enable)]);
    values.push(FeatureGate { feature: "DefaultClusterSet".into(), mode: FeatureGateMode::Disable });
    let list = |gates| ComponentGates { component: Component::HubRegistration, path: "values", gates };
    let routed =
        hub(Minor::V1_2, &[list(&chart), list(&values)], "ClusterProfile=false").expect("known gates");
    assert_eq!(
        shown(&routed, Component::HubRegistration),
        "ClusterProfile=Disable,DefaultClusterSet=Disable"
    );
}

#[test]
fn a_string_that_nobody_wrote_gives_way_to_the_lists() {
    let off = list(&[("AddonManagement", FeatureGateMode::Disable)]);
    let list = ComponentGates { component: Component::HubAddOnManager, path: "values", gates: &off };
    let default = hub(Minor::V1_2, &[list], "AddonManagement=true").expect("known gates");
    assert_eq!(shown(&default, Component::HubAddOnManager), "AddonManagement=Disable");
    let written = hub(Minor::V1_2, &[list], "AddonManagement=true,ClusterProfile=true").expect("known gates");
    assert_eq!(shown(&written, Component::HubAddOnManager), "AddonManagement=Enable");
}

#[test]
fn a_gate_of_another_component_is_refused_where_it_would_be_dropped() {
    let wrong = list(&[("ManifestWorkReplicaSet", FeatureGateMode::Enable)]);
    let list = ComponentGates {
        component: Component::HubAddOnManager,
        path: "values.x.featureGates",
        gates: &wrong,
    };
    let error = hub(Minor::V1_2, &[list], "").expect_err("a misplaced gate").to_string();
    assert_eq!(
        error,
        "values.x.featureGates: \"ManifestWorkReplicaSet\" is not a feature gate of OCM 1.2 here; known are AddonManagement"
    );
}

#[test]
fn unknown_gates_are_refused_with_the_known_ones_of_that_side_and_release() {
    let error = spoke(Minor::V1_3, "NoSuchGate=true").expect_err("an unknown gate");
    assert_eq!(
        error.to_string(),
        "featureGates: \"NoSuchGate\" is not a feature gate of OCM 1.3 here; known are AddonManagement, ClusterClaim, \
         ClusterProperty, ExecutorValidatingCaches, MultipleHubs, RawFeedbackJsonString, V1beta1CSRAPICompatibility"
    );
    let error = hub(Minor::V1_2, &[], "PlacementDebugServer=true").expect_err("a newer gate");
    assert_eq!(
        error.to_string(),
        "featureGates: feature gate PlacementDebugServer exists from OCM 1.3 on, and this is OCM 1.2; raise \
         source.bundleVersion or leave it out"
    );
}

#[test]
fn all_alpha_and_all_beta_set_what_is_not_named() {
    let routed = hub(Minor::V1_2, &[], "ManifestWorkReplicaSet=false,AllAlpha=true,AllBeta=false")
        .expect("known gates");
    assert_eq!(
        shown(&routed, Component::HubWork),
        "CleanUpCompletedManifestWork=Enable,CloudEventsDrivers=Enable,ManifestWorkReplicaSet=Disable,NilExecutorValidating=Enable"
    );
    assert_eq!(shown(&routed, Component::HubAddOnManager), "AddonManagement=Disable");
    assert_eq!(shown(&routed, Component::HubPlacement), "", "OCM 1.2 has no gates of placement");
}

#[test]
fn a_gate_that_nobody_names_has_the_default_of_ocm() {
    let routed = hub(Minor::V1_2, &[], "ResourceCleanup=false").expect("known gates");
    assert!(routed.enabled(Component::HubRegistration, "DefaultClusterSet"));
    assert!(!routed.enabled(Component::HubRegistration, "ResourceCleanup"));
    assert!(!routed.enabled(Component::HubRegistration, "ManagedClusterAutoApproval"));
}

proptest! {
    /// Whatever is written is read without a panic, and what was accepted is read again as the same.
    #[test]
    fn any_string_is_read_or_refused(text in "([A-Za-z ]{0,4}[=,]?(true|false|T|0)?,?){0,6}") {
        if let Ok(gates) = parse(&text) {
            let written: Vec<String> = gates.iter().map(|gate| format!("{}={}", gate.name, gate.enabled)).collect();
            prop_assert_eq!(parse(&written.join(",")), Ok(gates));
        }
    }
}
