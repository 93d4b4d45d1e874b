//! The authorities that the image trusts where a kubeconfig names none: Mozilla's list, as the crate
//! `webpki-root-certs` of Cargo.lock carries it. From a crate and not from the machine that builds, so
//! that the same checkout gives the same file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where Go, OpenSSL and rustls look for them first.
pub(crate) const PATH: &str = "etc/ssl/certs/ca-certificates.crt";

/// All of them as PEM.
pub(crate) fn pem() -> String {
    let mut certificates: Vec<&[u8]> =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref).collect();
    // The crate's order is that of a report; ours moves only when a certificate does.
    certificates.sort_unstable();
    certificates.into_iter().map(one).collect()
}

fn one(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    // 48 bytes are 64 characters, the width of RFC 7468.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_comes_back_from_the_pem() {
        let pem = pem();
        let mut back = Vec::new();
        for block in pem.split("-----BEGIN CERTIFICATE-----\n").skip(1) {
            let body = block.strip_suffix("-----END CERTIFICATE-----\n").unwrap();
            assert!(body.lines().all(|line| line.len() <= 64));
            back.push(STANDARD.decode(body.replace('\n', "")).unwrap());
        }
        let mut all: Vec<Vec<u8>> =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| der.to_vec()).collect();
        all.sort();
        assert!(all.len() > 100, "only {} authorities", all.len());
        assert_eq!(back, all);
    }
}
