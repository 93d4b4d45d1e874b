//! A request, read.

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use super::{
    query::Query,
    route::{Route, Target},
};
use crate::identity::Identity;

/// What a request wants, in the words of Kubernetes' audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// One object, or a document that is no object.
    Get,
    /// Objects.
    List,
    /// Changes of objects.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH of any kind.
    Patch,
    /// DELETE of one object.
    Delete,
    /// DELETE of a list.
    DeleteCollection,
}

impl Verb {
    /// Whether the verb can change something.
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        })
    }
}

/// What is known about a request before it is carried out: what predicates and the log see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// What it wants.
    pub verb: Verb,
    /// Path without query.
    pub path: String,
    /// Query as sent.
    pub query: String,
    /// API group; empty for the core group and for paths that are about no objects.
    pub group: String,
    /// Plural name of the kind; empty for paths that are about no objects.
    pub resource: String,
    /// Namespace in the path.
    pub namespace: Option<String>,
    /// Name in the path.
    pub name: Option<String>,
    /// Subresource in the path.
    pub subresource: Option<String>,
    /// The `User-Agent` header; empty when there is none.
    pub user_agent: String,
    /// Who asks.
    pub user: String,
    /// Whether nothing is to be kept.
    pub dry_run: bool,
    /// The field manager named in the query; empty when there is none.
    pub field_manager: String,
    /// The content type of the body; tells the kinds of patches apart.
    pub content_type: String,
}

impl RequestInfo {
    /// Whether the request could change something: a writing verb, not a dry run, and not one of
    /// the reviews that are only answered.
    pub fn is_write(&self) -> bool {
        self.verb.is_write() && !self.dry_run && !self.resource.ends_with("reviews")
    }
}

/// A request with everything that is needed to carry it out.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest {
    pub(crate) info: RequestInfo,
    pub(crate) route: Route,
    pub(crate) query: Query,
    pub(crate) accept: String,
    pub(crate) identity: Identity,
    pub(crate) body: Bytes,
}

impl ApiRequest {
    /// Reads a request.
    pub(crate) fn read(
        method: Method,
        uri: &http::Uri,
        headers: &HeaderMap,
        identity: Identity,
        body: Bytes,
    ) -> Self {
        let route = Route::parse(uri.path());
        let query = Query::parse(uri.query().unwrap_or_default());
        let header = |name: header::HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let target = match &route {
            Route::Resource(target) => target.clone(),
            _ => Target::default(),
        };
        let verb = verb_of(&method, &target, &query);
        let content_type = header(header::CONTENT_TYPE);
        let info = RequestInfo {
            verb,
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            group: target.group,
            resource: target.resource,
            namespace: target.namespace,
            name: target.name,
            subresource: target.subresource,
            user_agent: header(header::USER_AGENT),
            user: identity.user.clone(),
            dry_run: is_dry_run(verb, &query, &body),
            field_manager: query.get("fieldManager").to_owned(),
            content_type: content_type.split(';').next().unwrap_or_default().trim().to_owned(),
        };
        Self { info, route, query, accept: header(header::ACCEPT), identity, body }
    }
}

fn verb_of(method: &Method, target: &Target, query: &Query) -> Verb {
    match (method, &target.name) {
        (&Method::POST, _) => Verb::Create,
        (&Method::PUT, _) => Verb::Update,
        (&Method::PATCH, _) => Verb::Patch,
        (&Method::DELETE, Some(_)) => Verb::Delete,
        (&Method::DELETE, None) => Verb::DeleteCollection,
        _ if query.flag("watch") => Verb::Watch,
        (_, None) if !target.resource.is_empty() => Verb::List,
        _ => Verb::Get,
    }
}

/// A dry run is asked for in the query, or, for a deletion, in the body.
fn is_dry_run(verb: Verb, query: &Query, body: &Bytes) -> bool {
    if query.get("dryRun") == "All" {
        return true;
    }
    if !matches!(verb, Verb::Delete | Verb::DeleteCollection) {
        return false;
    }
    let options: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    crate::object::texts(options.get("dryRun")).contains(&"All")
}
