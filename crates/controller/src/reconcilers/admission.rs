//! Telling of the certificate requests of spokes that were approved or refused.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use cluster_access::ObjectKey;
use fleet_plan::spoke::plan::RefusedCsr;
use fleet_plan::spoke::verdict::refused_csr_told;
use fleetconfig_api::Reason;
use fleetconfig_api::v1beta1::Spoke;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::ResourceExt;
use tracing::{info, warn};

use super::Shared;
use super::cluster_events::OnHub;
use super::report::key;

/// What the operator was doing, for events.
const ACTION: &str = "JudgeCsr";

impl Shared {
    /// Tells of each decision once: in the log, as a metric, and as events of the Spoke and of its
    /// ManagedCluster. A request that was refused stays pending and is judged anew in every pass, until it
    /// goes or is approved.
    pub(super) fn tell_of_csrs(
        &self,
        spoke: &Spoke,
        on_hub: OnHub<'_>,
        approved: &[String],
        refused: &[RefusedCsr],
    ) {
        let object = key(spoke);
        for name in approved {
            let csr = ObjectKey::cluster::<CertificateSigningRequest>(&**name);
            info!(%object, %csr, decision = "approved");
            self.runtime.metrics.csr_approved();
            let message = format!("CertificateSigningRequest {name} was approved");
            self.event(spoke, false, Reason::CsrApproved, &message);
            on_hub.publish(false, Reason::CsrApproved, ACTION, message);
        }
        let uid = spoke.uid().unwrap_or_default();
        let names: BTreeSet<String> = refused.iter().map(|csr| csr.name.clone()).collect();
        let told = {
            let mut told = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let before = if names.is_empty() { told.remove(&uid) } else { told.insert(uid, names) };
            let by_another = || refused_csr_told(spoke.status.as_ref()).map(str::to_owned);
            before.unwrap_or_else(|| by_another().into_iter().collect())
        };
        for csr in refused.iter().filter(|csr| !told.contains(&csr.name)) {
            let RefusedCsr { name, reason, message } = csr;
            warn!(%object, csr = name, decision = "refused", reason, message);
            self.runtime.metrics.csr_refused(reason);
            let message = format!("CertificateSigningRequest {name}: {message}");
            self.event(spoke, true, Reason::CsrRefused, &message);
            on_hub.publish(true, Reason::CsrRefused, ACTION, message);
        }
    }
}
