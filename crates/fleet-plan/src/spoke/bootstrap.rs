//! The identity with which a spoke's agent first reaches its hub: when it is handed out, what it may
//! ask for, and when it is taken away.

use jiff::{SignedDuration, Timestamp};

use super::facts::{BootstrapSeen, CredentialSeen, ReadyHub, SpokeSeen};
use super::membership::Membership;
use super::plan::DesiredSpoke;
use crate::csr::{Expected, Requester, Window};
use crate::endpoint::HubEndpoint;
use crate::plan::{BootstrapDelivery, Presence, Step, Target};

/// Life of a bootstrap token in seconds. The agent needs seconds to minutes; an hour covers a slow
/// image pull and is the most that we ever give.
pub const TOKEN_SECONDS: i64 = 3600;

/// A bootstrap token with less than this left is replaced rather than waited for.
const TOKEN_RESERVE: SignedDuration = SignedDuration::from_mins(10);

/// Whether a token that ends then is worth waiting for.
pub(super) fn lasts(until: Timestamp, now: Timestamp) -> bool {
    until > now + TOKEN_RESERVE
}

/// Whether the agent has neither a hub credential nor a way to get one.
pub(super) fn is_needed(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    seen: &SpokeSeen,
    endpoint: &HubEndpoint,
    now: Timestamp,
) -> bool {
    !credential_is_good(seen.credential.as_ref(), desired, endpoint, now)
        && !bootstrap_is_good(seen.bootstrap.as_ref(), hub, endpoint, now)
}

/// Makes the identity and hands its credential to the spoke.
pub(super) fn deliver(desired: &DesiredSpoke, hub: &ReadyHub, endpoint: &HubEndpoint) -> Vec<Step> {
    vec![
        Step::Ensure {
            target: Target::Hub,
            set: format!("{}/account", desired.set),
            manifests: vec![desired.account.clone()],
            presence: if hub.account.is_none() { Presence::Absent } else { Presence::Unknown },
        },
        Step::DeliverBootstrap(delivery(desired, endpoint)),
    ]
}

/// Takes the spoke's way in away, and with it every token that was minted for it.
pub(super) fn revoke(desired: &DesiredSpoke, hub: &ReadyHub) -> Option<Step> {
    let account = hub.account.as_ref()?;
    Some(Step::Delete {
        target: Target::Hub,
        key: desired.account.key.clone(),
        uid: Some(account.uid.clone()),
    })
}

/// The agent has a certificate that works for this cluster on this hub, so it needs no bootstrap.
fn credential_is_good(
    credential: Option<&CredentialSeen>,
    desired: &DesiredSpoke,
    endpoint: &HubEndpoint,
    now: Timestamp,
) -> bool {
    credential.is_some_and(|credential| {
        credential.cluster_name.as_deref() == Some(&desired.cluster_name)
            && credential.not_after.is_some_and(|end| end > now)
            && credential.server.as_deref() == Some(&endpoint.server)
    })
}

/// The delivered bootstrap credential still does its job. Replacing it would restart the agent,
/// which would lose its key and ask for a second certificate.
fn bootstrap_is_good(
    bootstrap: Option<&BootstrapSeen>,
    hub: &ReadyHub,
    endpoint: &HubEndpoint,
    now: Timestamp,
) -> bool {
    let (Some(bootstrap), Some(account)) = (bootstrap, &hub.account) else { return false };
    bootstrap.server.as_deref() == Some(&endpoint.server)
        && bootstrap.account_uid.as_deref() == Some(&account.uid)
        && bootstrap.expires_at.is_some_and(|end| lasts(end, now))
}

fn delivery(desired: &DesiredSpoke, endpoint: &HubEndpoint) -> BootstrapDelivery {
    BootstrapDelivery {
        account_namespace: desired.account.key.namespace.clone().unwrap_or_default(),
        account: desired.account.key.name.clone(),
        token_seconds: TOKEN_SECONDS,
        secret_namespace: desired.agent_namespace.clone(),
        endpoint: endpoint.clone(),
        proxy_url: desired.proxy_url.clone(),
        proxy_ca: desired.proxy_ca.clone(),
        labels: desired.labels.clone(),
    }
}

/// The one request that the identity may make.
pub(super) fn expected_csr(desired: &DesiredSpoke, hub: &ReadyHub, state: &Membership) -> Expected {
    let key = &desired.account.key;
    let uid = hub.account.as_ref().map(|account| account.uid.clone());
    Expected {
        cluster: desired.cluster_name.clone(),
        // Only a cluster that has not joined yet is let in; the agent renews by itself afterwards.
        window: if uid.is_some() && !state.has_joined() { Window::Open } else { Window::Closed },
        requester: Requester::service_account(
            key.namespace.as_deref().unwrap_or_default(),
            &key.name,
            uid.unwrap_or_default(),
        ),
        agent: None,
        max_expiration_seconds: None,
    }
}
