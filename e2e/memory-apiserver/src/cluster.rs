//! The API server without a network: requests in, answers out, nothing asynchronous.

use std::sync::Arc;

use crate::{
    clock::Clock,
    http::{ApiRequest, Reply, Route, Target, Verb},
    lifecycle, names,
    object::Object,
    rejection::{GroupResource, Rejection},
    resource::{Registry, ResourceKind, discovery},
    store::Store,
    verbs,
};

/// Everything that a cluster remembers. Cloning is cheap; a dry run works on a clone.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    /// How many uids and names were made up so far.
    pub(crate) made_up: u64,
}

/// A request to objects of a known kind.
#[derive(Clone, Debug)]
pub(crate) struct Call<'r> {
    pub(crate) kind: Arc<ResourceKind>,
    /// Empty for a cluster-scoped kind and for all namespaces.
    pub(crate) namespace: &'r str,
    /// Empty for a list.
    pub(crate) name: &'r str,
    /// Empty for the object itself.
    pub(crate) subresource: &'r str,
    pub(crate) request: &'r ApiRequest,
}

impl Call<'_> {
    /// The kind as messages have it.
    pub(crate) fn what(&self) -> GroupResource {
        self.kind.id()
    }

    /// Who writes, for field ownership: the field manager of the query, else the first part of the
    /// user agent.
    pub(crate) fn manager(&self) -> &str {
        let info = &self.request.info;
        if !info.field_manager.is_empty() {
            return &info.field_manager;
        }
        info.user_agent.split('/').next().unwrap_or_default()
    }

    /// Refused because the object is not there.
    pub(crate) fn not_found(&self) -> Rejection {
        Rejection::not_found(&self.what(), self.name)
    }
}

impl Cluster {
    /// A cluster with the namespaces that every cluster has.
    pub(crate) fn new(clock: Clock, history: usize) -> Self {
        let mut cluster =
            Self { store: Store::new(history), registry: Registry::builtin(), clock, made_up: 0 };
        lifecycle::namespace::bootstrap(&mut cluster);
        cluster
    }

    /// Carries a request out.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn handle(&mut self, request: &ApiRequest) -> Result<Reply, Rejection> {
        if request.info.dry_run {
            return self.clone().route(request);
        }
        let reply = self.route(request);
        if request.info.is_write() {
            lifecycle::settle(self);
        }
        reply
    }

    /// A uid that was never given before.
    pub(crate) fn next_uid(&mut self) -> String {
        self.made_up += 1;
        names::uid(self.made_up)
    }

    fn route(&mut self, request: &ApiRequest) -> Result<Reply, Rejection> {
        let aggregated = request.accept.contains("as=APIGroupDiscoveryList");
        let document =
            |core| Reply::Document(discovery::AGGREGATED, discovery::aggregated(&self.registry, core));
        match &request.route {
            Route::Health => Ok(Reply::Text("ok")),
            Route::Version => Ok(Reply::ok(discovery::version())),
            Route::CoreVersions if aggregated => Ok(document(true)),
            Route::CoreVersions => Ok(Reply::ok(discovery::core_versions())),
            Route::Groups if aggregated => Ok(document(false)),
            Route::Groups => Ok(Reply::ok(discovery::groups(&self.registry))),
            Route::Group(name) if self.registry.has_group(name) => {
                Ok(Reply::ok(discovery::group(&self.registry, name)))
            }
            Route::Resources { group, version } if self.registry.has_version(group, version) => {
                Ok(Reply::ok(discovery::resources(&self.registry, group, version)))
            }
            Route::Resource(target) => {
                let call = self.call(request, target)?;
                verbs::carry_out(self, &call)
            }
            _ => Err(Rejection::no_such_page()),
        }
    }

    /// Looks the kind of a request up.
    pub(crate) fn call<'r>(
        &self,
        request: &'r ApiRequest,
        target: &'r Target,
    ) -> Result<Call<'r>, Rejection> {
        let Target { group, version, resource, .. } = target;
        let Some(kind) = self.registry.find(group, version, resource) else {
            // The core group always answers with a Status, an unknown group with a bare page.
            return Err(if self.registry.has_version(group, version) || group.is_empty() {
                Rejection::no_such_resource()
            } else {
                Rejection::no_such_page()
            });
        };
        let subresource = target.subresource.as_deref().unwrap_or_default();
        let known = match subresource {
            "" => true,
            "status" => kind.status,
            "scale" => kind.scale.is_some(),
            other => kind.subresources.contains(&other),
        };
        let misplaced = match &target.namespace {
            Some(_) => !kind.namespaced,
            // A namespaced object always has a namespace in its path.
            None => kind.namespaced && target.name.is_some(),
        };
        if !known || misplaced {
            return Err(Rejection::no_such_resource());
        }
        let everywhere = kind.namespaced && target.namespace.is_none();
        if everywhere && !matches!(request.info.verb, Verb::List | Verb::Watch) {
            return Err(Rejection::method_not_allowed());
        }
        Ok(Call {
            kind,
            namespace: target.namespace.as_deref().unwrap_or_default(),
            name: target.name.as_deref().unwrap_or_default(),
            subresource,
            request,
        })
    }

    /// The object that a call is about.
    pub(crate) fn find(&self, call: &Call<'_>) -> Option<Arc<Object>> {
        self.store.get(&call.kind.id(), call.namespace, call.name).cloned()
    }
}
