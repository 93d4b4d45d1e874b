//! The seam: who judges a change of an object.

pub use k8s_openapi::api::authentication::v1::UserInfo;

/// What is done to an object. Deletions and connections are never judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is made.
    Create,
    /// Its spec is changed.
    Update,
}

/// A change that somebody asks for.
#[derive(Debug)]
pub struct Change<'a, K> {
    /// What is done.
    pub operation: Operation,
    /// The object as it was; none when it is made, and when it cannot be read (an older version of
    /// the operator may have allowed what this one does not know).
    pub old: Option<&'a K>,
    /// The object as it would be.
    pub new: &'a K,
    /// Who asks, as the API server has authenticated them.
    pub user: &'a UserInfo,
    /// Nothing will be stored.
    pub dry_run: bool,
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The field, such as `spec.kubeconfig.secretReference`; empty for the object as a whole.
    pub field: String,
    /// What was seen, what was expected, what to change.
    pub message: String,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The change may be made.
    Allowed {
        /// What its author should know all the same.
        warnings: Vec<String>,
    },
    /// The change may not be made.
    Denied {
        /// Why; at least one.
        causes: Vec<Cause>,
    },
}

impl Verdict {
    /// Allowed, and nothing to say.
    pub const SILENT: Self = Self::Allowed { warnings: Vec::new() };
}

/// Judges changes of one kind. Pure: what an answer needs to know is in the question.
///
/// Asked only when a spec is new or changed. Deletions, changes of metadata (labels, finalizers),
/// changes of the status, and any change of an object that is being deleted are allowed without
/// asking, so that an object that has become invalid can always be taken away.
pub trait Rules<K>: Send + Sync + 'static {
    /// Judges a change.
    fn judge(&self, change: &Change<'_, K>) -> Verdict;
}
