//! Questions about access and identity. Everything is allowed; who wants a refusal injects it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    cluster::{Call, Cluster},
    http::Reply,
    identity::Identity,
    rejection::Rejection,
    verbs::decode,
};

/// Answers a review.
pub(crate) fn answer(cluster: &Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let mut review = decode::object(decode::body(call)?, &call.kind, false)?;
    let status = match call.kind.kind.as_str() {
        "TokenReview" => {
            let token = review.at(&["spec", "token"]).and_then(Value::as_str).unwrap_or_default();
            match holder(cluster, token) {
                Some(identity) => json!({"authenticated": true, "user": user(&identity)}),
                None => json!({"authenticated": false, "error": "the token is not one of this server's"}),
            }
        }
        "SelfSubjectReview" => json!({"userInfo": user(&call.request.identity)}),
        _ => json!({"allowed": true, "reason": "everything is allowed"}),
    };
    review.content.insert("status".into(), status);
    Ok(Reply::Json(201, review.to_value()))
}

fn user(identity: &Identity) -> Value {
    json!({
        "username": identity.user, "uid": identity.uid, "groups": identity.groups, "extra": identity.extra,
    })
}

/// The service account that a token stands for, while both live.
pub(crate) fn holder(cluster: &Cluster, token: &str) -> Option<Identity> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let text = |pointer: &str| claims.pointer(pointer).and_then(Value::as_str);
    let namespace = text("/kubernetes.io/namespace")?;
    let name = text("/kubernetes.io/serviceaccount/name")?;
    let uid = text("/kubernetes.io/serviceaccount/uid")?;
    let accounts = crate::resource::ResourceId::new("", "serviceaccounts");
    let account = cluster.store.get(&accounts, namespace, name)?;
    let alive = claims.get("exp").and_then(Value::as_i64)? > cluster.clock.now().as_second();
    (alive && account.uid() == uid).then(|| Identity::service_account(namespace, name, uid))
}
