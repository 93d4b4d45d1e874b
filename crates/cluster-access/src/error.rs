//! What can go wrong between us and a cluster, sorted by who can do something about it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use fleetconfig_api::reason::Reason;
use kube::core::Status;

use crate::redact::foreign_text;
use crate::transport;

/// A call to a cluster that did not succeed: what was tried, and what was seen.
///
/// `Display` is one sentence without credentials, fit for a condition. `source` leads on to the
/// cause below (a TLS or socket error) where there is one.
#[derive(Debug)]
pub struct AccessError {
    operation: String,
    failure: Box<Failure>,
}

impl AccessError {
    pub(crate) fn new(operation: impl fmt::Display, failure: Failure) -> Self {
        Self { operation: operation.to_string(), failure: Box::new(failure) }
    }

    /// What was tried, such as `applying Deployment a/b`.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// What was seen.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Whether the same call may succeed later although nobody changes anything.
    pub fn is_transient(&self) -> bool {
        self.failure.is_transient()
    }

    /// The word of the catalogue for this error.
    pub fn reason(&self) -> Reason {
        self.failure.reason()
    }

    /// A JSON patch whose `test` fails is answered like any patch that cannot be applied: 422
    /// without a cause. Both mean that the object is not the one that the patch was made for.
    pub(crate) fn failed_test_is_stale(mut self) -> Self {
        const UNAPPLICABLE: &str = "the server rejected our request due to an error in our request";
        if let Failure::Invalid { message } = self.failure.as_mut()
            && message.starts_with(UNAPPLICABLE)
        {
            *self.failure =
                Failure::Stale { message: "a value that the patch relies on is another".to_owned() };
        }
        self
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.failure)
    }
}

impl StdError for AccessError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The failure itself is part of our own text already.
        self.failure.source()
    }
}

