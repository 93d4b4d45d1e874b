//! One cluster: a client, its deadline, and who the cluster is.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fleetconfig_api::Reason;
use http::{Method, Request};
use kube::Client;
use kube::core::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::error::{AccessError, Failure};
use crate::kubeconfig::CheckedKubeconfig;
use crate::proxy::ProxyRules;
use crate::tenure::Tenure;

/// A call that has ended.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// HTTP method.
    pub method: &'a Method,
    /// From the request to the last byte of the answer.
    pub took: Duration,
    /// The catalogue's word for what went wrong.
    pub failure: Option<Reason>,
}

type Tell = dyn Fn(&Call<'_>) + Send + Sync;

/// Who is told of every call; nobody by default. It is called between requests and has to be quick.
#[derive(Clone, Default)]
pub struct CallObserver(Option<Arc<Tell>>);

impl CallObserver {
    /// Tells this function.
    pub fn new(observer: impl Fn(&Call<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    /// Tells of a call.
    pub fn tell(&self, call: &Call<'_>) {
        if let Some(observer) = &self.0 {
            observer(call);
        }
    }
}

impl fmt::Debug for CallObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "CallObserver" } else { "nobody" })
    }
}

/// How clusters are talked to.
#[derive(Clone, Debug)]
pub struct AccessOptions {
    /// `User-Agent` of every request of a client that [`Cluster::open`] makes; audit logs tell our
    /// requests by it.
    pub user_agent: String,
    /// Deadline of one call, from the request to the last byte of the answer.
    pub request_timeout: Duration,
    /// Deadline of a new connection, TLS handshake included.
    pub connect_timeout: Duration,
    /// Who is told of every call, to count and to time them.
    pub observer: CallObserver,
    /// Until when calls may be made.
    pub tenure: Tenure,
    /// Through which proxies clusters are reached.
    pub proxy: ProxyRules,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("fleetconfig/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            observer: CallObserver::default(),
            tenure: Tenure::unlimited(),
            proxy: ProxyRules::default(),
        }
    }
}

/// Identity of a cluster: the UID of its namespace `kube-system`, which lives as long as the
/// cluster and is never reused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterUid(String);

impl ClusterUid {
    /// The UID as the API server wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClusterUid {
    fn from(uid: String) -> Self {
        Self(uid)
    }
}

impl fmt::Display for ClusterUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Version of an API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// Major version, such as 1.
    pub major: u32,
    /// Minor version, such as 35; providers append a `+`, which is dropped.
    pub minor: u32,
    /// The whole version, such as `v1.35.2-gke.100`.
    pub git_version: String,
}

