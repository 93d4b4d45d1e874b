//! From the body of a request to a question, and from a verdict to a reply.
//!
//! The body comes from whoever reaches the port. It is bounded before it comes here; here it is
//! parsed once for the envelope, and the objects only when they have to be looked at.

use kube::Resource;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::rules::{Cause, Change, Operation, Rules, UserInfo, Verdict};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// A UID is 36 characters; whoever sends more is no API server.
const LONGEST_UID: usize = 128;

/// API servers cut warnings off here, and drop all of them beyond 4096 in total.
const LONGEST_WARNING: usize = 256;
const MOST_WARNINGS: usize = 15;
/// A denial is read by a person.
const MOST_CAUSES: usize = 20;

/// Why a body is no question. The text is sent back; it holds nothing of the body but names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of the form of a review.
    #[error("the body is no AdmissionReview: {0}")]
    Unreadable(String),
    /// Another version or kind.
    #[error("expected {KIND} of {API_VERSION}; set admissionReviewVersions to [v1]")]
    Version,
    /// A review without a question.
    #[error("the AdmissionReview has no request")]
    NoRequest,
    /// A question that cannot be answered.
    #[error("request.uid must have 1 to {LONGEST_UID} characters")]
    Uid,
    /// The object of a create or update is missing.
    #[error("request.{0} is missing")]
    NoObject(&'static str),
}

/// What was answered, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed without a word.
    Allowed,
    /// Allowed with warnings.
    Warned,
    /// Denied.
    Denied,
}

/// A reply to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it says, in a word.
    pub decision: Decision,
    /// The AdmissionReview, as JSON.
    pub body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(borrow)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    uid: String,
    kind: Kind,
    #[serde(default)]
    sub_resource: Option<String>,
    operation: String,
    #[serde(default)]
    user_info: UserInfo,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
    #[serde(default)]
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    kind: String,
}

/// As much of an object as tells whether it has to be looked at.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(default)]
    metadata: Option<OutlineMeta>,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutlineMeta {
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
}

/// Answers the review in `body` for objects of kind `K`.
///
/// # Errors
/// When the body is no question. A question that may not be answered with yes is a reply.
pub fn answer<K, R>(body: &[u8], rules: &R) -> Result<Reply, Malformed>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    R: Rules<K> + ?Sized,
{
    let review: Review<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    if review.api_version != API_VERSION || review.kind != KIND {
        return Err(Malformed::Version);
    }
    let request = review.request.ok_or(Malformed::NoRequest)?;
    if request.uid.is_empty() || request.uid.len() > LONGEST_UID {
        return Err(Malformed::Uid);
    }
    let verdict = judge(&request, rules)?;
    Ok(reply(&request.uid, verdict))
}

fn judge<K, R>(request: &Request<'_>, rules: &R) -> Result<Verdict, Malformed>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    R: Rules<K> + ?Sized,
{
    let operation = match request.operation.as_str() {
        "CREATE" => Operation::Create,
        "UPDATE" => Operation::Update,
        // DELETE and CONNECT, and whatever else may come: never in anybody's way.
        _ => return Ok(Verdict::SILENT),
    };
    if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Ok(Verdict::SILENT);
    }
    let asked = &request.kind;
    if asked.group != K::group(&()) || asked.version != K::version(&()) || asked.kind != K::kind(&()) {
        let message = format!(
            "this path judges {} of {}, not {} of {}/{}; correct the rules of the ValidatingWebhookConfiguration",
            K::kind(&()),
            K::api_version(&()),
            legible(&asked.kind),
            legible(&asked.group),
            legible(&asked.version),
        );
        return Ok(Verdict::Denied { causes: vec![Cause { field: String::new(), message }] });
    }
    let new = request.object.ok_or(Malformed::NoObject("object"))?;
    let old = match operation {
        Operation::Create => None,
        Operation::Update => Some(request.old_object.ok_or(Malformed::NoObject("oldObject"))?),
    };
    if is_beyond_judgement(old, new)? {
        return Ok(Verdict::SILENT);
    }
    let new = match read::<K>(new) {
        Ok(new) => new,
        Err(cause) => return Ok(Verdict::Denied { causes: vec![cause] }),
    };
    let old = old.and_then(|old| read::<K>(old).ok());
    Ok(rules.judge(&Change {
        operation,
        old: old.as_ref(),
        new: &new,
        user: &request.user_info,
        dry_run: request.dry_run == Some(true),
    }))
}