/// The boxed cause below a failure.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// What was seen instead of success.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No connection: refused, no route, name not resolved, cut off.
    #[error("the API server cannot be reached: {detail}")]
    Unreachable {
        /// What the network said.
        detail: String,
        /// The cause below.
        source: Option<Cause>,
    },
    /// A connection, but the server's certificate is not the one the configured CA vouches for.
    #[error("the API server's certificate is not trusted: {detail}")]
    Tls {
        /// What is wrong with it, and which CA signed it where that is known.
        detail: String,
        /// The cause below.
        source: Option<Cause>,
    },
    /// The server does not know us: token or client certificate wrong, expired or revoked.
    #[error("the API server rejects the credentials: {message}")]
    Unauthorized {
        /// What the server said.
        message: String,
    },
    /// The server knows us, and we may not do this.
    #[error("not permitted: {message}")]
    Forbidden {
        /// What the server said; it names user, verb and resource.
        message: String,
    },
    /// An admission webhook or policy of the cluster refused the object.
    #[error("refused by the cluster's admission: {message}")]
    Denied {
        /// What the webhook or policy said.
        message: String,
    },
    /// A connection, but no answer in time.
    #[error("no answer within {after:?}")]
    Timeout {
        /// The deadline that passed.
        after: Duration,
    },
    /// Other field managers own fields that we would change, and we do not take them by force.
    #[error("{} set by {}", .fields.join(", "), .managers.join(", "))]
    Conflict {
        /// The other managers.
        managers: Vec<String>,
        /// The fields in question.
        fields: Vec<String>,
    },
    /// The object is not the one that was read any more (resourceVersion, uid, or a `test`).
    #[error("the object changed in the meantime: {message}")]
    Stale {
        /// What the server said.
        message: String,
    },
    /// Creation of something that exists.
    #[error("it exists already")]
    AlreadyExists,
    /// The object, or the namespace it should be in, does not exist.
    #[error("not found: {message}")]
    NotFound {
        /// What the server said.
        message: String,
    },
    /// The cluster does not serve this kind: its CRD is missing or not established yet.
    #[error("the cluster does not serve this kind")]
    NotServed,
    /// The namespace is being deleted.
    #[error("the namespace is being deleted: {message}")]
    NamespaceTerminating {
        /// What the server said.
        message: String,
    },
    /// The object is not valid.
    #[error("not a valid object: {message}")]
    Invalid {
        /// What the server said; it names the field.
        message: String,
    },
    /// An admission or conversion webhook of the cluster does not answer.
    #[error("webhook {} does not answer: {message}", .webhook.as_deref().unwrap_or("of the cluster"))]
    WebhookUnavailable {
        /// Name of the webhook, when the server gave it.
        webhook: Option<String>,
        /// What the server said.
        message: String,
    },
    /// The server is too busy, starting, or broken.
    #[error("the API server cannot serve now (HTTP {status}): {message}")]
    Busy {
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// Something answered that is no Kubernetes API server, or not as one.
    #[error("the answer is not one of a Kubernetes API server: {detail}")]
    Unintelligible {
        /// What was wrong with it.
        detail: String,
    },
    /// No client can be made from these credentials.
    #[error("the credentials cannot be used: {detail}")]
    Unusable {
        /// What is wrong with them.
        detail: String,
        /// The cause below.
        source: Option<Cause>,
    },
    /// Any other refusal.
    #[error("HTTP {status}: {message}")]
    Api {
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
}

impl Failure {
    /// Whether the same call may succeed later although nobody changes anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Stale { .. }
            | Self::AlreadyExists
            | Self::NotFound { .. }
            | Self::NotServed
            | Self::NamespaceTerminating { .. }
            | Self::WebhookUnavailable { .. }
            | Self::Busy { .. } => true,
            Self::Tls { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Denied { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::Unintelligible { .. }
            | Self::Unusable { .. }
            | Self::Api { .. } => false,
        }
    }

    /// The word of the catalogue for this failure.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Unintelligible { .. } => {
                Reason::ClusterUnreachable
            }
            Self::Tls { .. } => Reason::ClusterCertificateInvalid,
            Self::Unauthorized { .. } => Reason::CredentialsRejected,
            Self::Forbidden { .. } | Self::Denied { .. } => Reason::PermissionDenied,
            Self::Timeout { .. } => Reason::RequestTimeout,
            Self::Conflict { .. } => Reason::ForeignManagerConflict,
            Self::WebhookUnavailable { .. } => Reason::WebhooksNotReady,
            Self::Unusable { .. } => Reason::KubeconfigInvalid,
            Self::Stale { .. }
            | Self::AlreadyExists
            | Self::NotFound { .. }
            | Self::NotServed
            | Self::NamespaceTerminating { .. }
            | Self::Invalid { .. }
            | Self::Api { .. } => Reason::InternalError,
        }
    }

    /// Sorts an error of the client.
    pub(crate) fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(&status),
            kube::Error::HyperError(error) => transport::failure(Box::new(error)),
            kube::Error::Service(error) => transport::failure(error),
            kube::Error::ReadEvents(error) => transport::failure(Box::new(error)),
            // serde_json quotes the value it stumbled over, so only the place is told.
            kube::Error::SerdeError(error) => Self::unreadable(&error),
            kube::Error::FromUtf8(_) => Self::Unintelligible { detail: "it is not UTF-8".to_owned() },
            kube::Error::RustlsTls(error) => {
                Self::Unusable { detail: error.to_string(), source: Some(Box::new(error)) }
            }
            kube::Error::Auth(_) => {
                // Its text can hold what a credential plug-in printed.
                Self::Unusable { detail: "the client cannot authenticate with them".to_owned(), source: None }
            }
            kube::Error::BuildRequest(error) => Self::Invalid { message: error.to_string() },
            other => Self::Unusable { detail: foreign_text(&other.to_string()), source: None },
        }
    }

    /// An answer that is JSON of another shape than expected, or not JSON at all.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field has an unexpected type",
            serde_json::error::Category::Eof => "it is cut off",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
        };
        Self::Unintelligible { detail: format!("{what} (line {}, column {})", error.line(), error.column()) }
    }

    /// Sorts a `Status` by code, and by its text where the API has nothing better.
    fn of_status(status: &Status) -> Self {
        let message = foreign_text(&status.message);
        let text = status.message.as_str();
        if text.contains("failed calling webhook") || text.contains("conversion webhook for") {
            return Self::WebhookUnavailable { webhook: quoted_after(text, "webhook \""), message };
        }
        if (text.contains("admission webhook \"") || text.contains("ValidatingAdmissionPolicy '"))
            && text.contains("denied")
        {
            return Self::Denied { message };
        }
        match status.code {
            400 | 413 | 415 | 422 => Self::Invalid { message },
            401 => Self::Unauthorized { message },
            403 if has_cause(status, "NamespaceTerminating") => Self::NamespaceTerminating { message },
            403 => Self::Forbidden { message },
            404 => Self::of_not_found(status, message),
            409 if status.is_already_exists() => Self::AlreadyExists,
            409 if has_cause(status, "FieldManagerConflict") => Self::of_conflict(status),
            409 | 410 | 412 => Self::Stale { message },
            429 | 500..=599 => Self::Busy { status: status.code, message },
            code => Self::Api { status: code, message },
        }
    }

    /// 404 has three meanings: the object is missing, the kind is missing, or a server that is no
    /// API server does not know the path. The last must not be taken for "the object is gone".
    fn of_not_found(status: &Status, message: String) -> Self {
        let named = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        if named {
            return Self::NotFound { message };
        }
        // What the API server writes for a path that none of its handlers knows.
        let unknown_path = status.message.trim() == "404 page not found"
            || status.message.contains("could not find the requested resource");
        if unknown_path {
            return Self::NotServed;
        }
        if status.reason == "NotFound" {
            return Self::NotFound { message };
        }
        Self::Unintelligible { detail: format!("HTTP 404: {message}") }
    }

    fn of_conflict(status: &Status) -> Self {
        let mut managers = Vec::new();
        let mut fields = Vec::new();
        for cause in status.details.iter().flat_map(|details| &details.causes) {
            let manager = quoted_after(&cause.message, "\"").unwrap_or_else(|| "another manager".to_owned());
            if !managers.contains(&manager) {
                managers.push(manager);
            }
            fields.push(foreign_text(&cause.field));
        }
        Self::Conflict { managers, fields }
    }
}

