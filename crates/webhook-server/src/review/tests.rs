//! Questions of API servers and of attackers.

use fleetconfig_api::v1beta1::Hub;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Allows, warns or denies by what the object says; panics where it must not be asked.
struct ByName;

impl Rules<Hub> for ByName {
    fn judge(&self, change: &Change<'_, Hub>) -> Verdict {
        let cause = |field: &str| Cause {
            field: field.into(),
            message: format!("{} says no", change.user.username.clone().unwrap_or_default()),
        };
        match change.new.metadata.name.as_deref().unwrap_or_default() {
            "good" => Verdict::SILENT,
            "risky" => Verdict::Allowed { warnings: vec!["mind\nthe gap".into(), "x".repeat(1000)] },
            "noisy" => Verdict::Allowed { warnings: vec!["again".into(); 100] },
            "bad" => Verdict::Denied { causes: vec![cause("spec.ca"), cause("")] },
            "old" => Verdict::Denied {
                causes: vec![cause(if change.old.is_some() { "known" } else { "unknown" })],
            },
            name => panic!("asked about {name}"),
        }
    }
}

fn hub(name: &str) -> Value {
    json!({
        "apiVersion": "fleetconfig.open-cluster-management.io/v1beta1", "kind": "Hub",
        "metadata": {"name": name, "namespace": "fleet"},
        "spec": {"kubeconfig": {"inCluster": true}, "clusterManager": {}},
    })
}

fn question(operation: &str, old: Value, new: Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "0b4c", "operation": operation,
            "kind": {"group": "fleetconfig.open-cluster-management.io", "version": "v1beta1", "kind": "Hub"},
            "resource": {"group": "fleetconfig.open-cluster-management.io", "version": "v1beta1", "resource": "hubs"},
            "userInfo": {"username": "anna", "groups": ["system:authenticated"]},
            "object": new, "oldObject": old, "dryRun": false, "options": null,
        },
    })
}

fn ask(question: &Value) -> Result<(Decision, Value), Malformed> {
    let reply = answer::<Hub, _>(question.to_string().as_bytes(), &ByName)?;
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (&body["apiVersion"], &body["kind"]),
        (&json!("admission.k8s.io/v1"), &json!("AdmissionReview"))
    );
    assert_eq!(body["response"]["uid"], question["request"]["uid"], "the uid is echoed");
    Ok((reply.decision, body["response"].clone()))
}

fn changed(name: &str) -> Value {
    let mut hub = hub(name);
    hub["spec"]["timeout"] = 7.into();
    hub
}

#[test]
fn a_new_object_is_judged() {
    let (decision, response) = ask(&question("CREATE", Value::Null, hub("good"))).unwrap();
    assert_eq!((decision, &response), (Decision::Allowed, &json!({"uid": "0b4c", "allowed": true})));

    let (decision, response) = ask(&question("CREATE", Value::Null, hub("bad"))).unwrap();
    assert_eq!((decision, &response["allowed"]), (Decision::Denied, &json!(false)));
    assert_eq!(response["status"]["message"], "spec.ca: anna says no; anna says no");
    assert_eq!(response["status"]["code"], 422);
    assert_eq!(response["status"]["details"]["causes"][0]["field"], "spec.ca");
}

#[test]
fn warnings_are_fit_for_a_header() {
    let (decision, response) = ask(&question("CREATE", Value::Null, hub("risky"))).unwrap();
    assert_eq!(decision, Decision::Warned);
    let warnings: Vec<&str> =
        response["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(warnings[0], "mind the gap");
    assert!(warnings[1].len() <= LONGEST_WARNING && warnings[1].ends_with('…'), "{}", warnings[1].len());
    let (_, response) = ask(&question("CREATE", Value::Null, hub("noisy"))).unwrap();
    let warnings = response["warnings"].as_array().unwrap();
    assert_eq!(
        (warnings.len(), warnings.last().unwrap()),
        (MOST_WARNINGS + 1, &json!("and 85 more warnings"))
    );
}

#[test]
fn a_changed_spec_is_judged_with_the_old_one() {
    let (_, response) = ask(&question("UPDATE", hub("old"), changed("old"))).unwrap();
    assert_eq!(response["status"]["details"]["causes"][0]["field"], "known");
    let mut unreadable = hub("old");
    unreadable["spec"]["kubeconfig"] = 7.into();
    let (_, response) = ask(&question("UPDATE", unreadable, changed("old"))).unwrap();
    assert_eq!(response["status"]["details"]["causes"][0]["field"], "unknown");
}

/// Nobody is asked here: the rules would panic.
#[test]
fn what_takes_away_or_only_labels_is_never_in_the_way() {
    let allowed = |question: &Value| assert_eq!(ask(question).unwrap().0, Decision::Allowed, "{question}");
    allowed(&question("DELETE", hub("unasked"), Value::Null));
    allowed(&question("CONNECT", Value::Null, Value::Null));
    // Labels and finalizers, in any order of fields, even of objects that nobody could read.
    let mut labelled = hub("unasked");
    labelled["metadata"]["labels"] = json!({"a": "b"});
    labelled["metadata"]["finalizers"] = json!(["x"]);
    allowed(&question("UPDATE", hub("unasked"), labelled));
    let mut broken = hub("unasked");
    broken["spec"] = json!({"kubeconfig": 7, "a": 1});
    let mut relabelled = broken.clone();
    relabelled["metadata"]["labels"] = json!({"a": "b"});
    allowed(&question("UPDATE", broken, relabelled));
    // Anything about an object that goes.
    let mut going = changed("unasked");
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    allowed(&question("UPDATE", hub("unasked"), going));
    // Statuses.
    let mut status = question("UPDATE", hub("unasked"), changed("unasked"));
    status["request"]["subResource"] = "status".into();
    allowed(&status);
    // The same values in another order.
    let text = question("UPDATE", hub("unasked"), json!("NEW")).to_string();
    let reordered =
        r#"{"kind":"Hub","metadata":{},"spec":{"clusterManager":{},"kubeconfig":{"inCluster":true}}}"#;
    let reply = answer::<Hub, _>(text.replace("\"NEW\"", reordered).as_bytes(), &ByName).unwrap();
    assert_eq!(reply.decision, Decision::Allowed);
}

#[test]
fn another_kind_is_refused_with_the_remedy() {
    let mut other = question("CREATE", Value::Null, hub("unasked"));
    other["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Pod"});
    let (decision, response) = ask(&other).unwrap();
    let message = response["status"]["message"].as_str().unwrap();
    assert_eq!(decision, Decision::Denied);
    assert!(message.contains("not Pod of (nothing)/v1") && message.contains("rules"), "{message}");
    other["request"]["operation"] = "DELETE".into();
    assert_eq!(ask(&other).unwrap().0, Decision::Allowed, "not even then is a deletion in the way");
}