/// A cluster that can be talked to. Cheap to clone; clones share connections and what is known.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    timeout: Duration,
    observer: CallObserver,
    tenure: Tenure,
    proxy: ProxyRules,
    server: Option<String>,
    uid: OnceCell<ClusterUid>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.inner.server)
            .field("uid", &self.inner.uid.get())
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// A cluster that a checked kubeconfig leads to. Builds a client; sends nothing.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When key and certificate do not belong together or no client can be made of them.
    pub fn open(kubeconfig: &CheckedKubeconfig, options: &AccessOptions) -> Result<Self, AccessError> {
        let client = kubeconfig
            .client(options)
            .map_err(|failure| AccessError::new("opening the cluster of the kubeconfig", failure))?;
        Ok(Self::new(client, options, Some(kubeconfig.server().to_owned())))
    }

    /// A cluster behind a client that exists: the in-cluster one, or an embedder's. Retries and
    /// connect timeout are the client's own; the deadline of calls is ours.
    pub fn from_client(client: Client, options: &AccessOptions) -> Self {
        Self::new(client, options, None)
    }

    fn new(client: Client, options: &AccessOptions, server: Option<String>) -> Self {
        let inner = Inner {
            client,
            timeout: options.request_timeout,
            observer: options.observer.clone(),
            tenure: options.tenure.clone(),
            proxy: options.proxy.clone(),
            server,
            uid: OnceCell::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// As [`Cluster::from_client`], with the address that the client uses, for those who know it.
    pub fn reached_at(client: Client, server: impl Into<String>, options: &AccessOptions) -> Self {
        Self::new(client, options, Some(server.into()))
    }

    /// URL of the API server, when it is known.
    pub fn server(&self) -> Option<&str> {
        self.inner.server.as_deref()
    }

    /// The client below, for watches.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Through which proxies this process reaches clusters.
    pub fn proxy(&self) -> &ProxyRules {
        &self.inner.proxy
    }

    /// Deadline of one call.
    pub fn request_timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// Who this cluster is. Asked once; later calls answer from memory.
    ///
    /// # Errors
    /// When the namespace `kube-system` cannot be read.
    pub async fn uid(&self) -> Result<ClusterUid, AccessError> {
        self.inner.uid.get_or_try_init(|| self.read_uid()).await.cloned()
    }

    async fn read_uid(&self) -> Result<ClusterUid, AccessError> {
        #[derive(Deserialize)]
        struct Identity {
            metadata: ObjectMeta,
        }
        const OPERATION: &str = "reading Namespace kube-system";
        let request = Request::get("/api/v1/namespaces/kube-system").body(Vec::new());
        let request = request
            .map_err(|error| AccessError::new(OPERATION, Failure::Invalid { message: error.to_string() }))?;
        let namespace: Identity = self.call(&OPERATION, request).await?;
        let uid = namespace.metadata.uid.filter(|uid| !uid.is_empty()).ok_or_else(|| {
            AccessError::new(OPERATION, Failure::Unintelligible { detail: "it has no uid".to_owned() })
        })?;
        Ok(ClusterUid(uid))
    }

    /// Version of the API server.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn server_version(&self) -> Result<ServerVersion, AccessError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            major: String,
            minor: String,
            git_version: String,
        }
        const OPERATION: &str = "reading the version of the API server";
        let request = Request::get("/version")
            .body(Vec::new())
            .map_err(|error| AccessError::new(OPERATION, Failure::Invalid { message: error.to_string() }))?;
        let info: Info = self.call(&OPERATION, request).await?;
        let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>();
        match (number(&info.major), number(&info.minor)) {
            (Ok(major), Ok(minor)) => Ok(ServerVersion { major, minor, git_version: info.git_version }),
            _ => Err(AccessError::new(
                OPERATION,
                Failure::Unintelligible { detail: "major and minor are no numbers".to_owned() },
            )),
        }
    }

    /// Sends one request and reads the answer, within the deadline.
    ///
    /// The answer is parsed here, not by the client: that one writes bodies it cannot parse to the
    /// log, and a body can be a Secret or a token.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        operation: &(dyn fmt::Display + Sync),
        request: Request<Vec<u8>>,
    ) -> Result<T, AccessError> {
        let after = self.inner.timeout;
        let method = request.method().clone();
        let begin = Instant::now();
        let deadline = begin + after;
        let tenure = self.inner.tenure.until().filter(|until| *until < deadline);
        if tenure.is_some_and(|until| until <= begin) {
            return Err(AccessError::new(operation, Failure::TenureOver));
        }
        let answer = within(self.inner.tenure.clone(), self.inner.client.request_text(request));
        let answer = match tokio::time::timeout_at(tenure.unwrap_or(deadline), answer).await {
            Ok(Some(Ok(text))) => Ok(text),
            Ok(Some(Err(error))) => Err(AccessError::new(operation, Failure::of(error))),
            Ok(None) => Err(AccessError::new(operation, Failure::TenureOver)),
            Err(_) if tenure.is_some() => Err(AccessError::new(operation, Failure::TenureOver)),
            Err(_) => Err(AccessError::new(operation, Failure::Timeout { after })),
        };
        let failure = answer.as_ref().err().map(AccessError::reason);
        self.inner.observer.tell(&Call { method: &method, took: begin.elapsed(), failure });
        let text = answer?;
        serde_json::from_str(&text).map_err(|error| AccessError::new(operation, Failure::unreadable(&error)))
    }
}

/// Drives a future as long as the tenure lasts; `None` when it ended before. A process that was stopped in
/// the middle of a call, say while it connected, finds out before it sends anything.
async fn within<T>(tenure: Tenure, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(move |context| {
        if tenure.is_over() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;

    /// What runs first in a process that was stopped, and goes on, may be a call in the middle.
    #[tokio::test(start_paused = true)]
    async fn a_call_in_the_middle_goes_no_further_when_the_tenure_is_over() {
        let tenure = Tenure::not_begun();
        tenure.extend(Instant::now() + Duration::from_secs(1));
        let mut sent = false;
        let call = async {
            tokio::task::yield_now().await;
            sent = true;
        };
        let mut context = Context::from_waker(std::task::Waker::noop());
        {
            let mut call = pin!(within(tenure, call));
            assert!(call.as_mut().poll(&mut context).is_pending());
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(None));
        }
        assert!(!sent);
    }
}
