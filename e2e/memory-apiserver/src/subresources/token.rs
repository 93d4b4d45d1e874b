//! Tokens of service accounts.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    clock,
    cluster::{Call, Cluster},
    http::Reply,
    rejection::{Cause, Rejection},
    verbs::decode,
};

/// Who the tokens come from, and whom they are for when nobody is named.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const DEFAULT_SECONDS: i64 = 3600;
const MIN_SECONDS: i64 = 600;
const MAX_SECONDS: i64 = 1 << 32;

/// POST of a TokenRequest. The token has the shape and the claims of a real one; its signature is
/// made up.
pub(crate) fn create(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let mut request = decode::body(call)?;
    let account = cluster.find(call).ok_or_else(|| call.not_found())?;
    let audiences = match request.pointer("/spec/audiences").and_then(Value::as_array) {
        Some(audiences) if !audiences.is_empty() => audiences.clone(),
        _ => vec![Value::from(ISSUER)],
    };
    let seconds =
        request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(DEFAULT_SECONDS);
    if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
        let detail = match seconds {
            ..MIN_SECONDS => "may not specify a duration less than 10 minutes",
            _ => "may not specify a duration larger than 2^32 seconds",
        };
        let cause = Cause::invalid("spec.expirationSeconds", &Value::from(seconds), detail);
        return Err(Rejection::invalid("authentication.k8s.io", "TokenRequest", "", vec![cause]));
    }
    let now = cluster.clock.now();
    let expires = now
        .checked_add(SignedDuration::from_secs(seconds))
        .map_err(|error| Rejection::internal(error.to_string()))?;
    let id = cluster.next_uid();
    let claims = json!({
        "aud": audiences, "exp": expires.as_second(), "iat": now.as_second(), "nbf": now.as_second(),
        "iss": ISSUER, "jti": id,
        "kubernetes.io": {
            "namespace": call.namespace, "serviceaccount": {"name": call.name, "uid": account.uid()},
        },
        "sub": format!("system:serviceaccount:{}:{}", call.namespace, call.name),
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({"alg": "RS256", "kid": "memory"}));
    let signature = URL_SAFE_NO_PAD.encode(format!("not a signature {id}"));
    let token = format!("{header}.{}.{signature}", encode(&claims));
    if !request.is_object() {
        request = json!({});
    }
    if let Some(fields) = request.as_object_mut() {
        fields.insert("apiVersion".into(), "authentication.k8s.io/v1".into());
        fields.insert("kind".into(), "TokenRequest".into());
        fields.insert(
            "metadata".into(),
            json!({
                "name": call.name, "namespace": call.namespace, "uid": account.uid(),
                "creationTimestamp": clock::stamp(now),
            }),
        );
        let bound = fields.get("spec").and_then(|spec| spec.get("boundObjectRef")).cloned();
        let spec = json!({"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound});
        fields.insert("spec".into(), spec);
        let status = json!({"token": token, "expirationTimestamp": clock::stamp(expires)});
        fields.insert("status".into(), status);
    }
    Ok(Reply::Json(201, request))
}