/// Whether the object is being deleted, or its spec is what it was.
fn is_beyond_judgement(old: Option<&RawValue>, new: &RawValue) -> Result<bool, Malformed> {
    let outline = |object: &'_ RawValue| -> Result<(bool, Option<String>), Malformed> {
        let outline: Outline<'_> = serde_json::from_str(object.get()).map_err(unreadable)?;
        let deleting = outline.metadata.unwrap_or_default().deletion_timestamp.is_some();
        Ok((deleting, outline.spec.map(|spec| spec.get().to_owned())))
    };
    let (deleting, spec) = outline(new)?;
    if deleting {
        return Ok(true);
    }
    let Some(old) = old else { return Ok(false) };
    let (_, old_spec) = outline(old)?;
    if spec == old_spec {
        return Ok(true);
    }
    // The same values may be written in another order.
    let value = |spec: Option<String>| -> Result<Value, Malformed> {
        spec.map_or(Ok(Value::Null), |text| serde_json::from_str(&text)).map_err(unreadable)
    };
    Ok(value(spec)? == value(old_spec)?)
}

/// Reads an object as its type. What serde says about it may hold values of it, so only the field is
/// told.
fn read<K: Resource<DynamicType = ()> + DeserializeOwned>(object: &RawValue) -> Result<K, Cause> {
    let mut json = serde_json::Deserializer::from_str(object.get());
    serde_path_to_error::deserialize(&mut json).map_err(|error| Cause {
        field: legible(&error.path().to_string()),
        message: format!(
            "this version of the operator cannot read the value as part of a {}; correct it, or bring operator and CustomResourceDefinitions to the same version",
            K::kind(&())
        ),
    })
}

fn unreadable(error: serde_json::Error) -> Malformed {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Io | Category::Eof => "it ends too early",
        Category::Syntax => "it is not JSON",
        Category::Data => "a field is missing, given twice, or of the wrong type",
    };
    Malformed::Unreadable(format!("{what} (line {}, column {})", error.line(), error.column()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Value::is_null")]
    status: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

fn reply(uid: &str, verdict: Verdict) -> Reply {
    let (decision, response) = match verdict {
        Verdict::Allowed { warnings } => {
            let decision = if warnings.is_empty() { Decision::Allowed } else { Decision::Warned };
            (decision, Response { uid, allowed: true, status: Value::Null, warnings: presentable(warnings) })
        }
        Verdict::Denied { causes } => {
            let status = denial(&causes);
            (Decision::Denied, Response { uid, allowed: false, status, warnings: Vec::new() })
        }
    };
    let body = json!({ "apiVersion": API_VERSION, "kind": KIND, "response": response }).to_string();
    Reply { decision, body }
}

fn denial(causes: &[Cause]) -> Value {
    let lines: Vec<String> = causes.iter().take(MOST_CAUSES).map(line).collect();
    let more = match causes.len().saturating_sub(MOST_CAUSES) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let details: Vec<Value> = causes
        .iter()
        .take(MOST_CAUSES)
        .map(|cause| json!({"reason": "FieldValueInvalid", "field": cause.field, "message": cause.message}))
        .collect();
    json!({
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": format!("{}{more}", lines.join("; ")),
        "details": { "causes": details },
    })
}

fn line(cause: &Cause) -> String {
    match cause.field.as_str() {
        "" | "." => cause.message.clone(),
        field => format!("{field}: {}", cause.message),
    }
}

/// Warnings as an API server passes them on: one line each, not too long, not too many.
fn presentable(warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    let mut lines: Vec<String> = warnings
        .into_iter()
        .take(MOST_WARNINGS)
        .map(|text| {
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            shortened(text)
        })
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more warnings"));
    }
    lines
}

fn shortened(text: String) -> String {
    if text.len() <= LONGEST_WARNING {
        return text;
    }
    const ELLIPSIS: &str = "…";
    let end = text.floor_char_boundary(LONGEST_WARNING - ELLIPSIS.len());
    format!("{}{ELLIPSIS}", text.get(..end).unwrap_or_default())
}

/// A name out of the body, fit to be repeated.
fn legible(name: &str) -> String {
    const LONGEST: usize = 80;
    if name.is_empty() {
        return "(nothing)".to_owned();
    }
    name.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
