//! Certificate requests, right and wrong, written byte by byte.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PublicKeyData, SigningKey};

use crate::csr::der::{self, tlv};

/// OID of an organization in a subject.
pub(super) const ORGANIZATION: [u8; 3] = [0x55, 0x04, 0x0a];
/// OID of a common name in a subject.
pub(super) const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// OID of an organizational unit in a subject.
pub(super) const UNIT: [u8; 3] = [0x55, 0x04, 0x0b];
/// Tag of a PrintableString.
pub(super) const PRINTABLE: u8 = 0x13;
/// Tag of a UTF8String.
pub(super) const UTF8: u8 = 0x0c;
/// ecdsa-with-SHA256.
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// A key as OCM's agent makes it.
pub(super) static KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap());
/// Another such key.
pub(super) static OTHER_KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap());
/// A stronger key than the agent makes.
pub(super) static P384_KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap());
/// A key of a kind that the agent does not make.
pub(super) static ED25519_KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());

/// One attribute of a subject: type, tag of the text, text.
pub(super) type Attribute = (Vec<u8>, u8, Vec<u8>);

/// A request in the making.
#[derive(Clone)]
pub(super) struct Draft {
    /// The subject: sets of attributes.
    pub(super) subject: Vec<Vec<Attribute>>,
    /// The attributes of the request, with their tag.
    pub(super) attributes: Vec<u8>,
    /// The version, with its tag.
    pub(super) version: Vec<u8>,
    /// The key that the request holds.
    pub(super) key: &'static KeyPair,
    /// The key that signs it.
    pub(super) signer: &'static KeyPair,
    /// The signature's algorithm, as an OID.
    pub(super) algorithm: Vec<u8>,
    /// Writes the subject's length in four bytes more than needed, which BER allows and DER forbids.
    pub(super) long_length: bool,
}

impl Draft {
    /// The request that OCM's agent makes.
    pub(super) fn of(cluster: &str, agent: &str) -> Self {
        let organization =
            |text: String| -> Attribute { (ORGANIZATION.into(), PRINTABLE, text.into_bytes()) };
        Self {
            subject: vec![
                vec![
                    organization(format!("system:open-cluster-management:{cluster}")),
                    organization("system:open-cluster-management:managed-clusters".into()),
                ],
                vec![(
                    COMMON_NAME.into(),
                    PRINTABLE,
                    format!("system:open-cluster-management:{cluster}:{agent}").into_bytes(),
                )],
            ],
            attributes: der::NO_ATTRIBUTES.into(),
            version: der::VERSION.into(),
            key: &KEY,
            signer: &KEY,
            algorithm: ECDSA_SHA256.into(),
            long_length: false,
        }
    }

    /// The same request with another subject, given as sets of (type, text).
    pub(super) fn with_subject(mut self, subject: &[&[(&[u8], &str)]]) -> Self {
        self.subject = subject
            .iter()
            .map(|set| {
                set.iter().map(|(oid, text)| (oid.to_vec(), PRINTABLE, text.as_bytes().to_vec())).collect()
            })
            .collect();
        self
    }

    /// The same request with another key, which also signs it.
    pub(super) fn with_key(mut self, key: &'static KeyPair) -> Self {
        self.key = key;
        self.signer = key;
        self
    }

    /// DER of the request.
    pub(super) fn der(&self) -> Vec<u8> {
        let sets: Vec<Vec<u8>> = self
            .subject
            .iter()
            .map(|set| {
                let attributes: Vec<Vec<u8>> = set
                    .iter()
                    .map(|(oid, tag, text)| {
                        tlv(der::SEQUENCE, &[&tlv(der::OID, &[oid]), &tlv(*tag, &[text])])
                    })
                    .collect();
                tlv(der::SET, &slices(&attributes))
            })
            .collect();
        let subject = if self.long_length {
            let content = sets.concat();
            let mut out = vec![der::SEQUENCE, 0x84];
            out.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
            out.extend(content);
            out
        } else {
            tlv(der::SEQUENCE, &slices(&sets))
        };
        let info = tlv(
            der::SEQUENCE,
            &[&self.version, &subject, &self.key.subject_public_key_info(), &self.attributes],
        );
        let signature = self.signer.sign(&info).unwrap();
        tlv(
            der::SEQUENCE,
            &[
                &info,
                &tlv(der::SEQUENCE, &[&tlv(der::OID, &[&self.algorithm])]),
                &tlv(der::BIT_STRING, &[&[0], &signature]),
            ],
        )
    }

    /// PEM of the request, as Go writes it.
    pub(super) fn pem(&self) -> Vec<u8> {
        pem(&self.der())
    }
}

/// One PEM block of a certificate request, as Go writes it.
pub(super) fn pem(der: &[u8]) -> Vec<u8> {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
        .into_bytes()
}

/// Attributes that ask for one extension.
pub(super) fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    const EXTENSION_REQUEST: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
    let extension = tlv(der::SEQUENCE, &[&tlv(der::OID, &[oid]), &tlv(0x04, &[value])]);
    let set = tlv(der::SET, &[&tlv(der::SEQUENCE, &[&extension])]);
    tlv(0xa0, &[&tlv(der::SEQUENCE, &[&tlv(der::OID, &[&EXTENSION_REQUEST]), &set])])
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}
