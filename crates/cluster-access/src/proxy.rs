//! Proxies on the way to clusters.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The variables that name a proxy, in the order in which they are asked.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Most bytes of a proxy's answer to `CONNECT` that are read.
const LARGEST_ANSWER: usize = 8 << 10;

/// A proxy that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable} must be the URL of an HTTP proxy, http://host:port; proxies that are spoken to by TLS or SOCKS are not supported"
)]
pub struct ProxyError {
    /// The variable that names it.
    pub variable: &'static str,
}

/// Which addresses are reached through a proxy; none by default.
///
/// A kubeconfig may not name one: whoever writes it would choose where the operator's requests go. Whoever
/// runs the process may, for all clusters.
#[derive(Clone, Default)]
pub struct ProxyRules(Option<Arc<Matcher>>);

impl ProxyRules {
    /// What `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say (or the same in small letters). `NO_PROXY` is a list
    /// of hosts, domains (with what is below them), addresses and address ranges such as `10.0.0.0/8`; `*` is
    /// all.
    ///
    /// # Errors
    /// When they name something else than an HTTP proxy.
    pub fn from_environment() -> Result<Self, ProxyError> {
        for variable in VARIABLES {
            let Some(named) = std::env::var_os(variable) else { continue };
            let named = named.to_string_lossy();
            if named.split_once("://").is_some_and(|(scheme, _)| scheme != "http") {
                return Err(ProxyError { variable });
            }
        }
        Ok(Self(Some(Arc::new(Matcher::from_env()))))
    }

    /// As [`ProxyRules::from_environment`], from given values.
    #[must_use]
    pub fn of(https_proxy: &str, no_proxy: &str) -> Self {
        Self(Some(Arc::new(Matcher::builder().https(https_proxy).no(no_proxy).build())))
    }

    /// The proxy for an address, with user and password if it has some.
    #[must_use]
    pub fn proxy_for(&self, address: &Uri) -> Option<Uri> {
        let intercepted = self.0.as_ref()?.intercept(address)?;
        let uri = intercepted.uri();
        // The matcher takes them out of the URL, and the client looks for them there.
        let basic = intercepted.basic_auth().and_then(|value| value.to_str().ok());
        let decoded = basic.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
        let Some(user_info) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Some(uri.clone());
        };
        let (user, password) = user_info.split_once(':').unwrap_or((&user_info, ""));
        let authority = format!("{}:{}@{}", encoded(user), encoded(password), uri.authority()?);
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(authority.parse().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// A connection to a host, through its proxy if it has one.
    pub(crate) async fn connect(&self, address: &Uri, host: &str, port: u16) -> std::io::Result<TcpStream> {
        let Some(proxy) = self.0.as_ref().and_then(|matcher| matcher.intercept(address)) else {
            return TcpStream::connect((host, port)).await;
        };
        let uri = proxy.uri();
        let mut stream =
            TcpStream::connect((uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80))).await?;
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(authorization) = proxy.basic_auth().and_then(|value| value.to_str().ok()) {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let answer = answer_head(&mut stream).await?;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') {
            return Ok(stream);
        }
        let line = answer.lines().next().unwrap_or_default();
        Err(std::io::Error::other(format!("the proxy answers: {}", crate::redact::foreign_text(line))))
    }
}

/// The head of an answer, byte by byte, because what follows it belongs to somebody else.
async fn answer_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LARGEST_ANSWER {
            return Err(std::io::Error::other("the proxy's answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A user name or password as a URL has it.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

// A proxy's address may hold a password.
impl fmt::Debug for ProxyRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProxyRules(..)" } else { "ProxyRules(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(rules: &ProxyRules, address: &str) -> Option<String> {
        rules.proxy_for(&address.parse().ok()?).map(|uri| uri.to_string())
    }

    #[test]
    fn what_no_proxy_names_is_reached_directly() {
        let rules =
            ProxyRules::of("http://proxy.example:3128", "10.0.0.0/8,.corp.example,kubernetes.default.svc");
        let through = Some("http://proxy.example:3128/".to_owned());
        assert_eq!(proxy(&rules, "https://spoke.example:6443"), through);
        for direct in ["https://10.1.2.3:6443", "https://api.corp.example", "https://kubernetes.default.svc"]
        {
            assert_eq!(proxy(&rules, direct), None, "{direct}");
        }
        assert_eq!(proxy(&ProxyRules::default(), "https://spoke.example"), None);
    }

    #[test]
    fn user_and_password_go_along_and_are_not_shown() {
        let rules = ProxyRules::of("http://me:p%40ss@proxy.example:3128", "");
        assert_eq!(proxy(&rules, "https://a").as_deref(), Some("http://me:p%40ss@proxy.example:3128/"));
        assert!(!format!("{rules:?}").contains("p%40ss"));
    }
}
