//! The shared authority: made, read back, and what it signs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::{Bundle, Certificate};
use super::decide::{LeafSeen, Times};

/// Names of this part in certificates, for people.
const COMMON_NAME: &str = "fleetconfig-controller webhook";

/// rcgen's times are of a type of another crate, which this one does not name: it is reached from
/// 1970 by arithmetic.
macro_rules! moment {
    ($at:expr) => {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from($at.as_second()).unwrap_or_default())
    };
}

/// A certificate authority with its key. Has no `Debug`, and is never logged.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

/// What is wrong with an authority or with signing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The text is not one certificate of an authority.
    #[error("it is not one certificate of an authority, in PEM")]
    Certificate,
    /// The text is no private key.
    #[error("the private key cannot be read")]
    Key,
    /// Key and certificate are not a pair, or the certificate has not signed itself.
    #[error("certificate and private key do not belong together")]
    Pair,
    /// Something could not be made.
    #[error("cannot make a certificate")]
    Making(#[from] rcgen::Error),
    /// The provider does not take what was made.
    #[error("the TLS provider cannot use the certificate")]
    Provider(#[from] rustls::Error),
    /// The binary did not install a TLS provider.
    #[error("no TLS provider is installed in this process")]
    NoProvider,
}

/// A serving certificate with its key, ready for handshakes, and what is known about it.
#[derive(Clone)]
pub struct Leaf {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) seen: LeafSeen,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn mint(now: Timestamp, times: &Times) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        // The time makes the name unique, so that clients need not try one after the other.
        params.distinguished_name = named(&format!("{COMMON_NAME} CA {now}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = moment!(before(now, times.backdate));
        params.not_after = moment!(after(now, times.authority));
        let issuer = CertifiedIssuer::self_signed(params, &key)?;
        let certificate = Certificate::of_authority(issuer.der()).ok_or(AuthorityError::Certificate)?;
        Ok(Self { certificate, key })
    }

    /// Reads one back.
    ///
    /// # Errors
    /// When it is not one, or not whole.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, AuthorityError> {
        let Bundle { certificates, has_more } = Bundle::read(certificate);
        let [certificate] = certificates.as_slice() else { return Err(AuthorityError::Certificate) };
        if has_more {
            return Err(AuthorityError::Certificate);
        }
        let key = std::str::from_utf8(key).map_err(|_| AuthorityError::Key)?;
        let key = KeyPair::from_pem(key).map_err(|_| AuthorityError::Key)?;
        let (_, parsed) =
            X509Certificate::from_der(certificate.der()).map_err(|_| AuthorityError::Certificate)?;
        let same_key = parsed.public_key().raw == key.subject_public_key_info().as_slice();
        if !same_key || parsed.verify_signature(None).is_err() {
            return Err(AuthorityError::Pair);
        }
        Ok(Self { certificate: certificate.clone(), key })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its private key, for the Secret.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Signs a serving certificate for these DNS names, with a key of its own.
    ///
    /// # Errors
    /// When a name is none, or when the process has no TLS provider.
    pub fn sign(&self, names: &[String], now: Timestamp, times: &Times) -> Result<Leaf, AuthorityError> {
        let provider = CryptoProvider::get_default().ok_or(AuthorityError::NoProvider)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let not_before = before(now, times.backdate).max(self.certificate.not_before());
        let not_after = after(now, times.leaf).min(self.certificate.not_after());
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named(COMMON_NAME);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = moment!(not_before);
        params.not_after = moment!(not_after);
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(self.certificate.der()), &self.key)?;
        let certificate = params.signed_by(&key, &issuer)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = CertifiedKey::from_der(vec![certificate.der().clone()], private, provider)?;
        Ok(Leaf {
            key: Arc::new(key),
            seen: LeafSeen { authority: self.certificate.clone(), not_before, not_after },
        })
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn after(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn before(now: Timestamp, by: Duration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}
