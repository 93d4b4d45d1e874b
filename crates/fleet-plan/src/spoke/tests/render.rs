//! Plans as text that a person can judge.

use crate::conditions::Draft;
use crate::plan::{BootstrapIssuer, Step, Target, Wake};
use crate::spoke::plan::SpokePlan;
use crate::spoke::verdict::SpokeVerdict;

fn side(target: Target) -> &'static str {
    match target {
        Target::Hub => "hub",
        Target::Spoke => "spoke",
    }
}

fn step(step: &Step) -> String {
    match step {
        Step::Create { target, manifest } => format!("{}: create {}", side(*target), manifest.key),
        Step::Ensure { target, set, manifests, presence } => {
            let keys: Vec<String> = manifests.iter().map(|manifest| manifest.key.to_string()).collect();
            format!("{}: ensure {set}, {presence:?}: {}", side(*target), keys.join(", "))
        }
        Step::ApplyShared { target, manifest } => format!("{}: apply {}", side(*target), manifest.body),
        Step::Patch { target, key, operations } => {
            let operations: Vec<String> = operations.iter().map(ToString::to_string).collect();
            format!("{}: patch {key}: {}", side(*target), operations.join(" "))
        }
        Step::DeliverBootstrap(delivery) => {
            let issuer = match &delivery.issuer {
                BootstrapIssuer::ServiceAccount { namespace, name } => format!("account {namespace}/{name}"),
                BootstrapIssuer::BootstrapToken { description } => format!("bootstrap token, {description}"),
            };
            format!(
                "both: deliver a credential of {issuer}, {} s, to {}, for {}",
                delivery.token_seconds, delivery.secret_namespace, delivery.endpoint.server
            )
        }
        Step::ApproveCsr { name, message, .. } => format!("hub: approve {name}: {message}"),
        Step::ProbeWebhooks => "hub: ask the webhooks".to_owned(),
        Step::Delete { target, key, uid } => {
            format!("{}: delete {key}, uid {}", side(*target), uid.as_deref().unwrap_or("any"))
        }
        Step::DeleteOwned { target, key, labels } => {
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{}: delete {key}, if {}", side(*target), labels.join(","))
        }
    }
}

pub(super) fn steps(steps: &[Step]) -> String {
    if steps.is_empty() {
        return "  nothing to do\n".to_owned();
    }
    steps.iter().map(|one| format!("  {}\n", step(one))).collect()
}

pub(super) fn verdict(verdict: &SpokeVerdict, wake: Wake) -> String {
    let told = |draft: &&Draft| draft.holds != draft.wanted || draft.kind == "Ready";
    let conditions = verdict.conditions.iter().filter(told);
    let lines: String = conditions
        .map(|draft| format!("  {}={} {}: {}\n", draft.kind, draft.holds, draft.reason, draft.message))
        .collect();
    format!("  phase {:?}, look again {wake:?}\n{lines}", verdict.phase)
}

pub(super) fn plan(title: &str, plan: &SpokePlan) -> String {
    let refused: String = plan
        .refused_csrs
        .iter()
        .map(|csr| format!("  refused {} ({}): {}\n", csr.name, csr.reason, csr.message))
        .collect();
    format!("{title}\n{}{refused}{}\n", steps(&plan.steps), verdict(&plan.verdict, plan.wake))
}
