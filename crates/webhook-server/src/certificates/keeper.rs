//! Carries out what [`decide`](super::decide::decide) says: reads, writes and signs.
//!
//! A pass reads configuration and Secret, in this order, decides, acts, and does so again until
//! nothing is left to do. The order matters: a caBundle is only written if the configuration is still
//! the one that was read *before* the Secret, so that no bundle goes back to an older state of the
//! Secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::authority::{Authority, AuthorityError, Leaf};
use super::configuration::{self, ServiceName};
use super::decide::{Facts, SecretStep, Standing, Times, decide, remember};
use super::secret::{self, Authorities};
use super::served::ServedCertificate;

/// Who writes, in managedFields.
const FIELD_MANAGER: &str = "fleetconfig-controller/webhook";

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(15);

/// A pass after which there is still something to do has met somebody who undoes it.
const MOST_ROUNDS: usize = 8;

/// Events come in groups, and our own writes come back as events.
const BETWEEN_PASSES: Duration = Duration::from_millis(250);

/// A failed pass is tried again after a second, doubling up to this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(32);

/// What is kept, and for whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Service that API servers ask.
    pub service: ServiceName,
    /// The Secret with the authority, in the Service's namespace.
    pub secret: String,
    /// The ValidatingWebhookConfiguration whose caBundle fields are kept.
    pub configuration: String,
    /// Lives and waits.
    pub times: Times,
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether API servers that ask this replica are answered.
    pub standing: Standing,
    /// Until when what is served is valid.
    pub leaf_until: Option<Timestamp>,
    /// Until when the authority is.
    pub authority_until: Option<Timestamp>,
}

impl Default for Status {
    fn default() -> Self {
        let standing = Standing::NotYet("nothing has been looked at".to_owned());
        Self { standing, leaf_until: None, authority_until: None }
    }
}

