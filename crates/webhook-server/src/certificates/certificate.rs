//! Certificates of authorities, as they stand in bundles.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// More than this is no bundle of ours, and is not read on.
const LARGEST_BUNDLE: usize = 256 << 10;
const MOST_CERTIFICATES: usize = 64;

/// The certificate of an authority. Two are equal when their bytes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Certificate {
    der: Arc<[u8]>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What a PEM text holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Certificates of authorities, in order, each once.
    pub certificates: Vec<Certificate>,
    /// There is something else in it, too.
    pub has_more: bool,
}

impl Certificate {
    /// Reads a DER certificate; `None` unless it is one of an authority.
    pub fn of_authority(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        let signs = match parsed.key_usage() {
            Ok(Some(usage)) => usage.value.key_cert_sign(),
            Ok(None) => true,
            Err(_) => false,
        };
        if !rest.is_empty() || !parsed.is_ca() || !signs {
            return None;
        }
        let validity = parsed.validity();
        Some(Self {
            der: der.into(),
            not_before: Timestamp::from_second(validity.not_before.timestamp()).ok()?,
            not_after: Timestamp::from_second(validity.not_after.timestamp()).ok()?,
        })
    }

    /// Stands for a certificate where only identity and validity matter.
    #[cfg(test)]
    pub(crate) fn pretended(name: &str, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self { der: name.as_bytes().into(), not_before, not_after }
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// From when on it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// As PEM, with a line break at the end.
    pub fn pem(&self) -> String {
        let body = STANDARD.encode(&self.der);
        let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
        text
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self}, {} to {})", self.not_before, self.not_after)
    }
}

/// The first bytes of its SHA-256 fingerprint.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = Sha256::digest(&self.der);
        digest.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Bundle {
    /// Reads a PEM text, however broken it is.
    pub fn read(pem: &[u8]) -> Self {
        let mut bundle = Self::default();
        if pem.len() > LARGEST_BUNDLE {
            return Self { has_more: true, ..bundle };
        }
        if pem.iter().all(u8::is_ascii_whitespace) {
            return bundle;
        }
        let mut blocks = 0;
        for block in Pem::iter_from_buffer(pem) {
            blocks += 1;
            let certificate = block
                .ok()
                .filter(|block| block.label == "CERTIFICATE")
                .and_then(|block| Certificate::of_authority(&block.contents));
            match certificate {
                Some(certificate) if blocks <= MOST_CERTIFICATES => {
                    if !bundle.certificates.contains(&certificate) {
                        bundle.certificates.push(certificate);
                    }
                }
                // A block that cannot be read may come again and again.
                _ => {
                    bundle.has_more = true;
                    break;
                }
            }
        }
        bundle.has_more |= blocks == 0;
        bundle
    }
}

/// A PEM text of these certificates.
pub fn to_pem<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> String {
    certificates.into_iter().fold(String::new(), |mut text, certificate| {
        // Writing to a string does not fail.
        let _ = write!(text, "{}", certificate.pem());
        text
    })
}
