//! The certificate authorities of a cluster and what they sign.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub(crate) struct SignedPair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate authority that lives in one cluster.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pair: SignedPair,
}

impl Authority {
    /// A new authority with a key of its own.
    pub(crate) fn generate(name: &str) -> Result<Self> {
        let key = KeyPair::generate().context("generating the key of a certificate authority")?;
        let params = authority_params(name);
        let certificate =
            params.self_signed(&key).with_context(|| format!("signing authority {name}"))?.pem();
        let pair = SignedPair { certificate, key: key.serialize_pem() };
        Ok(Self { issuer: Issuer::new(params, key), pair })
    }

    /// The authority that [`Self::generate`] made under the same name.
    pub(crate) fn load(name: &str, pair: SignedPair) -> Result<Self> {
        let key =
            KeyPair::from_pem(&pair.key).with_context(|| format!("reading the key of authority {name}"))?;
        Ok(Self { issuer: Issuer::new(authority_params(name), key), pair })
    }

    /// A client certificate: Kubernetes reads the user from the common name
    /// and the group from the organization.
    pub(crate) fn client(&self, user: &str, group: Option<&str>) -> Result<SignedPair> {
        let mut subject = DistinguishedName::new();
        if let Some(group) = group {
            subject.push(DnType::OrganizationName, group);
        }
        subject.push(DnType::CommonName, user);
        let mut params = leaf_params(subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params).with_context(|| format!("signing a client certificate for {user}"))
    }

    /// A serving certificate for these host names and addresses.
    pub(crate) fn server(&self, name: &str, hosts: Vec<String>) -> Result<SignedPair> {
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, name);
        let mut params = leaf_params(subject);
        params.subject_alt_names = CertificateParams::new(hosts)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params).with_context(|| format!("signing the serving certificate of {name}"))
    }

    fn sign(&self, mut params: CertificateParams) -> Result<SignedPair> {
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(SignedPair { certificate, key: key.serialize_pem() })
    }
}

/// The key pair that signs service-account tokens: (private, public), PEM.
pub(crate) fn token_signing_key() -> Result<(String, String)> {
    let key = KeyPair::generate().context("generating the service-account key")?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    set_validity(&mut params);
    params
}

fn leaf_params(subject: DistinguishedName) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    set_validity(&mut params);
    params
}

/// A bed lives for hours, but its clock may be anything; fixed far-away dates
/// can neither lie in the future nor run out.
fn set_validity(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_authority_signs_with_the_same_key_and_name() {
        let made = Authority::generate("bed-ca").unwrap();
        let loaded = Authority::load("bed-ca", made.pair.clone()).unwrap();
        assert_eq!(made.issuer.key().public_key_pem(), loaded.issuer.key().public_key_pem());
        assert_eq!(format!("{:?}", made.issuer), format!("{:?}", loaded.issuer));
        loaded.client("someone", Some("some-group")).unwrap();
    }
}
