//! Flux's CEL expressions.

use std::fs;

use cel::{Context, Program, Value as CelValue};
use fleetconfig_api::Kstatus;
use serde::Deserialize;
use serde_json::Value;

use crate::{cases, gitops};

#[derive(Deserialize)]
struct Kustomization {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    health_check_exprs: Vec<Check>,
}

/// The expressions of a kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Check {
    api_version: String,
    kind: String,
    current: String,
    in_progress: Option<String>,
    failed: Option<String>,
}

fn checks() -> Vec<Check> {
    let text = fs::read_to_string(gitops().join("flux/kustomization.yaml")).unwrap();
    serde_saphyr::from_str::<Kustomization>(&text).unwrap().spec.health_check_exprs
}

/// Whether an expression holds; the fields of the object are its variables. An expression that asks for
/// a field which is not there fails, and Flux goes on waiting.
fn holds(expression: &str, object: &Value) -> Result<bool, String> {
    let program = Program::compile(expression).map_err(|error| format!("{expression}: {error}"))?;
    let mut context = Context::default();
    for (field, value) in object.as_object().unwrap() {
        context.add_variable(field.clone(), value).map_err(|error| error.to_string())?;
    }
    match program.execute(&context) {
        Ok(CelValue::Bool(holds)) => Ok(holds),
        other => Err(format!("{expression}: {other:?}")),
    }
}

/// What Flux makes of an object: first the generation, then the expressions in this order.
fn judge(check: &Check, object: &Value) -> Result<Kstatus, String> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let observed = number("/status/observedGeneration");
    if observed.is_some() && observed != number("/metadata/generation") {
        return Ok(Kstatus::InProgress);
    }
    let ordered = [
        (check.in_progress.as_ref(), Kstatus::InProgress),
        (check.failed.as_ref(), Kstatus::Failed),
        (Some(&check.current), Kstatus::Current),
    ];
    for (expression, status) in ordered {
        if let Some(expression) = expression
            && holds(expression, object)?
        {
            return Ok(status);
        }
    }
    Ok(Kstatus::InProgress)
}

#[test]
fn each_state_has_its_status() {
    let checks = checks();
    for case in cases() {
        // An object that goes is not waited for.
        if case.object["metadata"].get("deletionTimestamp").is_some() {
            continue;
        }
        let check = checks
            .iter()
            .find(|check| check.api_version == case.object["apiVersion"] && check.kind == case.kind())
            .unwrap_or_else(|| panic!("no expressions for {}", case.kind()));
        assert_eq!(judge(check, &case.object), Ok(case.flux), "{} {}", case.kind(), case.name);
    }
}

#[test]
fn an_object_without_conditions_is_waited_for() {
    for case in cases() {
        let checks = checks();
        let check = checks.iter().find(|check| check.kind == case.kind()).unwrap();
        let mut object = case.object.clone();
        object["status"] = serde_json::json!({});
        assert_eq!(judge(check, &object), Ok(Kstatus::InProgress), "{}", case.kind());
    }
}

#[test]
fn every_expression_belongs_to_a_kind_that_is_tested() {
    let all = cases();
    for check in checks() {
        assert!(all.iter().any(|case| case.kind() == check.kind), "{}", check.kind);
    }
}
