//! Sorting of what an API server answers, and of what its client reports.

use kube::core::Status;

use crate::error::Failure;
use crate::redact::foreign_text;
use crate::transport;

impl Failure {
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
            // OCM's webhook on a cluster whose namespace of the time before is not gone yet.
            if text.contains("is terminating") {
                return Self::NamespaceTerminating { message };
            }
            return Self::Denied { message };
        }
        // What is applied has a field that the kind does not have; the API server answers 500.
        if text.contains("failed to create typed patch object") {
            return Self::Invalid { message };
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
    use crate::error::AccessError;
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
        let field =
            "failed to create typed patch object (a/b; v1, Kind=X): .spec.typo: field not declared in schema";
        assert!(matches!(of(500, "InternalError", field), Failure::Invalid { .. }));
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
