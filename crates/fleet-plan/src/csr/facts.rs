//! What the policy needs to know about a CSR.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

/// What is known about a CSR. All of it but the requester (user name, UID, groups, extra) and the
/// state was chosen by whoever made it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CsrFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` of what was judged.
    pub resource_version: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.creationTimestamp`, in whole seconds.
    pub created: Option<Timestamp>,
    /// `spec.signerName`.
    pub signer_name: String,
    /// `spec.username`: who made the CSR, written by the API server.
    pub username: String,
    /// `spec.uid`: UID of that user; of a ServiceAccount its `metadata.uid`. Empty when there is none.
    pub user_uid: String,
    /// `spec.groups`: groups of that user.
    pub groups: BTreeSet<String>,
    /// Keys of `spec.extra`: what else the authenticator said about that user.
    pub extra_keys: BTreeSet<String>,
    /// `spec.usages`, as often as they are listed.
    pub usages: Vec<String>,
    /// `spec.expirationSeconds`.
    pub expiration_seconds: Option<i32>,
    /// `spec.request`: PEM of a PKCS #10 request, unchecked.
    pub request: Vec<u8>,
    /// Condition `Approved` is there.
    pub approved: bool,
    /// Condition `Denied` is there.
    pub denied: bool,
    /// Condition `Failed` is there: the signer gave up.
    pub failed: bool,
    /// `status.certificate` is there.
    pub issued: bool,
}

/// The request itself is left out: long, and the sender's to fill.
impl std::fmt::Debug for CsrFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsrFacts")
            .field("name", &self.name)
            .field("uid", &self.uid)
            .field("resource_version", &self.resource_version)
            .field("username", &self.username)
            .field("request_bytes", &self.request.len())
            .finish_non_exhaustive()
    }
}

impl From<&CertificateSigningRequest> for CsrFacts {
    fn from(csr: &CertificateSigningRequest) -> Self {
        let metadata = &csr.metadata;
        let spec = &csr.spec;
        let status = csr.status.as_ref();
        // The API server admits these condition types with status True only.
        let has = |type_: &str| {
            status
                .and_then(|status| status.conditions.as_deref())
                .is_some_and(|conditions| conditions.iter().any(|condition| condition.type_ == type_))
        };
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
            labels: metadata.labels.clone().unwrap_or_default(),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            signer_name: spec.signer_name.clone(),
            username: spec.username.clone().unwrap_or_default(),
            user_uid: spec.uid.clone().unwrap_or_default(),
            groups: spec.groups.iter().flatten().cloned().collect(),
            extra_keys: spec.extra.iter().flatten().map(|(key, _)| key.clone()).collect(),
            usages: spec.usages.clone().unwrap_or_default(),
            expiration_seconds: spec.expiration_seconds,
            request: spec.request.0.clone(),
            approved: has("Approved"),
            denied: has("Denied"),
            failed: has("Failed"),
            issued: status
                .and_then(|status| status.certificate.as_ref())
                .is_some_and(|certificate| !certificate.0.is_empty()),
        }
    }
}
