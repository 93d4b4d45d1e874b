//! What the policy can say about a CSR.

use super::request::RequestFault;

/// What becomes of a CSR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is approved.
    Approve(Approval),
    /// It stays pending, and that is reported.
    Refuse {
        /// What differs, for events and metrics.
        reason: RefusalReason,
        /// What was seen, and what was expected.
        message: String,
    },
    /// It is not ours to decide.
    Ignore(IgnoreReason),
}

/// An approval, good for exactly the CSR that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// `metadata.name` of the CSR.
    pub name: String,
    /// `metadata.uid` of the CSR.
    pub uid: String,
    /// `metadata.resourceVersion` of the CSR.
    pub resource_version: String,
    /// Name of the agent that gets the identity.
    pub agent: String,
    /// Why, for the condition on the CSR.
    pub message: String,
}

/// What about a CSR differs from the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// Somebody else made it.
    Requester,
    /// An account of the same name, but another one, made it.
    RequesterUid,
    /// The account has other groups.
    RequesterGroups,
    /// The account used a token that was not handed out for this.
    RequesterToken,
    /// No join or re-enrolment is under way.
    WindowClosed,
    /// It names another cluster, or an add-on.
    Label,
    /// Its own name does not begin with the cluster's.
    Name,
    /// It asks another signer.
    Signer,
    /// It asks for other usages.
    Usages,
    /// It asks for too long a lifetime.
    Expiration,
    /// The request inside is not as expected.
    Request(RequestFault),
    /// The identity belongs to another agent.
    IdentityInUse,
    /// Another CSR of the same account was approved before.
    AlreadyAdmitted,
}

impl RefusalReason {
    /// The reason as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requester => "Requester",
            Self::RequesterUid => "RequesterUid",
            Self::RequesterGroups => "RequesterGroups",
            Self::RequesterToken => "RequesterToken",
            Self::WindowClosed => "WindowClosed",
            Self::Label => "Label",
            Self::Name => "Name",
            Self::Signer => "Signer",
            Self::Usages => "Usages",
            Self::Expiration => "Expiration",
            Self::Request(RequestFault::Size) => "RequestSize",
            Self::Request(RequestFault::Pem) => "RequestPem",
            Self::Request(RequestFault::Der) => "RequestDer",
            Self::Request(RequestFault::Subject) => "RequestSubject",
            Self::Request(RequestFault::Organization) => "RequestOrganization",
            Self::Request(RequestFault::CommonName) => "RequestCommonName",
            Self::Request(RequestFault::Attributes) => "RequestAttributes",
            Self::Request(RequestFault::Key) => "RequestKey",
            Self::Request(RequestFault::Signature) => "RequestSignature",
            Self::IdentityInUse => "IdentityInUse",
            Self::AlreadyAdmitted => "AlreadyAdmitted",
        }
    }
}

/// Why a CSR is not ours to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IgnoreReason {
    /// It is approved already.
    Approved,
    /// Somebody denied it, or the signer gave up.
    Rejected,
    /// It neither names the cluster nor comes from its account.
    NotOurs,
    /// An agent of the cluster made it with the identity that it has; OCM decides.
    Renewal,
    /// The same account made a newer one, because its agent lost this one's key.
    Superseded {
        /// `metadata.name` of the newer one.
        by: String,
    },
}

/// What becomes of one CSR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// `metadata.name` of the CSR.
    pub name: String,
    /// What becomes of it.
    pub decision: Decision,
}
