//! One question of a probe to a container.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What a probe asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    /// A GET whose answer must be a status of 200 to 399.
    Http { scheme: Scheme, address: SocketAddr, path: String, headers: Vec<(String, String)> },
    /// A connection.
    Tcp { address: SocketAddr },
}

/// Scheme of an HTTP probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Enough for the status line.
const HEAD: usize = 256;

impl Check {
    /// Asks once.
    ///
    /// # Errors
    /// The container did not answer in time or not with a success; the
    /// message is for people.
    pub(crate) async fn try_once(&self, timeout: Duration) -> Result<(), String> {
        match tokio::time::timeout(timeout, self.ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        }
    }

    async fn ask(&self) -> Result<(), String> {
        let connect = async |address: &SocketAddr| {
            TcpStream::connect(address).await.map_err(|error| format!("connecting to {address}: {error}"))
        };
        match self {
            Self::Tcp { address } => connect(address).await.map(drop),
            Self::Http { scheme, address, path, headers } => {
                let stream = connect(address).await?;
                let request = request(address, path, headers);
                let head = match scheme {
                    Scheme::Http => exchange(stream, &request).await,
                    Scheme::Https => {
                        let name = ServerName::IpAddress(address.ip().into());
                        let config = ANY_CERTIFICATE.as_ref().map_err(|error| format!("TLS: {error}"))?;
                        let tls = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                        exchange(tls.map_err(|error| format!("TLS with {address}: {error}"))?, &request).await
                    }
                };
                match status(&head.map_err(|error| format!("GET {path}: {error}"))?) {
                    Some(200..=399) => Ok(()),
                    Some(code) => Err(format!("GET {path}: status {code}")),
                    None => Err(format!("GET {path}: the answer is not HTTP")),
                }
            }
        }
    }
}

fn request(address: &SocketAddr, path: &str, headers: &[(String, String)]) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let has_host = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let mut request = format!("GET {slash}{path} HTTP/1.1\r\n");
    if !has_host {
        request.push_str(&format!("Host: {address}\r\n"));
    }
    request.push_str("User-Agent: kube-probe/process-kubelet\r\nAccept: */*\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request
}

/// Sends the request and reads the beginning of the answer.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::with_capacity(HEAD);
    while head.len() < HEAD && !head.contains(&b'\n') {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// The status code of an HTTP answer.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// TLS to whoever is there: a probe of a real kubelet verifies nothing either.
static ANY_CERTIFICATE: LazyLock<Result<Arc<ClientConfig>, Error>> = LazyLock::new(|| {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate(provider.signature_verification_algorithms));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
});

#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answer_of(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let headers = vec![("X-A".to_owned(), "b".to_owned())];
        let check = Check::Http { scheme: Scheme::Http, address, path: "/healthz".into(), headers };
        let result = check.try_once(Duration::from_secs(5)).await;
        let request = server.await.unwrap();
        assert!(request.starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        assert!(request.contains("\r\nX-A: b\r\n"), "{request}");
        result
    }

    #[tokio::test]
    async fn statuses_from_200_to_399_are_success() {
        assert_eq!(answer_of("HTTP/1.1 200 OK\r\n\r\n").await, Ok(()));
        assert_eq!(answer_of("HTTP/1.1 302 Found\r\n\r\n").await, Ok(()));
        assert!(answer_of("HTTP/1.1 500 No\r\n\r\n").await.unwrap_err().contains("500"));
        assert!(answer_of("SSH-2.0\r\n").await.unwrap_err().contains("not HTTP"));
    }

    #[tokio::test]
    async fn a_tcp_probe_only_connects() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = Check::Tcp { address: listener.local_addr().unwrap() };
        assert_eq!(check.try_once(Duration::from_secs(5)).await, Ok(()));
        drop(listener);
        assert!(check.try_once(Duration::from_secs(5)).await.is_err());
    }
}
