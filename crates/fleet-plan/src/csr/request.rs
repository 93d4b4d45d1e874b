//! Reading the request inside a CSR: bytes that anybody may have written.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ocm_api::names::identities::{MANAGED_CLUSTERS_GROUP, cluster_group, parse_agent_user};
use x509_parser::asn1_rs::Tag;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256, OID_X509_COMMON_NAME,
    OID_X509_ORGANIZATION_NAME,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::der;

/// The most that a request may have, in bytes of PEM. The agent's has about 800.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;

/// The longest agent name. OCM's are a UUID or five characters.
const MAX_AGENT_NAME: usize = 128;

const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----\n";
const END: &str = "-----END CERTIFICATE REQUEST-----";

/// Who a request asks to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRequest {
    /// Name of the agent: the last part of the common name.
    pub agent: String,
}

/// Which part of a request is not as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestFault {
    /// It is larger than [`MAX_REQUEST_BYTES`].
    Size,
    /// It is not exactly one PEM block.
    Pem,
    /// It is not a PKCS #10 request in DER.
    Der,
    /// Its subject has other parts than organizations and one common name.
    Subject,
    /// Its organizations are not the two groups of the cluster's agents.
    Organization,
    /// Its common name is not that of an agent of the cluster.
    CommonName,
    /// It asks for extensions, alternative names or anything else.
    Attributes,
    /// Its key is not one that the agent makes.
    Key,
    /// It is not signed by its key.
    Signature,
}

/// A request is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// Which part.
    pub fault: RequestFault,
    /// What was seen, and what was expected.
    pub message: String,
}

fn fault(fault: RequestFault, message: impl Into<String>) -> RequestError {
    RequestError { fault, message: message.into() }
}

impl AgentRequest {
    /// Reads the PEM of a request that an agent of `cluster` made.
    ///
    /// # Errors
    /// When it is anything else than what such an agent sends.
    pub fn parse(pem: &[u8], cluster: &str) -> Result<Self, RequestError> {
        let der = only_block(pem)?;
        let malformed = || fault(RequestFault::Der, "the request is not a PKCS #10 request in DER");
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| malformed())?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        let info = &request.certification_request_info;
        let agent = agent_of(&info.subject, cluster)?;
        if !info.attributes().is_empty() {
            return Err(fault(
                RequestFault::Attributes,
                "the request asks for extensions or alternative names; OCM's agent asks for none",
            ));
        }
        let algorithm = &info.subject_pki.algorithm;
        let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
            return Err(fault(
                RequestFault::Key,
                "the request's key is not an EC P-256 key, which is what OCM's agent makes",
            ));
        }
        if request.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256
            || request.verify_signature().is_err()
        {
            return Err(fault(
                RequestFault::Signature,
                "the request is not signed (ECDSA with SHA-256) by the key that it holds",
            ));
        }
        if rewritten(&request) != der {
            return Err(malformed());
        }
        Ok(Self { agent })
    }
}

/// The DER inside the one PEM block of a request.
///
/// Kubernetes takes the first block and ignores what surrounds it; here nothing may surround it, so
/// that both read the same one.
fn only_block(pem: &[u8]) -> Result<Vec<u8>, RequestError> {
    if pem.len() > MAX_REQUEST_BYTES {
        return Err(fault(
            RequestFault::Size,
            format!("the request has {} bytes; at most {MAX_REQUEST_BYTES} are read", pem.len()),
        ));
    }
    let malformed =
        || fault(RequestFault::Pem, "the request is not exactly one PEM block of type CERTIFICATE REQUEST");
    let text = std::str::from_utf8(pem).map_err(|_| malformed())?;
    let body = text
        .strip_prefix(BEGIN)
        .and_then(|text| text.strip_suffix('\n').unwrap_or(text).strip_suffix(END))
        .and_then(|text| text.strip_suffix('\n'))
        .ok_or_else(malformed)?;
    // The decoder takes nothing but the alphabet and its padding, so headers, blank lines and a second
    // block fail here.
    STANDARD.decode(body.replace('\n', "")).map_err(|_| malformed())
}