fn has_cause(status: &Status, reason: &str) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason)
}

/// The text between the first `start`, which ends with a quote, and the next quote.
fn quoted_after(text: &str, start: &str) -> Option<String> {
    let (_, from) = text.split_once(start)?;
    let (name, _) = from.split_once('"')?;
    (!name.is_empty()).then(|| foreign_text(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(status: serde_json::Value) -> Failure {
        Failure::of(kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())))
    }

    #[test]
    fn an_api_servers_answers_are_told_apart() {
        let of = |code: u16, reason: &str, message: &str| {
            failure(json!({"status": "Failure", "code": code, "reason": reason, "message": message}))
        };
        assert!(matches!(of(401, "Unauthorized", "Unauthorized"), Failure::Unauthorized { .. }));
        assert!(matches!(of(403, "Forbidden", "no"), Failure::Forbidden { .. }));
        assert!(matches!(of(409, "AlreadyExists", "x"), Failure::AlreadyExists));
        assert!(matches!(of(409, "Conflict", "the object has been modified"), Failure::Stale { .. }));
        assert!(matches!(of(422, "Invalid", "spec.x: Required"), Failure::Invalid { .. }));
        assert!(matches!(of(400, "BadRequest", "x"), Failure::Invalid { .. }));
        assert!(matches!(of(429, "TooManyRequests", "x"), Failure::Busy { status: 429, .. }));
        assert!(matches!(of(503, "ServiceUnavailable", "x"), Failure::Busy { .. }));
        assert!(matches!(of(405, "MethodNotAllowed", "x"), Failure::Api { status: 405, .. }));
    }

    #[test]
    fn a_missing_object_a_missing_kind_and_a_foreign_server_differ() {
        let object = failure(json!({"code": 404, "reason": "NotFound", "message": "secrets \"a\" not found",
            "details": {"name": "a", "kind": "secrets"}}));
        assert!(matches!(object, Failure::NotFound { .. }));
        let kind = failure(json!({"code": 404, "reason": "NotFound",
            "message": "the server could not find the requested resource", "details": {}}));
        assert!(matches!(kind, Failure::NotServed));
        // The client makes these of bodies that are no Status.
        let path = failure(
            json!({"code": 404, "reason": "Failed to parse error data", "message": "404 page not found"}),
        );
        assert!(matches!(path, Failure::NotServed));
        let proxy = failure(json!({"code": 404, "reason": "Failed to parse error data",
            "message": "<html>no such host</html>"}));
        assert!(matches!(proxy, Failure::Unintelligible { .. }));
    }

    #[test]
    fn a_webhook_that_does_not_answer_is_named() {
        let failure = failure(json!({"code": 500, "reason": "InternalError",
            "message": "Internal error occurred: failed calling webhook \"managedcluster.admission\": failed to call webhook: Post \"https://x\": dial tcp 10.0.0.1:443: connect: connection refused"}));
        let Failure::WebhookUnavailable { webhook, .. } = &failure else { panic!("{failure:?}") };
        assert_eq!(webhook.as_deref(), Some("managedcluster.admission"));
        assert!(failure.is_transient());
    }

    #[test]
    fn a_webhook_that_refuses_is_not_a_missing_permission() {
        let failure = failure(json!({"code": 403, "reason": "Forbidden",
            "message": "admission webhook \"policy.example\" denied the request: no"}));
        assert!(matches!(failure, Failure::Denied { .. }));
        assert!(!failure.is_transient());
    }

    #[test]
    fn other_managers_and_their_fields_are_named() {
        let failure = failure(
            json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".metadata.labels.a"},
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".metadata.labels.b"},
            ]}}),
        );
        let Failure::Conflict { managers, fields } = &failure else { panic!("{failure:?}") };
        assert_eq!(managers, &["kubectl-edit"]);
        assert_eq!(fields, &[".metadata.labels.a", ".metadata.labels.b"]);
        let error = AccessError::new("applying Namespace a", failure);
        assert_eq!(
            error.to_string(),
            "applying Namespace a: .metadata.labels.a, .metadata.labels.b set by kubectl-edit"
        );
    }

    #[test]
    fn a_namespace_on_its_way_out_is_not_a_missing_permission() {
        let failure = failure(
            json!({"code": 403, "reason": "Forbidden", "message": "unable to create new content",
            "details": {"causes": [{"reason": "NamespaceTerminating", "message": "x", "field": "metadata.namespace"}]}}),
        );
        assert!(matches!(failure, Failure::NamespaceTerminating { .. }));
        assert!(failure.is_transient());
    }

    #[test]
    fn a_servers_echo_of_a_token_is_not_repeated() {
        let failure = failure(json!({"code": 401, "reason": "Unauthorized",
            "message": "bad Authorization: Bearer s3cr3t"}));
        let error = AccessError::new("reading Namespace kube-system", failure);
        assert!(!format!("{error} {error:?}").contains("s3cr3t"));
    }
}
