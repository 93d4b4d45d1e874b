//! A certificate that somebody else puts into a directory: cert-manager, or an administrator by way of
//! a mounted Secret.
//!
//! The files are read every ten seconds. Kubernetes exchanges a symbolic link beside them, which
//! watches of the files themselves do not see; reading two small files is cheaper than a watcher that
//! has to know about that, and a new certificate is issued days before the old one ends.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::decide::Standing;
use super::keeper::Status;
use super::served::ServedCertificate;

/// Names of the files, as in a Secret of type kubernetes.io/tls.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// How often the files are read.
const INTERVAL: Duration = Duration::from_secs(10);

/// More is no certificate chain.
const LARGEST_FILE: u64 = 1 << 20;

/// Why the files cannot be used. The text holds nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file cannot be read.
    #[error("cannot read {0}")]
    File(PathBuf, #[source] io::Error),
    /// No certificates in it.
    #[error("{0} holds no certificate, or one that cannot be read")]
    Certificate(PathBuf),
    /// No key in it.
    #[error("{0} holds no private key, or one that cannot be read")]
    Key(PathBuf),
    /// The two do not fit, or are of a kind that cannot be served.
    #[error("certificate and key in {0} cannot be served together")]
    Pair(PathBuf, #[source] rustls::Error),
    /// The binary did not install a TLS provider.
    #[error("no TLS provider is installed in this process")]
    NoProvider,
}

/// Serves what is in a directory.
#[derive(Debug)]
pub struct DirectoryKeeper {
    directory: PathBuf,
    served: Arc<ServedCertificate>,
    /// Of the files that were last looked at, good or bad.
    digest: Option<[u8; 32]>,
    /// What was last said about them.
    complaint: Option<String>,
    status: watch::Sender<Status>,
}

impl DirectoryKeeper {
    /// Hands what it finds to `served`.
    pub fn new(directory: PathBuf, served: Arc<ServedCertificate>) -> Self {
        Self { directory, served, digest: None, complaint: None, status: watch::Sender::default() }
    }

    /// To follow how things stand.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Looks again and again, until `stop`. `beat` is called each time.
    pub async fn run(mut self, beat: impl Fn() + Send, stop: CancellationToken) {
        loop {
            self.look().await;
            beat();
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(Instant::now() + INTERVAL) => {}
            }
        }
    }

    /// Reads the files and serves them if they are new and whole. Otherwise what was served before
    /// is served on, and the log says what is wrong, once.
    pub async fn look(&mut self) {
        let directory = self.directory.clone();
        let read = tokio::task::spawn_blocking(move || read(&directory)).await;
        let outcome = match read {
            Ok(Ok((certificate, key))) => {
                let digest: [u8; 32] =
                    Sha256::new_with_prefix(&certificate).chain_update(&key).finalize().into();
                if self.digest == Some(digest) {
                    return;
                }
                self.digest = Some(digest);
                self.serve(&certificate, &key)
            }
            Ok(Err(error)) => {
                self.digest = None;
                Err(error)
            }
            // The blocking task cannot panic; if it does, the next look is another chance.
            Err(_) => return,
        };
        match outcome {
            Ok(until) => {
                self.complaint = None;
                info!(directory = %self.directory.display(), ?until, "serving a new webhook certificate");
                let status = Status { standing: Standing::Ready, leaf_until: until, authority_until: None };
                self.status.send_replace(status);
            }
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&mut self, error: &DirectoryError) {
        use std::error::Error;
        let problem = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        if self.complaint.as_ref() == Some(&problem) {
            return;
        }
        let served =
            if self.served.get().is_some() { "the one before is served on" } else { "none is served" };
        warn!(problem, served, "cannot use the webhook certificate");
        self.status.send_if_modified(|status| {
            // A replica that serves an older certificate is as good as it was.
            let news = status.standing != Standing::Ready;
            if news {
                status.standing = Standing::NotYet(problem.clone());
            }
            news
        });
        self.complaint = Some(problem);
    }

    /// The result is until when the certificate is valid.
    fn serve(&self, certificate: &[u8], key: &[u8]) -> Result<Option<Timestamp>, DirectoryError> {
        let provider = CryptoProvider::get_default().ok_or(DirectoryError::NoProvider)?;
        let chain: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.unwrap_or_default();
        let until = chain.first().and_then(|leaf| until(leaf));
        if until.is_none() {
            return Err(DirectoryError::Certificate(self.directory.join(CERTIFICATE)));
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|_| DirectoryError::Key(self.directory.join(KEY)))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| DirectoryError::Pair(self.directory.clone(), error))?;
        self.served.set(Arc::new(key));
        Ok(until)
    }
}

fn until(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

fn read(directory: &Path) -> Result<(Vec<u8>, Vec<u8>), DirectoryError> {
    use std::io::Read;
    // The directory is opened through one link, so that both files are of the same version unless it
    // is exchanged in between; a pair that does not fit is not served, and looked at again.
    let file = |name: &str| {
        let path = directory.join(name);
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut bytes))
            .map_err(|error| DirectoryError::File(path, error))?;
        Ok(bytes)
    };
    Ok((file(CERTIFICATE)?, file(KEY)?))
}
