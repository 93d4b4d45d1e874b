//! What an apiserver was asked: counting requests by who made them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// The audit log of one apiserver. Every look reads the file anew; an entry is
/// there when its response is complete, so a watch appears when it ends.
#[derive(Debug, Clone)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The requests that pass the filter, in the order of their completion.
    ///
    /// # Errors
    /// When the log cannot be read or holds something else than audit events.
    pub fn requests(&self, filter: &Filter) -> Result<Vec<Request>> {
        let file = File::open(&self.path).with_context(|| format!("opening {}", self.path.display()))?;
        let mut reader = BufReader::new(file);
        let mut requests = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            let read =
                reader.read_line(&mut line).with_context(|| format!("reading {}", self.path.display()))?;
            // The last line may be half written.
            if read == 0 || !line.ends_with('\n') {
                return Ok(requests);
            }
            let request =
                Request::parse(&line).with_context(|| format!("an entry of {}", self.path.display()))?;
            if filter.admits(&request) {
                requests.push(request);
            }
        }
    }

    /// How many requests pass the filter, by user agent (without its version)
    /// and verb.
    ///
    /// # Errors
    /// As for [`Self::requests`].
    pub fn counts(&self, filter: &Filter) -> Result<BTreeMap<(String, String), usize>> {
        let mut counts = BTreeMap::new();
        for request in self.requests(filter)? {
            *counts.entry((request.agent_name().to_owned(), request.verb)).or_default() += 1;
        }
        Ok(counts)
    }
}

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The user that authentication found, before any impersonation.
    pub user: String,
    /// The whole `User-Agent` header.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the HTTP method for other paths.
    pub verb: String,
    /// API group of the resource; empty for the core group and for other paths.
    pub group: String,
    /// Resource with its subresource, such as `pods/status`; empty for other paths.
    pub resource: String,
    /// Namespace, when the resource has one.
    pub namespace: String,
    /// Name, when the request named one.
    pub name: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status of the answer.
    pub code: u16,
    /// When the request came.
    pub received: Timestamp,
}

impl Request {
    fn parse(line: &str) -> Result<Self> {
        let event: Event = serde_json::from_str(line)?;
        let object = event.object_ref.unwrap_or_default();
        let resource = match object.subresource {
            Some(subresource) => format!("{}/{subresource}", object.resource),
            None => object.resource,
        };
        Ok(Self {
            user: event.user.username,
            user_agent: event.user_agent,
            verb: event.verb,
            group: object.api_group,
            resource,
            namespace: object.namespace,
            name: object.name,
            uri: event.request_uri,
            code: event.response_status.code,
            received: event.request_received_timestamp,
        })
    }

    /// The user agent up to its version: `registration` of `registration/v0.0.0 (linux/amd64) …`.
    pub fn agent_name(&self) -> &str {
        self.user_agent.split('/').next().unwrap_or_default()
    }

    /// Whether the request may change something.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Whether the request only asks who may do what, or who somebody is. These
    /// reviews are creations to the API but change nothing.
    pub fn is_review(&self) -> bool {
        matches!(self.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io")
            && self.resource.ends_with("reviews")
    }
}

/// Which requests to look at. Starts with all; each method leaves fewer.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    users: Vec<String>,
    agents: Vec<String>,
    verbs: Vec<String>,
    writes: bool,
    without_watches: bool,
    without_leases: bool,
    without_events: bool,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// What a bench counts: no watches, leases or events.
    pub fn without_background() -> Self {
        Self { without_watches: true, without_leases: true, without_events: true, ..Self::default() }
    }

    /// Only requests of this user; again for a further one.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.users.push(user.into());
        self
    }

    /// Only requests whose user agent begins with this; again for a further one.
    #[must_use]
    pub fn agent(mut self, prefix: impl Into<String>) -> Self {
        self.agents.push(prefix.into());
        self
    }

    /// Only this verb; again for a further one.
    #[must_use]
    pub fn verb(mut self, verb: impl Into<String>) -> Self {
        self.verbs.push(verb.into());
        self
    }

    /// Only requests that may change something; access reviews change nothing.
    #[must_use]
    pub fn writes(mut self) -> Self {
        self.writes = true;
        self
    }

    /// No renewals or other traffic of Leases.
    #[must_use]
    pub fn without_leases(mut self) -> Self {
        self.without_leases = true;
        self
    }

    /// No Events.
    #[must_use]
    pub fn without_events(mut self) -> Self {
        self.without_events = true;
        self
    }

    /// No watches.
    #[must_use]
    pub fn without_watches(mut self) -> Self {
        self.without_watches = true;
        self
    }

    /// Only requests that came at this time or later.
    #[must_use]
    pub fn from(mut self, time: Timestamp) -> Self {
        self.from = Some(time);
        self
    }

    /// Only requests that came before this time.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    fn admits(&self, request: &Request) -> bool {
        let resource = request.resource.split('/').next().unwrap_or_default();
        let lease = request.group == "coordination.k8s.io" && resource == "leases";
        let event = resource == "events" && matches!(request.group.as_str(), "" | "events.k8s.io");
        (self.users.is_empty() || self.users.contains(&request.user))
            && (self.agents.is_empty()
                || self.agents.iter().any(|prefix| request.user_agent.starts_with(prefix)))
            && (self.verbs.is_empty() || self.verbs.contains(&request.verb))
            && (!self.writes || request.is_write() && !request.is_review())
            && !(self.without_watches && request.verb == "watch")
            && !(self.without_leases && lease)
            && !(self.without_events && event)
            && self.from.is_none_or(|from| request.received >= from)
            && self.until.is_none_or(|until| request.received < until)
    }
}