/// The agent's name in a subject, when the subject is that of an agent of `cluster`.
fn agent_of(subject: &X509Name<'_>, cluster: &str) -> Result<String, RequestError> {
    let mut organizations = Vec::new();
    let mut common_names = Vec::new();
    for attribute in subject.iter_attributes() {
        let text = match attribute.attr_value().tag() {
            Tag::PrintableString | Tag::Utf8String => attribute.as_str().ok(),
            _ => None,
        };
        match (attribute.attr_type(), text) {
            (oid, Some(text)) if *oid == OID_X509_ORGANIZATION_NAME => organizations.push(text),
            (oid, Some(text)) if *oid == OID_X509_COMMON_NAME => common_names.push(text),
            _ => {
                return Err(fault(
                    RequestFault::Subject,
                    "the request's subject has other parts than organizations and a common name",
                ));
            }
        }
    }

    let group = cluster_group(cluster);
    let expected = BTreeSet::from([group.as_str(), MANAGED_CLUSTERS_GROUP]);
    let seen: BTreeSet<&str> = organizations.iter().copied().collect();
    if seen != expected || organizations.len() != expected.len() {
        return Err(fault(
            RequestFault::Organization,
            format!("the request's organizations are {}; expected {}", shown(&seen), shown(&expected)),
        ));
    }

    let wrong_name = || {
        fault(
            RequestFault::CommonName,
            format!("the request's common name is {}; expected {group}:<agent>", shown(&common_names)),
        )
    };
    let [common_name] = common_names.as_slice() else { return Err(wrong_name()) };
    let (of, agent) = parse_agent_user(common_name).ok_or_else(wrong_name)?;
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    if of != cluster || agent.len() > MAX_AGENT_NAME || !agent.chars().all(plain) {
        return Err(wrong_name());
    }
    Ok(agent.to_owned())
}

/// Texts of a stranger, fit for a message: quoted, escaped, cut.
fn shown<'a>(texts: impl IntoIterator<Item = &'a &'a str>) -> String {
    let list: Vec<String> = texts.into_iter().take(4).map(|text| super::policy::quoted(text)).collect();
    if list.is_empty() { "absent".to_owned() } else { list.join(" and ") }
}

/// The request as this module understood it, written again.
///
/// Called when version, attributes, key type and signature algorithm are known to be the expected
/// ones; what is not taken from the request is written as expected.
fn rewritten(request: &X509CertificationRequest<'_>) -> Vec<u8> {
    let info = &request.certification_request_info;
    let oid = |oid: &x509_parser::asn1_rs::Oid<'_>| der::tlv(der::OID, &[oid.as_bytes()]);
    let names: Vec<Vec<u8>> = info
        .subject
        .iter_rdn()
        .map(|name| {
            let attributes: Vec<Vec<u8>> = name
                .iter()
                .map(|attribute| {
                    let value = attribute.attr_value();
                    let tag = if value.tag() == Tag::PrintableString { 0x13 } else { 0x0c };
                    der::tlv(
                        der::SEQUENCE,
                        &[&oid(attribute.attr_type()), &der::tlv(tag, &[attribute.as_slice()])],
                    )
                })
                .collect();
            der::tlv(der::SET, &slices(&attributes))
        })
        .collect();
    let subject = der::tlv(der::SEQUENCE, &slices(&names));
    let key = der::tlv(
        der::SEQUENCE,
        &[
            &der::tlv(der::SEQUENCE, &[&oid(&OID_KEY_TYPE_EC_PUBLIC_KEY), &oid(&OID_EC_P256)]),
            &der::tlv(der::BIT_STRING, &[&[0], &info.subject_pki.subject_public_key.data]),
        ],
    );
    let info = der::tlv(der::SEQUENCE, &[&der::VERSION, &subject, &key, &der::NO_ATTRIBUTES]);
    let algorithm = der::tlv(der::SEQUENCE, &[&oid(&OID_SIG_ECDSA_WITH_SHA256)]);
    let signature = der::tlv(der::BIT_STRING, &[&[0], &request.signature_value.data]);
    der::tlv(der::SEQUENCE, &[&info, &algorithm, &signature])
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}
