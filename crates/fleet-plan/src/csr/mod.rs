//! Which certificate requests are approved: the pure CSR policy, default deny.
//!
//! A managed cluster gets its identity on the hub by a CertificateSigningRequest (CSR). Approving one
//! hands that identity out, so nothing is approved that is not, in every respect, the request that
//! OCM's agent of an expected cluster makes during its first contact, from the one account that was
//! made for it, while the window for that contact is open.
//!
//! Three outcomes, none of which is a denial:
//!
//! - **Approve**: everything agrees.
//! - **Refuse**: somebody claims to be the cluster, but something differs. The request stays pending
//!   and the reason is reported. It is not denied, because a denial is final: the agent that made the
//!   request never asks again until it restarts, while a pending request can still be approved when
//!   what was missing is there (a window that opens, an account that is recreated), or by a person.
//!   Kubernetes removes pending requests after a day.
//! - **Ignore**: not ours to decide. Decided requests, other clusters, and renewals, which OCM approves
//!   itself by asking the API server whether the agent may renew.
//!
//! **One account admits one request.** The agent keeps its key in memory until the certificate is
//! there, and one that restarts before makes a new key and a new request. Of several pending requests
//! the newest is therefore the live one, and the only one that is approved. Once a request of an
//! account has been approved, no other one is: it would be a second identity for one cluster, and it
//! is what a thief of the token would send. If the agent lost its key in the moment between approval
//! and certificate, the way out is a new account (whose UID the API server writes into the request),
//! which is what opening the window anew means.
//!
//! What the agent sends is a fact of OCM 1.x: signer `kubernetes.io/kube-apiserver-client`; usages
//! digital signature, key encipherment and client auth; an EC P-256 key; common name
//! `system:open-cluster-management:<cluster>:<agent>`; organizations of the cluster and of all managed
//! clusters; no extensions; label `open-cluster-management.io/cluster-name`.

mod decision;
mod der;
mod facts;
mod policy;
mod request;
#[cfg(test)]
pub(crate) mod tests;

pub use decision::{Approval, Decision, IgnoreReason, Judgement, RefusalReason};
pub use facts::CsrFacts;
pub use policy::{Expected, Requester, Window, judge};
pub use request::{AgentRequest, MAX_REQUEST_BYTES, RequestError, RequestFault};