/// The fields of an `audit.k8s.io/v1` Event that we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<ObjectRef>,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    subresource: Option<String>,
    namespace: String,
    name: String,
    api_group: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(agent: &str, verb: &str, group: &str, resource: &str, received: &str) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete",
            "requestURI":"/x","verb":"{verb}","user":{{"username":"u-{agent}","groups":["g"]}},"sourceIPs":["10.0.0.1"],
            "userAgent":"{agent}/v1 (linux)","objectRef":{{"resource":"{resource}","apiGroup":"{group}","apiVersion":"v1"}},
            "responseStatus":{{"metadata":{{}},"code":200}},"requestReceivedTimestamp":"{received}"}}"#
        )
        .replace('\n', "")
            + "\n"
    }

    fn log(name: &str, content: &str) -> AuditLog {
        let path = std::env::temp_dir().join(format!("fcb-audit-{name}-{}.log", std::process::id()));
        std::fs::write(&path, content).unwrap();
        AuditLog::new(path)
    }

    const EARLY: &str = "2026-01-01T00:00:00.000000Z";
    const LATE: &str = "2026-01-01T00:01:00.000000Z";

    #[test]
    fn filters_leave_exactly_what_they_say() {
        let text = [
            entry("ours", "get", "", "secrets", EARLY),
            entry("ours", "patch", "", "configmaps", LATE),
            entry("ours", "update", "coordination.k8s.io", "leases", LATE),
            entry("ours", "create", "", "events", LATE),
            entry("ours", "create", "authorization.k8s.io", "selfsubjectaccessreviews", LATE),
            entry("ours", "watch", "", "pods", EARLY),
            entry("other", "delete", "", "pods", LATE),
        ]
        .concat();
        let log = log("filters", &text);
        let seen = |filter: Filter| -> Vec<String> {
            let requests = log.requests(&filter).unwrap();
            requests.into_iter().map(|r| format!("{} {} {}", r.agent_name(), r.verb, r.resource)).collect()
        };
        assert_eq!(seen(Filter::all()).len(), 7);
        assert_eq!(
            seen(Filter::without_background().agent("ours")),
            ["ours get secrets", "ours patch configmaps", "ours create selfsubjectaccessreviews"]
        );
        assert_eq!(
            seen(Filter::all().writes().without_leases().without_events().user("u-ours")),
            ["ours patch configmaps"]
        );
        assert_eq!(seen(Filter::all().verb("delete")), ["other delete pods"]);
        let middle = "2026-01-01T00:00:30Z".parse().unwrap();
        assert_eq!(seen(Filter::all().until(middle)), ["ours get secrets", "ours watch pods"]);
        assert_eq!(seen(Filter::all().from(middle)).len(), 5);
        let counts = log.counts(&Filter::all().writes()).unwrap();
        assert_eq!(counts.get(&("ours".into(), "create".into())), Some(&1));
        std::fs::remove_file(&log.path).unwrap();
    }

    #[test]
    fn a_half_written_last_line_waits_for_the_next_look() {
        let whole = entry("ours", "get", "", "pods", EARLY);
        let log = log("half", &(whole.clone() + whole.get(..40).unwrap()));
        assert_eq!(log.requests(&Filter::all()).unwrap().len(), 1);
        std::fs::remove_file(&log.path).unwrap();
    }

    #[test]
    fn something_else_than_an_entry_is_an_error_and_not_a_smaller_count() {
        let log = log("broken", "not json\n");
        assert!(log.requests(&Filter::all()).is_err());
        std::fs::remove_file(&log.path).unwrap();
    }
}
