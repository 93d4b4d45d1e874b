//! Sorting of what goes wrong below HTTP: sockets, name resolution, TLS.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::error::{Cause, Failure};

/// Sorts an error of the connection by the first cause in its chain that says something definite.
pub(crate) fn failure(error: Cause) -> Failure {
    let verdict = first_verdict(error.as_ref());
    match verdict {
        Verdict::Untrusted(detail) => Failure::Tls { detail, source: Some(error) },
        Verdict::Refused(message) => Failure::Unauthorized { message },
        Verdict::Unreachable(detail) => Failure::Unreachable { detail, source: Some(error) },
    }
}

enum Verdict {
    Untrusted(String),
    Refused(String),
    Unreachable(String),
}

fn first_verdict(error: &(dyn StdError + 'static)) -> Verdict {
    let mut link = Some(error);
    let mut deepest = String::new();
    let mut resolving = false;
    while let Some(error) = link {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return tls_verdict(tls);
        }
        let mut next = error.source();
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if let Some(verdict) = io_verdict(io) {
                return verdict;
            }
            // `source` of an io::Error skips the error that it wraps.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
            }
        }
        deepest = error.to_string();
        resolving |= deepest == "dns error";
        link = next;
    }
    Verdict::Unreachable(if resolving {
        format!("its host name does not resolve ({deepest})")
    } else {
        deepest
    })
}

fn io_verdict(error: &io::Error) -> Option<Verdict> {
    let seen = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "the connection was cut off"
        }
        io::ErrorKind::UnexpectedEof => "the connection was closed before an answer came",
        io::ErrorKind::TimedOut => "no connection in time",
        io::ErrorKind::HostUnreachable => "no route to the host",
        io::ErrorKind::NetworkUnreachable => "the network is unreachable",
        _ => return None,
    };
    // A TLS error can travel in an io::Error of any kind, and says more.
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return None;
    }
    Some(Verdict::Unreachable(seen.to_owned()))
}

fn tls_verdict(error: &rustls::Error) -> Verdict {
    match error {
        rustls::Error::InvalidCertificate(problem) => Verdict::Untrusted(certificate_problem(problem)),
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired,
        ) => Verdict::Refused(format!("it does not accept our client certificate ({error})")),
        rustls::Error::InvalidMessage(_) => Verdict::Untrusted("the address does not speak TLS".to_owned()),
        other => Verdict::Untrusted(format!("no TLS session: {other}")),
    }
}

/// What is wrong with a server's certificate, in words that name the remedy's direction.
pub(crate) fn certificate_problem(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "it is signed by a CA that is not among the configured ones".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "it is for another host name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = if presented.is_empty() {
                "no host at all".to_owned()
            } else {
                presented.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ")
            };
            format!("it is for {presented}, not for {}", expected.to_str())
        }
        CertificateError::Revoked => "it is revoked".to_owned(),
        CertificateError::BadSignature => "its signature does not match the configured CA".to_owned(),
        other => format!("{other}"),
    }
}
