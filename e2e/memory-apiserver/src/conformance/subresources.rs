//! Subresources, and kinds that are only answered.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    lab::{Lab, at, expect, text},
    objects::deployment,
};

const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// A request for a certificate with the common name `conformance`, as PEM in base64. Its key was
/// thrown away.
const REQUEST: &str = include_str!("request.csr.b64");

pub(super) async fn tokens(lab: &Lab) -> Result<()> {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    let account = lab.post(&lab.core("serviceaccounts"), &account).await?.is(201)?;
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": ["somebody"], "expirationSeconds": 1200},
    });
    let path = lab.core("serviceaccounts/a/token");
    let answer = lab.post(&path, &request).await?.is(201)?;
    expect(&answer, "/kind", json!("TokenRequest"))?;
    let parts: Vec<&str> = text(&answer, "/status/token").split('.').collect();
    let [_, claims, _] = parts.as_slice() else { anyhow::bail!("no JWT: {answer}") };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    let subject = format!("system:serviceaccount:{}:a", lab.namespace);
    expect(&claims, "/sub", json!(subject))?;
    expect(&claims, "/aud", json!(["somebody"]))?;
    let number = |key: &str| at(&claims, key).as_i64().unwrap_or_default();
    ensure!(number("/exp") - number("/iat") == 1200, "{claims}");
    expect(&claims, "/kubernetes.io/serviceaccount/uid", at(&account, "/metadata/uid").clone())?;
    let expires: jiff::Timestamp = text(&answer, "/status/expirationTimestamp").parse()?;
    ensure!((expires.as_second() - number("/exp")).abs() <= 1, "{answer}");
    let plain = lab.post(&path, &json!({"spec": {}})).await?.is(201)?;
    expect(&plain, "/spec/expirationSeconds", json!(3600))?;

    // The audience of the server itself makes the token good for it.
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": text(&plain, "/status/token")},
    });
    let review = lab.post("/apis/authentication.k8s.io/v1/tokenreviews", &review).await?.is(201)?;
    expect(&review, "/status/authenticated", json!(true))?;
    expect(&review, "/status/user/username", json!(subject))?;
    lab.delete(&lab.core("serviceaccounts/a")).await?.is(200).map(drop)
}

pub(super) async fn token_refusals(lab: &Lab) -> Result<()> {
    let path = lab.core("serviceaccounts/a/token");
    let request = |seconds: i64| {
        json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        })
    };
    lab.post(&path, &request(3600)).await?.refused(404, "NotFound")?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    lab.post(&lab.core("serviceaccounts"), &account).await?.is(201)?;
    lab.post(&path, &request(599)).await?.invalid("FieldValueInvalid", "spec.expirationSeconds")?;
    lab.get(&path).await?.refused(405, "MethodNotAllowed").map(drop)
}

async fn request(lab: &Lab) -> Result<(String, Value)> {
    let name = lab.name("csr");
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": REQUEST.trim(), "signerName": "example.com/conformance", "usages": ["client auth"],
            "username": "forged", "groups": ["forged"],
        },
    });
    let made = lab.post(CSRS, &object).await?.is(201)?;
    Ok((format!("{CSRS}/{name}"), made))
}

async fn finish(lab: &Lab, path: &str) -> Result<()> {
    lab.delete(path).await?.is(200).map(drop)
}

fn decision(kind: &str) -> Value {
    json!({"status": {"conditions": [{"type": kind, "status": "True", "reason": "Test", "message": "test"}]}})
}

pub(super) async fn signing_requests(lab: &Lab) -> Result<()> {
    let (path, made) = request(lab).await?;
    let username = text(&made, "/spec/username");
    ensure!(!username.is_empty() && username != "forged", "{made}");
    let groups = at(&made, "/spec/groups").as_array().cloned().unwrap_or_default();
    ensure!(groups.contains(&json!("system:authenticated")), "{made}");
    // A request is what it was made as.
    let kept = lab.merge(&path, json!({"spec": {"signerName": "example.com/other"}})).await?.is(200)?;
    expect(&kept, "/spec/signerName", json!("example.com/conformance"))?;
    let list = lab.get(&format!("{CSRS}?fieldSelector=spec.signerName%3Dexample.com%2Fconformance")).await?;
    ensure!(list.is(200)?.to_string().contains(&lab.name("csr")));
    let unsigned = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": lab.name("unsigned")}, "spec": {"request": REQUEST.trim(), "usages": ["client auth"]},
    });
    lab.post(CSRS, &unsigned).await?.invalid("FieldValueRequired", "spec.signerName")?;
    finish(lab, &path).await
}

pub(super) async fn approval(lab: &Lab) -> Result<()> {
    let (path, _) = request(lab).await?;
    let approved = lab.merge(&format!("{path}/approval"), decision("Approved")).await?.is(200)?;
    let condition = at(&approved, "/status/conditions/0");
    expect(condition, "/type", json!("Approved"))?;
    for time in ["lastUpdateTime", "lastTransitionTime"] {
        ensure!(text(condition, &format!("/{time}")).ends_with('Z'), "{approved}");
    }
    let mut again = decision("Approved");
    if let Some(fields) = again.pointer_mut("/status").and_then(Value::as_object_mut) {
        fields.insert("conditions".into(), json!([]));
    }
    let answer = lab.merge(&format!("{path}/approval"), again).await?;
    answer.invalid("FieldValueForbidden", "status.conditions")?;
    let answer = lab.merge(&format!("{path}/approval"), decision("Denied")).await?;
    answer.refused(422, "Invalid")?;
    finish(lab, &path).await
}

