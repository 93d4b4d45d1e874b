//! What can go wrong between us and a cluster, sorted by who can do something about it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use fleetconfig_api::reason::Reason;

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
    /// This process may not call clusters any more: another replica may be at work.
    #[error("this replica does not lead any more")]
    TenureOver,
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
            | Self::TenureOver
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
            Self::Timeout { .. } | Self::TenureOver => Reason::RequestTimeout,
            Self::Conflict { .. } => Reason::ForeignManagerConflict,
            Self::WebhookUnavailable { .. } => Reason::WebhooksNotReady,
            Self::Unusable { .. } => Reason::KubeconfigInvalid,
            // What was there before is still on its way out.
            Self::NamespaceTerminating { .. } => Reason::Detaching,
            Self::Stale { .. }
            | Self::AlreadyExists
            | Self::NotFound { .. }
            | Self::NotServed
            | Self::Invalid { .. }
            | Self::Api { .. } => Reason::InternalError,
        }
    }
}
