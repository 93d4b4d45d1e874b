//! The decision about the CSRs of one cluster.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use ocm_api::names::identities::{CLIENT_SIGNER, parse_agent_user};
use ocm_api::names::labels;

use super::decision::{Approval, Decision, IgnoreReason, Judgement, RefusalReason};
use super::facts::CsrFacts;
use super::request::AgentRequest;

/// Usages that OCM's agent asks for.
const USAGES: [&str; 3] = ["client auth", "digital signature", "key encipherment"];

/// The API server cuts a `generateName`, which the agent fills with the cluster's name and a hyphen, to
/// this many bytes before it appends five of its own.
const MAX_GENERATED_PREFIX: usize = 58;

/// Keys of `spec.extra` of a token that is bound to a pod or a node. The tokens handed to agents are
/// bound to neither.
const BOUND_TOKEN_KEYS: [&str; 4] = [
    "authentication.kubernetes.io/node-name",
    "authentication.kubernetes.io/node-uid",
    "authentication.kubernetes.io/pod-name",
    "authentication.kubernetes.io/pod-uid",
];

/// The request that would be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Name of the managed cluster.
    pub cluster: String,
    /// The account that was made for the cluster's first contact.
    pub requester: Requester,
    /// Whether a join or a re-enrolment of the cluster is under way.
    pub window: Window,
    /// Name of the agent that the identity belongs to, when it is known: `agent-name` of the hub
    /// credential that the cluster has already, or, in the singleton modes, the UID of its Klusterlet.
    pub agent: Option<String>,
    /// Longest lifetime, in seconds, that the request may ask for; it then has to ask for one. `None`
    /// leaves the lifetime to the hub's signer, which has a maximum of its own.
    pub max_expiration_seconds: Option<i32>,
}

/// An account as the API server describes it in a CSR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// User name.
    pub username: String,
    /// UID; empty for users that have none.
    pub uid: String,
    /// Groups.
    pub groups: BTreeSet<String>,
}

impl Requester {
    /// A ServiceAccount, authenticated by one of its tokens.
    pub fn service_account(namespace: &str, name: &str, uid: impl Into<String>) -> Self {
        Self {
            username: format!("system:serviceaccount:{namespace}:{name}"),
            uid: uid.into(),
            groups: BTreeSet::from([
                "system:authenticated".to_owned(),
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
            ]),
        }
    }

    /// A bootstrap token with this id and these `auth-extra-groups`.
    pub fn bootstrap_token<'a>(id: &str, extra_groups: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            username: format!("system:bootstrap:{id}"),
            uid: String::new(),
            groups: ["system:authenticated", "system:bootstrappers"]
                .into_iter()
                .chain(extra_groups)
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Whether a cluster may make its first contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A join or a re-enrolment is under way.
    Open,
    /// The cluster has its identity, or should not get one.
    Closed,
}

/// Decides about the CSRs of one cluster, in their order. `csrs` should hold all that carry the
/// cluster's label and all that its account made: a CSR approved before keeps others from it.
///
/// At most one is approved.
pub fn judge(csrs: &[CsrFacts], expected: &Expected) -> Vec<Judgement> {
    let admitted = csrs.iter().find(|csr| is_admitted(csr, expected));
    let mut judgements: Vec<(&CsrFacts, Decision)> =
        csrs.iter().map(|csr| (csr, decide(csr, expected, admitted))).collect();

    let newest = judgements
        .iter()
        .filter(|(_, decision)| matches!(decision, Decision::Approve(_)))
        .map(|(csr, _)| *csr)
        .max_by(|one, other| age_order(one, other));
    if let Some(newest) = newest {
        for (csr, decision) in &mut judgements {
            if matches!(decision, Decision::Approve(_)) && csr.name != newest.name {
                *decision = Decision::Ignore(IgnoreReason::Superseded { by: newest.name.clone() });
            }
        }
    }
    judgements.into_iter().map(|(csr, decision)| Judgement { name: csr.name.clone(), decision }).collect()
}

/// Whether a CSR has used up its account's one admission.
fn is_admitted(csr: &CsrFacts, expected: &Expected) -> bool {
    let requester = &expected.requester;
    (csr.approved || csr.issued)
        && !csr.failed
        && csr.username == requester.username
        && csr.user_uid == requester.uid
}

/// The newer CSR is the greater one. Creation times have whole seconds; within one, the resource
/// version tells, which grows with every write.
fn age_order(one: &CsrFacts, other: &CsrFacts) -> Ordering {
    let version = |csr: &CsrFacts| csr.resource_version.parse::<u64>().ok();
    one.created
        .cmp(&other.created)
        .then_with(|| version(one).cmp(&version(other)))
        .then_with(|| one.name.cmp(&other.name))
}

/// Decides about one CSR. The checks go from who asks to what is asked for, and the first that fails is
/// the answer.
fn decide(csr: &CsrFacts, expected: &Expected, admitted: Option<&CsrFacts>) -> Decision {
    if csr.denied || csr.failed {
        return Decision::Ignore(IgnoreReason::Rejected);
    }
    if csr.approved || csr.issued {
        return Decision::Ignore(IgnoreReason::Approved);
    }
    let label = csr.labels.get(labels::CLUSTER_NAME).map(String::as_str);
    let by_account = csr.username == expected.requester.username;
    if label != Some(expected.cluster.as_str()) && !by_account {
        return Decision::Ignore(IgnoreReason::NotOurs);
    }
    if parse_agent_user(&csr.username).is_some_and(|(cluster, _)| cluster == expected.cluster) {
        return Decision::Ignore(IgnoreReason::Renewal);
    }
    match check(csr, expected, admitted) {
        Ok(approval) => Decision::Approve(approval),
        Err((reason, message)) => Decision::Refuse { reason, message },
    }
}

