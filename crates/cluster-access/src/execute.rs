//! Carrying out a plan, step by step.

use fleet_plan::manifests::{
    BootstrapKubeconfig, BootstrapTokenInput, CARRIER_MANAGER, RenderError, bootstrap_kubeconfig,
    bootstrap_token,
};
use fleet_plan::object::{Manifest, ManifestError, ObjectKey};
use fleet_plan::plan::{BootstrapDelivery, BootstrapIssuer, Step, Target};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::PropagationPolicy;
use ocm_api::cluster::v1::ManagedCluster;
use serde_json::json;

use crate::cluster::Cluster;
use crate::deletion::Outcome;
use crate::error::{AccessError, Failure};
use crate::ledger::Ledger;
use crate::objects::Force;
use crate::token::{FreshToken, MintedToken, NoRandomness};

/// Name of the ManagedCluster that is offered to OCM's webhooks and never stored.
const PROBE: &str = "fleetconfig-webhook-probe";

/// Reason on the approval condition of a CSR.
const APPROVED: &str = "ApprovedByFleetConfigController";

/// Where and as whom a plan is carried out.
#[derive(Debug)]
pub struct Executor<'a> {
    /// The hub's cluster.
    pub hub: &'a Cluster,
    /// The spoke's cluster; only plans that were made with a look at it have steps there.
    pub spoke: Option<&'a Cluster>,
    /// Field manager of every write, but for the sets on a spoke: those are written as the works that
    /// carry them later write them.
    pub manager: &'a str,
    /// What is known to be applied.
    pub ledger: &'a Ledger,
    /// The time of this pass.
    pub now: Timestamp,
}

/// What carrying out a plan has shown.
#[derive(Debug, Default)]
pub struct Executed {
    /// How many steps were carried out.
    pub steps: usize,
    /// What OCM's webhooks said, if they were asked: nothing, or why they do not answer.
    pub webhooks: Option<Result<(), String>>,
    /// When the bootstrap token that was delivered ends.
    pub bootstrap_until: Option<Timestamp>,
    /// A claim was lost to somebody who was faster; the rest of the plan was not carried out.
    pub contested: bool,
    /// An object whose time has not come; the rest of the plan was not carried out.
    pub pending: Option<ObjectKey>,
    /// Objects of sets that were written, each with the generation that it has since then.
    pub applied: Vec<(ObjectKey, i64)>,
}

impl Executed {
    /// Everything in the plan was carried out.
    pub fn is_complete(&self) -> bool {
        !self.contested && self.pending.is_none()
    }
}

