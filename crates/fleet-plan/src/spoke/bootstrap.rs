//! The identity with which a spoke's agent first reaches its hub: when it is handed out, what it may
//! ask for, and when it is taken away.
//!
//! It is of one of two kinds, as the hub chooses; both live at most an hour, are made for one spoke,
//! and admit one CSR. An identity of the other kind, from before the hub changed its mind, is never
//! relied on, and goes whenever one is taken away or handed out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::facts::{BootstrapAccount, BootstrapSeen, BootstrapToken, CredentialSeen, ReadyHub, SpokeSeen};
use super::membership::{Membership, membership};
use super::plan::{DesiredSpoke, Progress};
use crate::csr::{Expected, Requester, Window};
use crate::endpoint::HubEndpoint;
use crate::manifests::{BOOTSTRAP_GROUP, bootstrap_token_key};
use crate::plan::{BootstrapDelivery, BootstrapIssuer, Presence, Step, Target};

/// Life of a bootstrap credential in seconds. The agent needs seconds to minutes; an hour covers a
/// slow image pull and is the most that we ever give.
pub const TOKEN_SECONDS: i64 = 3600;

/// A bootstrap credential with less than this left is replaced rather than waited for.
const TOKEN_RESERVE: SignedDuration = SignedDuration::from_mins(10);

/// When to look again after an identity was taken away to be replaced: nobody watches bootstrap tokens,
/// so that one is gone is no event.
pub(super) const REPLACE: Duration = Duration::from_secs(1);

/// The kinds of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootstrapKind {
    /// A ServiceAccount, whose tokens are minted.
    ServiceAccount,
    /// A bootstrap token of Kubernetes (`useBootstrapToken`).
    Token,
}

/// What an earlier pass of this process knows of the spoke's bootstrap tokens on the hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokensKnown {
    /// Nothing.
    #[default]
    Unknown,
    /// There was one.
    Some,
    /// There was none.
    None,
}

/// An identity of the wanted kind that exists.
#[derive(Clone, Copy)]
enum Identity<'a> {
    Account(&'a BootstrapAccount),
    Token(&'a BootstrapToken, Timestamp),
}

fn identity<'a>(kind: BootstrapKind, hub: &'a ReadyHub, now: Timestamp) -> Option<Identity<'a>> {
    match kind {
        BootstrapKind::ServiceAccount => hub.account.as_ref().map(Identity::Account),
        BootstrapKind::Token => hub
            .tokens
            .iter()
            .filter_map(|token| Some((token, token.usable_until.filter(|until| *until > now)?)))
            .max_by_key(|(token, until)| (*until, &token.id))
            .map(|(token, until)| Identity::Token(token, until)),
    }
}

/// Whether the spoke's bootstrap tokens on the hub have to be read before a pass is planned. A spoke
/// that has joined and was Ready has none, because a pass takes them away before it says Ready.
pub fn needs_tokens(kind: BootstrapKind, hub: &ReadyHub, progress: &Progress) -> bool {
    let joined = membership(hub.managed_cluster.as_ref()).has_joined();
    match progress.tokens {
        TokensKnown::Some => true,
        TokensKnown::None => kind == BootstrapKind::Token && !joined,
        TokensKnown::Unknown => kind == BootstrapKind::Token && !(joined && progress.was_available),
    }
}

/// Whether what was delivered to the spoke is known to be good still, without a look at the spoke.
pub(super) fn is_known_good(
    kind: BootstrapKind,
    hub: &ReadyHub,
    progress: &Progress,
    now: Timestamp,
) -> bool {
    identity(kind, hub, now).is_some() && progress.bootstrap_good_until.is_some_and(|until| lasts(until, now))
}

/// Until when the credential in the spoke's bootstrap Secret can be used, as far as it is of the
/// identity that is relied on.
pub fn good_until(
    kind: BootstrapKind,
    hub: &ReadyHub,
    seen: &SpokeSeen,
    now: Timestamp,
) -> Option<Timestamp> {
    let bootstrap = seen.bootstrap.as_ref()?;
    match identity(kind, hub, now)? {
        Identity::Account(account) if bootstrap.account_uid.as_deref() == Some(&account.uid) => {
            bootstrap.expires_at
        }
        Identity::Token(token, until) if bootstrap.token_id.as_deref() == Some(&token.id) => Some(until),
        Identity::Account(_) | Identity::Token(..) => None,
    }
}

