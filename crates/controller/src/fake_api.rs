//! An API server for tests of what watches: it lists and watches what a test has put into it.
//! Nothing else; no port, no disk, and paused time works.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::StreamExt;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::client::Body;
use kube::{Client, Resource};
use serde_json::{Value, json};
use tower::service_fn;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// The server; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Path of the collection of all namespaces, then namespace and name.
    objects: BTreeMap<String, BTreeMap<(String, String), Value>>,
    served: BTreeSet<String>,
    version: u64,
    watches: Vec<Watch>,
    lists: Vec<String>,
}

struct Watch {
    path: String,
    namespace: Option<String>,
    events: UnboundedSender<Bytes>,
}

fn collection<K: Resource<DynamicType = ()>>() -> String {
    K::url_path(&(), None)
}

fn crd_name<K: Resource<DynamicType = ()>>() -> String {
    format!("{}.{}", K::plural(&()), K::group(&()))
}

/// The path without its namespace, and the namespace.
fn split(path: &str) -> (String, Option<String>) {
    match path.split_once("/namespaces/") {
        None => (path.to_owned(), None),
        Some((group, rest)) => {
            let (namespace, plural) = rest.split_once('/').unwrap();
            (format!("{group}/{plural}"), Some(namespace.to_owned()))
        }
    }
}

impl FakeApi {
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.answer(&request)) }
        });
        Client::new(service, "default")
    }

    /// Serves a kind that is built in.
    pub(crate) fn serve<K: Resource<DynamicType = ()>>(&self) {
        self.0.lock().unwrap().served.insert(collection::<K>());
    }

    /// Installs a CRD, and serves its kind.
    pub(crate) fn install<K: Resource<DynamicType = ()>>(&self) {
        self.serve::<K>();
        self.put_crd::<K>("True", true);
    }

    /// Creates or changes a CRD, without serving its kind.
    pub(crate) fn put_crd<K: Resource<DynamicType = ()>>(&self, established: &str, served: bool) {
        self.put::<CustomResourceDefinition>(json!({
            "metadata": {"name": crd_name::<K>()},
            "spec": {"versions": [{"name": K::version(&()), "served": served, "schema": {}}]},
            "status": {"conditions": [{"type": "Established", "status": established}]},
        }));
    }

    /// Removes a CRD, with its objects.
    pub(crate) fn uninstall<K: Resource<DynamicType = ()>>(&self) {
        {
            let mut state = self.0.lock().unwrap();
            let path = collection::<K>();
            state.served.remove(&path);
            state.objects.remove(&path);
            state.watches.retain(|watch| watch.path != path);
        }
        self.delete::<CustomResourceDefinition>("", &crd_name::<K>());
    }

    /// Creates or changes an object.
    pub(crate) fn put<K: Resource<DynamicType = ()>>(&self, mut object: Value) {
        let mut state = self.0.lock().unwrap();
        state.version += 1;
        object["apiVersion"] = K::api_version(&()).into();
        object["kind"] = K::kind(&()).into();
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = (text("namespace"), text("name"));
        let path = collection::<K>();
        state.announce("MODIFIED", &path, &key.0, &object);
        state.objects.entry(path).or_default().insert(key, object);
    }

    pub(crate) fn delete<K: Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) {
        let mut state = self.0.lock().unwrap();
        let path = collection::<K>();
        let key = (namespace.to_owned(), name.to_owned());
        let object = state.objects.get_mut(&path).unwrap().remove(&key).unwrap();
        state.announce("DELETED", &path, namespace, &object);
    }

    /// How often a kind has been listed, served or not.
    pub(crate) fn lists<K: Resource<DynamicType = ()>>(&self) -> usize {
        let path = collection::<K>();
        self.0.lock().unwrap().lists.iter().filter(|listed| **listed == path).count()
    }

    /// How many watches of a kind are open.
    pub(crate) fn watches<K: Resource<DynamicType = ()>>(&self) -> usize {
        let path = collection::<K>();
        let mut state = self.0.lock().unwrap();
        state.watches.retain(|watch| !watch.events.is_closed());
        state.watches.iter().filter(|watch| watch.path == path).count()
    }

    fn answer(&self, request: &Request<Body>) -> Response<Answer> {
        let mut state = self.0.lock().unwrap();
        let (path, namespace) = split(request.uri().path());
        let crds = collection::<CustomResourceDefinition>();
        if path != crds && !state.served.contains(&path) {
            state.lists.push(path);
            let status = json!({"kind": "Status", "status": "Failure", "code": 404,
                "reason": "NotFound", "message": "not served"});
            return reply(404, &status);
        }
        let query = request.uri().query().unwrap_or_default();
        if query.contains("watch=true") {
            let (events, receiver) = unbounded();
            state.watches.push(Watch { path, namespace, events });
            let frames = receiver.map(|line| Ok::<_, Infallible>(Frame::data(line)));
            return Response::new(UnsyncBoxBody::new(StreamBody::new(frames)));
        }
        let own = |key: &(String, String)| namespace.as_ref().is_none_or(|own| *own == key.0);
        let items: Vec<&Value> = state
            .objects
            .get(&path)
            .into_iter()
            .flatten()
            .filter(|(key, _)| own(key))
            .map(|(_, object)| object)
            .collect();
        let version = state.version.max(1).to_string();
        let list = json!({"metadata": {"resourceVersion": version}, "items": items});
        state.lists.push(path);
        reply(200, &list)
    }
}

impl State {
    fn announce(&mut self, kind: &str, path: &str, namespace: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        for watch in &self.watches {
            if watch.path == path && watch.namespace.as_ref().is_none_or(|own| own == namespace) {
                // A client that is gone is found out by `watches`.
                let _ = watch.events.unbounded_send(Bytes::from(line.clone()));
            }
        }
    }
}

fn reply(code: u16, body: &Value) -> Response<Answer> {
    let body = Full::new(Bytes::from(body.to_string()));
    Response::builder().status(code).body(body.boxed_unsync()).unwrap()
}