/// Why a pass failed. The text holds nothing that is secret.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// A request failed.
    #[error("{doing} {what}: {problem}")]
    Request {
        /// The verb.
        doing: &'static str,
        /// Kind and name.
        what: String,
        /// What was said.
        problem: String,
    },
    /// An authority or a leaf cannot be made.
    #[error("making a certificate")]
    Certificate(#[from] AuthorityError),
    /// The patch cannot be written down.
    #[error("writing a patch down")]
    Patch(#[from] serde_json::Error),
    /// Others undo what is done.
    #[error("after {MOST_ROUNDS} rounds there is still something to do; does something else write {0}?")]
    Restless(String),
}

/// Keeps the certificates of one replica.
pub struct Keeper {
    settings: Settings,
    names: Vec<String>,
    secrets: Api<Secret>,
    configurations: Api<ValidatingWebhookConfiguration>,
    served: Arc<ServedCertificate>,
    leaf: Option<Leaf>,
    trusted_since: BTreeMap<super::certificate::Certificate, Timestamp>,
    replaced: Option<Timestamp>,
    status: watch::Sender<Status>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What came of one round.
struct Round {
    changed: bool,
    look_again: Timestamp,
}

impl Keeper {
    /// A keeper that hands what it signs to `served`.
    pub fn new(client: Client, settings: Settings, served: Arc<ServedCertificate>) -> Self {
        Self {
            names: settings.service.dns_names(),
            secrets: Api::namespaced(client.clone(), &settings.service.namespace),
            configurations: Api::all(client),
            settings,
            served,
            leaf: None,
            trusted_since: BTreeMap::new(),
            replaced: None,
            status: watch::Sender::default(),
        }
    }

    /// To follow how things stand.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Keeps, until `stop`. `wake` is told when Secret or configuration have changed; `clock` reads
    /// the wall clock; `beat` is called at each pass.
    pub async fn run(
        mut self,
        wake: Arc<Notify>,
        clock: impl Fn() -> Timestamp + Send,
        beat: impl Fn() + Send,
        stop: CancellationToken,
    ) {
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let now = clock();
            let until = match self.pass(now).await {
                Ok(look_again) => {
                    failures = 0;
                    let ahead = Duration::try_from(now.duration_until(look_again)).unwrap_or_default();
                    began + ahead.max(BETWEEN_PASSES)
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let problem = chain(&error);
                    warn!(problem, failures, "cannot keep the certificates of the webhook");
                    let backoff = Duration::from_secs(1 << (failures - 1).min(5));
                    Instant::now() + backoff.min(LONGEST_BACKOFF)
                }
            };
            beat();
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(until) => {}
                () = wake.notified(), if failures == 0 => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep_until(began + BETWEEN_PASSES) => {}
                    }
                }
            }
        }
    }

    /// Looks and acts until there is nothing left to do. The result is when to look again.
    ///
    /// # Errors
    /// When something cannot be read or written. What could be done has been done.
    pub async fn pass(&mut self, now: Timestamp) -> Result<Timestamp, KeeperError> {
        for _ in 0..MOST_ROUNDS {
            let round = self.round(now).await?;
            if !round.changed {
                return Ok(round.look_again);
            }
        }
        Err(KeeperError::Restless(format!("{} or {}", self.secret_text(), self.configuration_text())))
    }

    async fn round(&mut self, now: Timestamp) -> Result<Round, KeeperError> {
        let configuration = {
            let get = self.configurations.get_opt(&self.settings.configuration);
            asked("reading", || self.configuration_text(), get).await?
        };
        let secret = {
            let get = self.secrets.get_opt(&self.settings.secret);
            asked("reading", || self.secret_text(), get).await?
        };
        let seen = configuration::read(configuration.as_ref(), &self.settings.service);
        remember(&mut self.trusted_since, &seen, now);
        let (secret_seen, authorities) = secret::read(secret.as_ref());
        let facts = Facts {
            secret: secret_seen,
            configuration: seen,
            leaf: self.leaf.as_ref().map(|leaf| leaf.seen.clone()),
            trusted_since: self.trusted_since.clone(),
            replaced: self.replaced,
        };
        let plan = decide(&facts, &self.settings.times, now);
        if plan.sign
            && let Some(current) = &authorities.current
        {
            let leaf = current.sign(&self.names, now, &self.settings.times)?;
            self.served.set(Arc::clone(&leaf.key));
            info!(authority = %leaf.seen.authority, until = %leaf.seen.not_after, "serving a new webhook certificate");
            self.leaf = Some(leaf);
        }
        self.tell(&plan.standing, &authorities);
        // Each is done although the other fails: a bundle that may not be written must not keep the
        // authority from being renewed.
        let bundle = match (&plan.bundle, &configuration) {
            (Some(wanted), Some(configuration)) => self.write_bundle(configuration, wanted).await,
            _ => Ok(false),
        };
        let secret = self.change_secret(plan.secret, secret, authorities, now).await?;
        Ok(Round { changed: bundle? || secret, look_again: plan.look_again })
    }

    fn tell(&self, standing: &Standing, authorities: &Authorities) {
        let status = Status {
            standing: standing.clone(),
            leaf_until: self.leaf.as_ref().map(|leaf| leaf.seen.not_after),
            authority_until: authorities.current.as_ref().map(|current| current.certificate().not_after()),
        };
        self.status.send_if_modified(|known| {
            if known.standing != status.standing {
                match &status.standing {
                    Standing::Ready => info!("the webhook can be asked"),
                    Standing::NotYet(why) => info!(why, "the webhook cannot be asked yet"),
                }
            }
            let news = *known != status;
            *known = status;
            news
        });
    }

    async fn write_bundle(
        &self,
        configuration: &ValidatingWebhookConfiguration,
        wanted: &[super::certificate::Certificate],
    ) -> Result<bool, KeeperError> {
        let Some(patch) = configuration::patch(configuration, &self.settings.service, wanted)? else {
            return Ok(false);
        };
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::<()>::Json(patch);
        let write = self.configurations.patch(&self.settings.configuration, &params, &patch);
        // A failed test is 422; the next round sees what has changed.
        let written = unless(&[404, 409, 422], asked("patching", || self.configuration_text(), write).await)?;
        if written.is_some() {
            let authorities: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            info!(
                configuration = self.settings.configuration,
                ?authorities,
                "wrote the caBundle of our webhooks"
            );
        } else {
            debug!("the configuration has changed meanwhile");
        }
        Ok(true)
    }

    /// Whether there is something to look at again.
    async fn change_secret(
        &mut self,
        step: SecretStep,
        before: Option<Secret>,
        seen: Authorities,
        now: Timestamp,
    ) -> Result<bool, KeeperError> {
        let mint = || Authority::mint(now, &self.settings.times);
        let mut makes_current = false;
        let (what, after) = match step {
            SecretStep::Keep => return Ok(false),
            SecretStep::Create { retired, until } | SecretStep::Replace { retired, until } => {
                makes_current = before.is_some();
                let retired_until = Some(until);
                (
                    "made a certificate authority",
                    Authorities { current: Some(mint()?), next: None, retired, retired_until },
                )
            }
            SecretStep::Stage => {
                ("made the next certificate authority", Authorities { next: Some(mint()?), ..seen })
            }
            SecretStep::Promote { retired, until } => (
                "the next certificate authority is the current one",
                Authorities { current: seen.next, next: None, retired, retired_until: Some(until) },
            ),
            SecretStep::Forget => (
                "forgot retired certificate authorities",
                Authorities { retired: Vec::new(), retired_until: None, ..seen },
            ),
        };
        let exists = before.is_some();
        let secret = secret::write(before, &self.settings.service.namespace, &self.settings.secret, &after);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let written = if exists {
            let write = self.secrets.replace(&self.settings.secret, &params, &secret);
            asked("replacing", || self.secret_text(), write).await
        } else {
            let write = self.secrets.create(&params, &secret);
            asked("creating", || self.secret_text(), write).await
        };
        // 409: somebody else was quicker. 404: it was deleted; also the namespace may be missing,
        // but then nobody could run here.
        match unless(&[404, 409], written)? {
            None => debug!("another replica has changed the Secret first"),
            Some(_) => {
                info!(secret = self.settings.secret, "{what}");
                if makes_current {
                    self.replaced = Some(now);
                }
            }
        }
        Ok(true)
    }

    fn secret_text(&self) -> String {
        format!("Secret {}/{}", self.settings.service.namespace, self.settings.secret)
    }

    fn configuration_text(&self) -> String {
        format!("ValidatingWebhookConfiguration {}", self.settings.configuration)
    }
}

/// A request that failed, and the status that the API server gave.
struct Failed {
    code: Option<u16>,
    error: KeeperError,
}

impl From<Failed> for KeeperError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

/// Sends a request, within its deadline.
async fn asked<T>(
    doing: &'static str,
    what: impl Fn() -> String,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failed> {
    let (code, problem) = match timeout(REQUEST, request).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(kube::Error::Api(status))) => (Some(status.code), status.message.clone()),
        // The text of the error would hold parts of the object, which is a Secret.
        Ok(Err(kube::Error::SerdeError(_))) => (None, "the answer is not such an object".to_owned()),
        Ok(Err(error)) => (None, chain(&error)),
        Err(_) => (None, format!("no answer within {} s", REQUEST.as_secs())),
    };
    Err(Failed { code, error: KeeperError::Request { doing, what: what(), problem } })
}

/// An answer with one of these codes is none, and no failure.
fn unless<T>(codes: &[u16], answer: Result<T, Failed>) -> Result<Option<T>, KeeperError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failed) if failed.code.is_some_and(|code| codes.contains(&code)) => Ok(None),
        Err(failed) => Err(failed.error),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some repeat their cause in their own text.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