#[test]
fn an_object_that_cannot_be_read_is_refused_by_field_and_its_value_is_not_repeated() {
    let mut wrong = hub("unasked");
    wrong["spec"]["timeout"] = "s3cret".into();
    let (decision, response) = ask(&question("CREATE", Value::Null, wrong)).unwrap();
    let message = response["status"]["message"].as_str().unwrap();
    assert_eq!(decision, Decision::Denied);
    assert!(message.starts_with("spec.timeout: ") && !message.contains("s3cret"), "{message}");
}

#[test]
fn what_is_no_question_is_an_error() {
    let error = |change: &dyn Fn(&mut Value)| {
        let mut question = question("CREATE", Value::Null, hub("unasked"));
        change(&mut question);
        ask(&question).unwrap_err()
    };
    assert_eq!(error(&|q| q["apiVersion"] = "admission.k8s.io/v1beta1".into()), Malformed::Version);
    assert_eq!(error(&|q| q["kind"] = "Pod".into()), Malformed::Version);
    assert_eq!(error(&|q| q["request"] = Value::Null), Malformed::NoRequest);
    assert_eq!(error(&|q| q["request"]["uid"] = "".into()), Malformed::Uid);
    assert_eq!(error(&|q| q["request"]["uid"] = "x".repeat(LONGEST_UID + 1).into()), Malformed::Uid);
    assert_eq!(error(&|q| q["request"]["object"] = Value::Null), Malformed::NoObject("object"));
    assert_eq!(error(&|q| q["request"]["operation"] = "UPDATE".into()), Malformed::NoObject("oldObject"));
    assert!(matches!(error(&|q| q["request"]["object"] = json!([1])), Malformed::Unreadable(_)));
    assert!(matches!(error(&|q| q["request"]["uid"] = 7.into()), Malformed::Unreadable(_)));
}

#[test]
fn bombs_are_errors_or_denials() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let body = question("CREATE", Value::Null, json!("BOMB")).to_string();
    for depth in [100, 1_000, 500_000] {
        let object = format!(r#"{{"metadata":{{"name":"good"}},"spec":{}}}"#, nested(depth));
        let reply = answer::<Hub, _>(body.replace("\"BOMB\"", &object).as_bytes(), &ByName);
        assert!(reply.is_ok_and(|reply| reply.decision == Decision::Denied));
        assert!(answer::<Hub, _>(nested(depth).as_bytes(), &ByName).is_err());
    }
    // Twice the same field.
    let twice = body.replace("\"uid\":\"0b4c\"", "\"uid\":\"0b4c\",\"uid\":\"evil\"");
    assert!(answer::<Hub, _>(twice.as_bytes(), &ByName).is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = answer::<Hub, _>(&body, &Silent);
    }

    /// A real question with a piece replaced by anything.
    #[test]
    fn no_damaged_question_makes_it_panic(at in 0usize..900, length in 0usize..40, piece in ".{0,20}") {
        let mut body = question("UPDATE", hub("a"), changed("b")).to_string().into_bytes();
        let from = at.min(body.len());
        let to = (from + length).min(body.len());
        body.splice(from..to, piece.bytes());
        if let Ok(reply) = answer::<Hub, _>(&body, &Silent) {
            prop_assert!(serde_json::from_str::<Value>(&reply.body).is_ok());
        }
    }
}

struct Silent;

impl Rules<Hub> for Silent {
    fn judge(&self, _: &Change<'_, Hub>) -> Verdict {
        Verdict::SILENT
    }
}