/// A step failed; those before it were carried out.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A request failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The bootstrap kubeconfig could not be written.
    #[error("writing the bootstrap kubeconfig")]
    Render(#[from] RenderError),
    /// A manifest could not be built.
    #[error("building a manifest")]
    Manifest(#[from] ManifestError),
    /// No bootstrap token could be made up.
    #[error("making a bootstrap token")]
    NoRandomness(#[from] NoRandomness),
    /// A step names a cluster that was not opened.
    #[error("`{step}` needs the spoke's cluster, which is not open")]
    NotOpen {
        /// The step.
        step: String,
    },
}

impl StepError {
    /// The request that failed, if it was one.
    pub fn access(&self) -> Option<&AccessError> {
        match self {
            Self::Access(error) => Some(error),
            Self::Render(_) | Self::Manifest(_) | Self::NoRandomness(_) | Self::NotOpen { .. } => None,
        }
    }
}

impl Executor<'_> {
    /// Carries the steps out in their order, up to the first that fails or has to wait.
    ///
    /// # Errors
    /// What the first failing step said.
    pub async fn run(&self, steps: &[Step]) -> Result<Executed, StepError> {
        let mut done = Executed::default();
        for step in steps {
            tracing::debug!(step = step.describe(), "carrying out");
            self.step(step, &mut done).await?;
            if !done.is_complete() {
                break;
            }
            done.steps += 1;
        }
        Ok(done)
    }

    fn cluster(&self, target: Target, step: &Step) -> Result<&Cluster, StepError> {
        match target {
            Target::Hub => Ok(self.hub),
            Target::Spoke => self.spoke.ok_or_else(|| StepError::NotOpen { step: step.describe() }),
        }
    }

    fn set_manager(&self, target: Target) -> &str {
        match target {
            Target::Hub => self.manager,
            Target::Spoke => CARRIER_MANAGER,
        }
    }

    async fn step(&self, step: &Step, done: &mut Executed) -> Result<(), StepError> {
        match step {
            Step::Create { target, manifest } => {
                match self.cluster(*target, step)?.create(manifest, self.manager).await {
                    Ok(_) => {}
                    Err(error) if matches!(error.failure(), Failure::AlreadyExists) => done.contested = true,
                    Err(error) => return Err(error.into()),
                }
            }
            Step::Ensure { target, set, manifests, presence } => {
                let cluster = self.cluster(*target, step)?;
                let report = cluster
                    .ensure_unless_known(
                        self.ledger,
                        set,
                        manifests,
                        self.set_manager(*target),
                        *presence,
                        self.now,
                    )
                    .await?;
                done.applied.extend(report.applied.iter().map(|key| {
                    let generation = report.live(key).and_then(|live| live.metadata.generation);
                    (key.clone(), generation.unwrap_or_default())
                }));
                done.pending = report.pending;
            }
            Step::ApplyShared { target, manifest } => {
                self.cluster(*target, step)?.apply(manifest, self.manager, Force::Shared).await?;
            }
            Step::Patch { target, key, operations } => {
                self.cluster(*target, step)?.json_patch(key, operations, self.manager).await?;
            }
            Step::DeliverBootstrap(delivery) => {
                done.bootstrap_until = Some(self.deliver(step, delivery).await?);
            }
            Step::ApproveCsr { name, resource_version, message } => {
                self.approve(name, resource_version, message).await?;
            }
            Step::ProbeWebhooks => done.webhooks = Some(self.probe().await?),
            Step::Delete { target, key, uid } => {
                let cluster = self.cluster(*target, step)?;
                cluster.delete(key, uid.as_deref(), PropagationPolicy::Background).await?;
            }
            Step::DeleteOwned { target, key, labels } => {
                let cluster = self.cluster(*target, step)?;
                if let Outcome::Foreign = cluster.delete_if_owned(key, labels).await? {
                    tracing::info!(object = %key, "kept: it does not carry our labels");
                }
            }
        }
        Ok(())
    }

    async fn deliver(&self, step: &Step, delivery: &BootstrapDelivery) -> Result<Timestamp, StepError> {
        let spoke = self.cluster(Target::Spoke, step)?;
        let token = match &delivery.issuer {
            BootstrapIssuer::ServiceAccount { namespace, name } => {
                self.hub.mint_token(namespace, name, delivery.token_seconds).await?
            }
            BootstrapIssuer::BootstrapToken { description } => {
                self.create_token(description, delivery).await?
            }
        };
        let secret = bootstrap_kubeconfig(&BootstrapKubeconfig {
            namespace: &delivery.secret_namespace,
            endpoint: &delivery.endpoint,
            token: &token.secret,
            proxy_url: delivery.proxy_url.as_deref(),
            proxy_ca: delivery.proxy_ca.as_deref(),
            labels: &delivery.labels,
        })?;
        spoke.apply(&secret, self.manager, Force::Force).await?;
        Ok(token.expires_at)
    }

    /// Creates, not applies: a token of that id would be somebody else's.
    async fn create_token(
        &self,
        description: &str,
        delivery: &BootstrapDelivery,
    ) -> Result<MintedToken, StepError> {
        let fresh = FreshToken::make()?;
        let expires_at = self.now + SignedDuration::from_secs(delivery.token_seconds);
        let manifest = bootstrap_token(&BootstrapTokenInput {
            id: &fresh.id,
            secret: &fresh.secret,
            expires_at,
            description,
            labels: &delivery.labels,
        })?;
        self.hub.create(&manifest, self.manager).await?;
        Ok(MintedToken { secret: fresh.bearer(), expires_at })
    }

    /// Approves; a CSR that changed or went away in the meantime is judged again when it is seen.
    async fn approve(&self, name: &str, resource_version: &str, message: &str) -> Result<(), StepError> {
        match self.hub.approve_csr(name, resource_version, APPROVED, message).await {
            Ok(()) => {
                let kind = <CertificateSigningRequest as kube::Resource>::kind(&());
                tracing::info!(csr = name, message, "approved {kind}");
                Ok(())
            }
            Err(error) if matches!(error.failure(), Failure::Stale { .. } | Failure::NotFound { .. }) => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// OCM's validating and mutating webhooks both see a ManagedCluster that is tried and not
    /// stored. Their refusal is an answer; only their silence is not.
    async fn probe(&self) -> Result<Result<(), String>, StepError> {
        let probe = Manifest::of_value::<ManagedCluster>(json!({
            "metadata": { "name": PROBE },
            "spec": { "hubAcceptsClient": false },
        }))?;
        match self.hub.create_dry_run(&probe, self.manager).await {
            Ok(()) => Ok(Ok(())),
            Err(error) => match error.failure() {
                Failure::Denied { .. } | Failure::AlreadyExists => Ok(Ok(())),
                Failure::WebhookUnavailable { .. } | Failure::NotServed | Failure::Busy { .. } => {
                    Ok(Err(error.to_string()))
                }
                _ => Err(error.into()),
            },
        }
    }
}
