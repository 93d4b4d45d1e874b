//! Why a kubeconfig cannot be used, in words that name the field and the remedy.

use fleetconfig_api::reason::Reason;

/// A kubeconfig that is not used. Nothing in it quotes a credential, or the document beyond the
/// names of contexts, clusters and users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// More bytes than a Secret can hold.
    #[error(
        "the kubeconfig has {size} bytes, the limit is {limit}; keep only the context that is needed (kubectl config view --minify --flatten --raw)"
    )]
    TooLarge {
        /// Size in bytes.
        size: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// Not YAML, or nested or repetitive beyond reason.
    #[error("the kubeconfig is not readable YAML{}", .place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default())]
    NotYaml {
        /// Line and column, counted from 1, where known.
        place: Option<(u64, u64)>,
    },
    /// YAML, but not a kubeconfig.
    #[error("the document is not a kubeconfig: {0}")]
    NotAKubeconfig(&'static str),
    /// A field has the wrong type.
    #[error("{field} of the kubeconfig must be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Neither the reference nor the document names a context.
    #[error("the kubeconfig has no current-context; set spec.kubeconfig.context to one of: {available}")]
    NoContext {
        /// Contexts of the document.
        available: String,
    },
    /// The named context does not exist.
    #[error("the kubeconfig has no context {name:?}; it has: {available}")]
    UnknownContext {
        /// The context that was looked for.
        name: String,
        /// Contexts of the document.
        available: String,
    },
    /// The context refers to something that the document does not have.
    #[error("the context of the kubeconfig refers to the {what} {name:?}, which is not in it")]
    Dangling {
        /// `cluster` or `user`.
        what: &'static str,
        /// The name that leads nowhere.
        name: String,
    },
    /// Two entries have the same name.
    #[error("the kubeconfig has two entries named {name:?} under {what}; keep one")]
    Ambiguous {
        /// `clusters`, `users` or `contexts`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A field is missing.
    #[error("the kubeconfig has no {field}: {remedy}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A field holds something that cannot be used.
    #[error("{field} of the kubeconfig {problem}")]
    Unusable {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A field asks for something that we do not do for a document that somebody handed in.
    #[error("the kubeconfig is refused because of {field}: {remedy}")]
    Refused {
        /// The field.
        field: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
}

impl KubeconfigError {
    /// The word of the catalogue for this error.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused { .. } => Reason::KubeconfigRefused,
            _ => Reason::KubeconfigInvalid,
        }
    }
}