pub(super) async fn approval_only_by_approval(lab: &Lab) -> Result<()> {
    let (path, _) = request(lab).await?;
    let answer = lab.merge(&format!("{path}/status"), decision("Approved")).await?;
    answer.invalid("FieldValueForbidden", "status.conditions")?;
    let ignored = lab.merge(&path, decision("Approved")).await?.is(200)?;
    ensure!(at(&ignored, "/status/conditions").is_null(), "{ignored}");
    finish(lab, &path).await
}

pub(super) async fn denial(lab: &Lab) -> Result<()> {
    let (path, _) = request(lab).await?;
    let denied = lab.merge(&format!("{path}/approval"), decision("Denied")).await?.is(200)?;
    expect(&denied, "/status/conditions/0/type", json!("Denied"))?;
    finish(lab, &path).await
}

pub(super) async fn certificate(lab: &Lab) -> Result<()> {
    let (path, _) = request(lab).await?;
    let mut patch = decision("Approved");
    let certificate = json!("bm90IFBFTQ==");
    if let Some(status) = patch.pointer_mut("/status").and_then(Value::as_object_mut) {
        status.insert("certificate".into(), certificate.clone());
    }
    let approved = lab.merge(&format!("{path}/approval"), patch).await?.is(200)?;
    expect(&approved, "/status/certificate", json!(null))?;
    let failed = json!({"status": {"conditions": [
        {"type": "Approved", "status": "True", "reason": "Changed"},
        {"type": "Failed", "status": "True", "reason": "Test"},
    ]}});
    let reported = lab.merge(&format!("{path}/status"), failed).await?.is(200)?;
    expect(&reported, "/status/conditions/0/reason", json!("Test"))?;
    expect(&reported, "/status/conditions/1/type", json!("Failed"))?;
    finish(lab, &path).await
}

pub(super) async fn scale_of_a_deployment(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    lab.post(&path, &deployment("a")).await?.is(201)?;
    let path = format!("{path}/a");
    let scale = lab.get(&format!("{path}/scale")).await?.is(200)?;
    expect(&scale, "/apiVersion", json!("autoscaling/v1"))?;
    expect(&scale, "/spec", json!({"replicas": 1}))?;
    expect(&scale, "/status", json!({"replicas": 0, "selector": "app=a"}))?;
    let mut wanted = scale.clone();
    if let Some(spec) = wanted.pointer_mut("/spec") {
        *spec = json!({"replicas": 3});
    }
    let scaled = lab.put(&format!("{path}/scale"), &wanted).await?.is(200)?;
    expect(&scaled, "/spec/replicas", json!(3))?;
    let read = lab.get(&path).await?.is(200)?;
    expect(&read, "/spec/replicas", json!(3))?;
    expect(&read, "/metadata/generation", json!(2))?;
    lab.put(&format!("{path}/scale"), &wanted).await?.refused(409, "Conflict").map(drop)
}

pub(super) async fn reviews(lab: &Lab) -> Result<()> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": lab.namespace}},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let answer = lab.post(path, &review).await?.is(201)?;
    expect(&answer, "/status/allowed", json!(true))?;
    let me = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = lab.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &me).await?.is(201)?;
    ensure!(!text(&answer, "/status/userInfo/username").is_empty(), "{answer}");
    lab.get(path).await?.refused(405, "MethodNotAllowed").map(drop)
}

pub(super) async fn unknown(lab: &Lab) -> Result<()> {
    lab.make_a(json!({})).await?;
    lab.get(&format!("{}/status", lab.a())).await?.refused(404, "NotFound")?;
    lab.merge(&format!("{}/status", lab.a()), json!({})).await?.refused(404, "NotFound").map(drop)
}

pub(super) async fn status_of_a_deployment(lab: &Lab) -> Result<()> {
    let path = lab.path("apps/v1", "deployments");
    let made = lab.post(&path, &deployment("a")).await?.is(201)?;
    let path = format!("{path}/a");
    let mut replaced = made.clone();
    let status = replaced.as_object_mut().context("no object")?;
    status.insert("status".into(), json!({"replicas": 2, "readyReplicas": 1}));
    let reported = lab.put(&format!("{path}/status"), &replaced).await?.is(200)?;
    expect(&reported, "/status", json!({"replicas": 2, "readyReplicas": 1}))?;
    let read = lab.get(&format!("{path}/status")).await?.is(200)?;
    ensure!(read == reported, "{reported} was read as {read}");
    lab.put(&format!("{path}/status"), &replaced).await?.refused(409, "Conflict")?;
    lab.get(&format!("{}/status", lab.path("apps/v1", "deployments/b")))
        .await?
        .refused(404, "NotFound")
        .map(drop)
}
