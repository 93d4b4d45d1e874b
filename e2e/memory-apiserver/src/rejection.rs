//! What the server says when it refuses: a `metav1.Status` with the reason and code that
//! Kubernetes gives (apimachinery `api/errors`).

use std::fmt;

use serde_json::{Value, json};

/// Which kind of object a message is about: group and plural name, as `Status.details` has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name, for example `configmaps`.
    pub resource: String,
}

impl GroupResource {
    pub(crate) fn new(group: &str, resource: &str) -> Self {
        Self { group: group.into(), resource: resource.into() }
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.resource)
        } else {
            write!(f, "{}.{}", self.resource, self.group)
        }
    }
}

/// One cause of an invalid object or a conflict: `Status.details.causes[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// For example `FieldValueRequired`, `FieldManagerConflict`.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

impl Cause {
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message =
            if detail.is_empty() { "Required value".into() } else { format!("Required value: {detail}") };
        Self { reason: "FieldValueRequired".into(), message, field: field.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { reason: "FieldValueInvalid".into(), message, field: field.into() }
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        let message = format!("Forbidden: {detail}");
        Self { reason: "FieldValueForbidden".into(), message, field: field.into() }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[Value]) -> Self {
        let supported: Vec<String> = supported.iter().map(Value::to_string).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { reason: "FieldValueNotSupported".into(), message, field: field.into() }
    }

    pub(crate) fn too_long(field: impl Into<String>, limit: u64) -> Self {
        let message = format!("Too long: may not be more than {limit} bytes");
        Self { reason: "FieldValueTooLong".into(), message, field: field.into() }
    }

    pub(crate) fn too_many(field: impl Into<String>, count: usize, limit: u64) -> Self {
        let message = format!("Too many: {count}: must have at most {limit} items");
        Self { reason: "FieldValueTooMany".into(), message, field: field.into() }
    }

    pub(crate) fn wrong_type(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { reason: "FieldValueTypeInvalid".into(), message, field: field.into() }
    }
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, for example `NotFound`; empty where Kubernetes gives none.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// What it is about.
    pub details: Box<Details>,
    /// Answered as bare text, as the server does for a path outside every group.
    plain_text: bool,
}

/// `Status.details`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// API group.
    pub group: String,
    /// A plural resource name or a kind, as Kubernetes has it.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// What exactly is wrong.
    pub causes: Vec<Cause>,
    /// Seconds after which the client should try again; also the `Retry-After` header.
    pub retry_after: Option<u32>,
}

impl std::error::Error for Rejection {}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.message, self.code, self.reason)
    }
}

impl Rejection {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason, message, details: Box::default(), plain_text: false }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        self.details.group = group.into();
        self.details.kind = kind.into();
        self.details.name = name.into();
        self
    }

    /// Adds what exactly is wrong.
    pub(crate) fn because(mut self, causes: Vec<Cause>) -> Self {
        self.details.causes = causes;
        self
    }

    /// Asks to try again after some seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.details.retry_after = Some(seconds);
        self
    }

    /// Whether the answer is bare text instead of a `Status`.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.plain_text
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(what: &GroupResource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{what} \"{name}\" not found")).about(
            &what.group,
            &what.resource,
            name,
        )
    }

    /// A path that leads nowhere.
    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// A path outside every group that is served.
    pub(crate) fn no_such_page() -> Self {
        Self { plain_text: true, ..Self::new(404, "NotFound", "404 page not found") }
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    pub(crate) fn already_exists(what: &GroupResource, name: &str, detail: &str) -> Self {
        let message = match detail {
            "" => format!("{what} \"{name}\" already exists"),
            detail => format!("{detail}: {what} \"{name}\" already exists"),
        };
        Self::new(409, "AlreadyExists", message).about(&what.group, &what.resource, name)
    }

    pub(crate) fn conflict(what: &GroupResource, name: &str, detail: &str) -> Self {
        Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {what} \"{name}\": {detail}"))
            .about(&what.group, &what.resource, name)
    }

    pub(crate) fn modified(what: &GroupResource, name: &str) -> Self {
        let detail =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(what, name, detail)
    }

    pub(crate) fn apply_conflict(causes: Vec<Cause>, message: String) -> Self {
        Self::new(409, "Conflict", message).because(causes)
    }

    pub(crate) fn forbidden(what: &GroupResource, name: &str, detail: &str) -> Self {
        Self::new(403, "Forbidden", format!("{what} \"{name}\" is forbidden: {detail}")).about(
            &what.group,
            &what.resource,
            name,
        )
    }

    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let qualified = GroupResource::new(group, kind).to_string();
        let lines: Vec<String> = causes
            .iter()
            .map(|cause| match cause.field.as_str() {
                "" => cause.message.clone(),
                field => format!("{field}: {}", cause.message),
            })
            .collect();
        let list = match lines.as_slice() {
            [one] => one.clone(),
            more => format!("[{}]", more.join(", ")),
        };
        let message = format!("{qualified} \"{name}\" is invalid: {list}");
        Self::new(422, "Invalid", message).about(group, kind, name).because(causes)
    }

    /// A patch that cannot be carried out, for example because a `test` failed.
    pub(crate) fn unprocessable() -> Self {
        Self::new(422, "Invalid", "the server rejected our request due to an error in our request")
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// The refusal as a `metav1.Status`.
    pub fn to_status(&self) -> Value {
        let about = &self.details;
        let mut details = serde_json::Map::new();
        for (key, text) in [("name", &about.name), ("group", &about.group), ("kind", &about.kind)] {
            if !text.is_empty() {
                details.insert(key.into(), text.clone().into());
            }
        }
        if !about.causes.is_empty() {
            let causes: Vec<Value> = about
                .causes
                .iter()
                .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
                .collect();
            details.insert("causes".into(), causes.into());
        }
        if let Some(seconds) = about.retry_after {
            details.insert("retryAfterSeconds".into(), seconds.into());
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if let Some(fields) = status.as_object_mut() {
            if !self.reason.is_empty() {
                fields.insert("reason".into(), self.reason.into());
            }
            if !details.is_empty() {
                fields.insert("details".into(), details.into());
            }
        }
        status
    }
}