type Refusal = (RefusalReason, String);

fn check(csr: &CsrFacts, expected: &Expected, admitted: Option<&CsrFacts>) -> Result<Approval, Refusal> {
    check_requester(csr, &expected.requester)?;
    if expected.window == Window::Closed {
        return Err((
            RefusalReason::WindowClosed,
            format!("no join or re-enrolment of cluster {} is under way", quoted(&expected.cluster)),
        ));
    }
    check_terms(csr, expected)?;
    let request = AgentRequest::parse(&csr.request, &expected.cluster)
        .map_err(|error| (RefusalReason::Request(error.fault), error.message))?;
    if let Some(agent) = expected.agent.as_deref().filter(|agent| *agent != request.agent) {
        return Err((
            RefusalReason::IdentityInUse,
            format!(
                "the request is for agent {}, but the identity of cluster {} belongs to agent {}",
                quoted(&request.agent),
                quoted(&expected.cluster),
                quoted(agent)
            ),
        ));
    }
    if let Some(admitted) = admitted {
        return Err((
            RefusalReason::AlreadyAdmitted,
            format!(
                "request {} of the same account was approved before; a further one needs a new account",
                quoted(&admitted.name)
            ),
        ));
    }
    Ok(Approval {
        name: csr.name.clone(),
        uid: csr.uid.clone(),
        resource_version: csr.resource_version.clone(),
        message: format!(
            "First contact of cluster {}, agent {}, by {}",
            expected.cluster, request.agent, csr.username
        ),
        agent: request.agent,
    })
}

/// Who asks.
fn check_requester(csr: &CsrFacts, requester: &Requester) -> Result<(), Refusal> {
    if csr.username != requester.username {
        return Err((
            RefusalReason::Requester,
            format!("made by {}; expected {}", quoted(&csr.username), quoted(&requester.username)),
        ));
    }
    if csr.user_uid != requester.uid {
        return Err((
            RefusalReason::RequesterUid,
            format!(
                "made by an account with UID {}; expected {}",
                quoted(&csr.user_uid),
                quoted(&requester.uid)
            ),
        ));
    }
    if csr.groups != requester.groups {
        let list = |groups: &BTreeSet<String>| {
            groups.iter().take(8).map(|group| quoted(group)).collect::<Vec<_>>().join(", ")
        };
        return Err((
            RefusalReason::RequesterGroups,
            format!("made with groups {}; expected {}", list(&csr.groups), list(&requester.groups)),
        ));
    }
    if let Some(key) = BOUND_TOKEN_KEYS.into_iter().find(|key| csr.extra_keys.contains(*key)) {
        return Err((
            RefusalReason::RequesterToken,
            format!("made with a token that carries {key}; the tokens of agents are bound to no pod or node"),
        ));
    }
    Ok(())
}

/// What is asked for, outside the request itself.
fn check_terms(csr: &CsrFacts, expected: &Expected) -> Result<(), Refusal> {
    let label = csr.labels.get(labels::CLUSTER_NAME).map(String::as_str).unwrap_or_default();
    if label != expected.cluster {
        return Err((
            RefusalReason::Label,
            format!("labelled for cluster {}; expected {}", quoted(label), quoted(&expected.cluster)),
        ));
    }
    if let Some(addon) = csr.labels.get(labels::ADDON_NAME) {
        return Err((
            RefusalReason::Label,
            format!("labelled for add-on {}; expected no add-on", quoted(addon)),
        ));
    }
    let generated = format!("{}-", expected.cluster);
    let prefix = generated.get(..MAX_GENERATED_PREFIX).unwrap_or(&generated);
    if !csr.name.starts_with(prefix) {
        return Err((
            RefusalReason::Name,
            format!("named {}; expected a name that begins with {}", quoted(&csr.name), quoted(prefix)),
        ));
    }
    if csr.signer_name != CLIENT_SIGNER {
        return Err((
            RefusalReason::Signer,
            format!("asks signer {}; expected {}", quoted(&csr.signer_name), quoted(CLIENT_SIGNER)),
        ));
    }
    let mut usages: Vec<&str> = csr.usages.iter().map(String::as_str).collect();
    usages.sort_unstable();
    if usages != USAGES {
        let seen: Vec<String> = usages.iter().take(8).map(|usage| quoted(usage)).collect();
        return Err((
            RefusalReason::Usages,
            format!("asks for usages {}; expected {}", seen.join(", "), USAGES.join(", ")),
        ));
    }
    if let Some(max) = expected.max_expiration_seconds
        && csr.expiration_seconds.is_none_or(|seconds| seconds > max)
    {
        let seen = csr.expiration_seconds.map_or("no lifetime".to_owned(), |seconds| format!("{seconds} s"));
        return Err((RefusalReason::Expiration, format!("asks for {seen}; expected at most {max} s")));
    }
    Ok(())
}

/// Text of a stranger, fit for a message: in quotes, escaped, cut.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 128;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
