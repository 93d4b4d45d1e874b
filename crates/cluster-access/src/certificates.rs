//! Approval of certificate signing requests.

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{Patch, PatchParams};
use serde::de::IgnoredAny;
use serde_json::json;

use crate::cluster::Cluster;
use crate::error::AccessError;
use crate::objects::{Doing, built, named, path};
use fleet_plan::object::ObjectKey;

impl Cluster {
    /// Approves a CSR, only if it is still the one that was judged.
    ///
    /// A merge patch replaces the list of conditions; the resourceVersion in it makes that safe,
    /// because a CSR with a condition that nobody has seen has another version. The server sets the
    /// times of the condition.
    ///
    /// # Errors
    /// [`Failure::Stale`](crate::Failure::Stale) when the CSR changed since it was judged;
    /// [`Failure::Forbidden`](crate::Failure::Forbidden) without the right to approve for its signer.
    pub async fn approve_csr(
        &self,
        name: &str,
        resource_version: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), AccessError> {
        let key = ObjectKey::cluster::<CertificateSigningRequest>(name);
        let doing = Doing("approving", &key);
        let body = json!({
            "metadata": { "resourceVersion": resource_version },
            "status": { "conditions": [
                { "type": "Approved", "status": "True", "reason": reason, "message": message },
            ] },
        });
        let request = path(&key.resource, None).patch_subresource(
            "approval",
            named(&doing, &key)?,
            &PatchParams::default(),
            &Patch::Merge(&body),
        );
        self.call::<IgnoredAny>(&doing, built(&doing, request)?).await.map(drop)
    }
}