/// Whether a credential that ends then is worth waiting for.
fn lasts(until: Timestamp, now: Timestamp) -> bool {
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
    // Replacing a good bootstrap Secret would restart the agent, which would lose its key and ask for a
    // second certificate.
    let leads_here =
        |bootstrap: &BootstrapSeen| bootstrap.server.as_deref() == Some(endpoint.server.as_str());
    let bootstrap_is_good = seen.bootstrap.as_ref().is_some_and(leads_here)
        && good_until(desired.bootstrap, hub, seen, now).is_some_and(|until| lasts(until, now));
    !bootstrap_is_good && !credential_is_good(seen.credential.as_ref(), desired, endpoint, now)
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

/// Makes an identity and hands its credential to the spoke. An account gets a further token; a bootstrap
/// token is replaced by another, so that a spoke never has two.
pub(super) fn deliver(desired: &DesiredSpoke, hub: &ReadyHub, endpoint: &HubEndpoint) -> Vec<Step> {
    let mut steps = revoke_tokens(&hub.tokens);
    let issuer = match desired.bootstrap {
        BootstrapKind::ServiceAccount => {
            steps.push(Step::Ensure {
                target: Target::Hub,
                set: format!("{}/account", desired.set),
                manifests: vec![desired.account.clone()],
                presence: if hub.account.is_none() { Presence::Absent } else { Presence::Unknown },
            });
            BootstrapIssuer::ServiceAccount {
                namespace: desired.account.key.namespace.clone().unwrap_or_default(),
                name: desired.account.key.name.clone(),
            }
        }
        BootstrapKind::Token => {
            steps.extend(revoke_account(desired, hub.account.as_ref()));
            BootstrapIssuer::BootstrapToken {
                description: format!("first contact of managed cluster {}", desired.cluster_name),
            }
        }
    };
    steps.push(Step::DeliverBootstrap(BootstrapDelivery {
        issuer,
        token_seconds: TOKEN_SECONDS,
        secret_namespace: desired.agent_namespace.clone(),
        endpoint: endpoint.clone(),
        proxy_url: desired.proxy_url.clone(),
        proxy_ca: desired.proxy_ca.clone(),
        labels: desired.labels.clone(),
    }));
    steps
}

/// Takes the spoke's way in away: an account with every token that was minted for it, and bootstrap
/// tokens.
pub fn revoke(
    desired: &DesiredSpoke,
    account: Option<&BootstrapAccount>,
    tokens: &[BootstrapToken],
) -> Vec<Step> {
    revoke_account(desired, account).into_iter().chain(revoke_tokens(tokens)).collect()
}

fn revoke_account(desired: &DesiredSpoke, account: Option<&BootstrapAccount>) -> Option<Step> {
    let uid = Some(account?.uid.clone());
    Some(Step::Delete { target: Target::Hub, key: desired.account.key.clone(), uid })
}

fn revoke_tokens(tokens: &[BootstrapToken]) -> Vec<Step> {
    let revoke = |token: &BootstrapToken| Step::Delete {
        target: Target::Hub,
        key: bootstrap_token_key(&token.id),
        uid: Some(token.uid.clone()),
    };
    tokens.iter().map(revoke).collect()
}

/// The one request that the identity may make.
pub(super) fn expected_csr(
    desired: &DesiredSpoke,
    hub: &ReadyHub,
    state: &Membership,
    now: Timestamp,
) -> Expected {
    let identity = identity(desired.bootstrap, hub, now);
    let requester = match identity {
        Some(Identity::Token(token, _)) => Requester::bootstrap_token(&token.id, [BOOTSTRAP_GROUP]),
        Some(Identity::Account(account)) => account_requester(desired, &account.uid),
        // Nobody has these names and UIDs; the window is closed as well.
        None => match desired.bootstrap {
            BootstrapKind::ServiceAccount => account_requester(desired, ""),
            BootstrapKind::Token => Requester::bootstrap_token("", [BOOTSTRAP_GROUP]),
        },
    };
    Expected {
        cluster: desired.cluster_name.clone(),
        // Only a cluster that has not joined yet is let in; the agent renews by itself afterwards.
        window: if identity.is_some() && state.may_join() { Window::Open } else { Window::Closed },
        requester,
        agent: None,
        max_expiration_seconds: None,
    }
}

fn account_requester(desired: &DesiredSpoke, uid: &str) -> Requester {
    let key = &desired.account.key;
    Requester::service_account(key.namespace.as_deref().unwrap_or_default(), &key.name, uid)
}
