//! When credentials end, as far as they say so themselves. What cannot be read has no known end.
//!
//! Nothing here is verified: an end that somebody made up moves a metric and decides nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use ocm_api::cluster::v1::ManagedCluster;
use ocm_api::names::conditions::managed_cluster::CERTIFICATE_ROTATED;
use serde::Deserialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;
use x509_parser::pem::parse_x509_pem;

use crate::spoke::credentials::SUBJECT_PREFIX;

/// More than this is no certificate of a user.
const MAX_PEM: usize = 256 * 1024;

#[derive(Deserialize)]
struct Claims {
    /// In seconds since 1970 (RFC 7519, section 4.1.4).
    exp: Option<i64>,
}

/// When a bearer token ends; `None` for one that is no JWT or has no end.
pub fn token_end(token: &str) -> Option<Timestamp> {
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Timestamp::from_second(claims.exp?).ok()
}

/// When the first certificate of a PEM bundle ends: in a chain, that of its owner.
pub fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    first_certificate(pem, end)
}

/// When the client certificate ends that an agent of a cluster uses on its hub, by what shows on the hub:
/// the certificates that were issued for its requests, which Kubernetes keeps for an hour, and what the
/// agent says of its last renewal.
pub fn agent_certificate_end<'a>(
    cluster_name: &str,
    requests: impl IntoIterator<Item = &'a CertificateSigningRequest>,
    cluster: Option<&ManagedCluster>,
) -> Option<Timestamp> {
    let issued = requests.into_iter().filter_map(|request| {
        let pem = &request.status.as_ref()?.certificate.as_ref()?.0;
        first_certificate(pem, |certificate| {
            is_agent_of(certificate, cluster_name).then(|| end(certificate))?
        })
    });
    issued.chain(cluster.and_then(renewed_until)).max()
}

/// The end in the message of the condition that an agent sets when it has renewed its certificate: OCM
/// writes `… rotated starting from BEGIN to END`, with times as Go shows them.
fn renewed_until(cluster: &ManagedCluster) -> Option<Timestamp> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let renewal =
        conditions.iter().find(|held| held.type_ == CERTIFICATE_ROTATED && held.status == "True")?;
    let (_, end) = renewal.message.rsplit_once(" to ")?;
    let (date, time) = end.strip_suffix(" +0000 UTC")?.split_once(' ')?;
    format!("{date}T{time}Z").parse().ok()
}

/// Whether the certificate is one of the cluster's agent itself. Those of its add-ons have more parts.
fn is_agent_of(certificate: &X509Certificate<'_>, cluster_name: &str) -> bool {
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let rest = name.and_then(|name| name.strip_prefix(SUBJECT_PREFIX)?.strip_prefix(cluster_name));
    rest.and_then(|rest| rest.strip_prefix(':')).is_some_and(|agent| !agent.contains(':'))
}

fn end(certificate: &X509Certificate<'_>) -> Option<Timestamp> {
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

fn first_certificate<T>(pem: &[u8], read: impl FnOnce(&X509Certificate<'_>) -> Option<T>) -> Option<T> {
    let (_, pem) = parse_x509_pem(pem.get(..MAX_PEM.min(pem.len()))?).ok()?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
    read(&certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
    use serde_json::json;

    fn certificate(common_name: &str, ends_in: i32) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_after = date_time_ymd(ends_in, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem().into_bytes()
    }

    fn issued(common_name: &str, ends_in: i32) -> CertificateSigningRequest {
        let mut request = CertificateSigningRequest::default();
        let certificate = Some(ByteString(certificate(common_name, ends_in)));
        request.status.get_or_insert_default().certificate = certificate;
        request
    }

    fn new_year(year: i32) -> Option<Timestamp> {
        format!("{year}-01-01T00:00:00Z").parse().ok()
    }

    fn rotated(status: &str, message: &str) -> ManagedCluster {
        serde_json::from_value(json!({
            "metadata": {"name": "paris"},
            "spec": {},
            "status": {"conditions": [{
                "type": CERTIFICATE_ROTATED,
                "status": status,
                "reason": "ClientCertificateUpdated",
                "message": message,
                "lastTransitionTime": "2031-01-01T00:00:00Z",
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn tokens_tell_their_end_and_others_have_none() {
        let token = |claims: &str| format!("head.{}.tail", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(token_end(&token(r#"{"exp":1800000000}"#)), Timestamp::from_second(1_800_000_000).ok());
        for none in [token("{}"), token("7"), token(r#"{"exp":9223372036854775807}"#), "abcdef.0123".into()] {
            assert_eq!(token_end(&none), None, "{none}");
        }
    }

    #[test]
    fn the_newest_certificate_of_the_agent_counts_and_no_other() {
        let requests = [
            issued("system:open-cluster-management:paris:agent-1", 2031),
            issued("system:open-cluster-management:paris:agent-1", 2032),
            issued("system:open-cluster-management:paris-2:agent-1", 2033),
            issued("system:open-cluster-management:cluster:paris:addon:proxy:agent:a", 2034),
            CertificateSigningRequest::default(),
        ];
        assert_eq!(agent_certificate_end("paris", &requests, None), new_year(2032));
        assert_eq!(agent_certificate_end("cluster", &requests, None), None);
        assert_eq!(agent_certificate_end("paris", &[], None), None);
    }

    #[test]
    fn what_the_agent_says_of_its_renewal_outlives_the_request() {
        let message = "client certificate rotated starting from 2031-01-01 00:00:00 +0000 UTC to 2035-01-01 00:00:00 +0000 UTC";
        let cluster = rotated("True", message);
        let request = [issued("system:open-cluster-management:paris:agent-1", 2032)];
        assert_eq!(agent_certificate_end("paris", &request, Some(&cluster)), new_year(2035));
        for other in [rotated("False", message), rotated("True", "rotated to noon"), rotated("True", "")] {
            assert_eq!(agent_certificate_end("paris", &[], Some(&other)), None);
        }
    }

    #[test]
    fn a_chain_ends_with_its_owner_and_garbage_never() {
        let chain = [certificate("me", 2031), certificate("authority", 2040)].concat();
        assert_eq!(certificate_end(&chain), new_year(2031));
        assert_eq!(certificate_end(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None);
        assert_eq!(certificate_end(b""), None);
    }
}
