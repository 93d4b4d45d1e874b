//! What the cases work with: requests as they are on the wire, and a place of their own.

use std::time::Duration;

use ::http::{Method, Request, header};
use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// How long anything may take that does not happen at once. On a machine that others use too, a real
/// server needs half a minute to answer for a kind whose CRD has changed.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

static NULL: Value = Value::Null;

/// The value at a JSON pointer; null where nothing is.
pub(super) fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&NULL)
}

/// The text at a JSON pointer; empty where none is.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// Requires that a place has a value.
pub(super) fn expect(value: &Value, pointer: &str, wanted: Value) -> Result<()> {
    let found = at(value, pointer);
    ensure!(*found == wanted, "{pointer} is {found}, expected {wanted}");
    Ok(())
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) content_type: String,
    pub(super) text: String,
    /// Null when the answer was no JSON.
    pub(super) body: Value,
}

impl Answer {
    /// Requires a status code, and gives the body.
    pub(super) fn is(self, code: u16) -> Result<Value> {
        ensure!(self.code == code, "answered {} instead of {code}: {}", self.code, self.text.trim());
        Ok(self.body)
    }

    /// Requires success, and gives the body.
    pub(super) fn succeeded(self) -> Result<Value> {
        ensure!((200..300).contains(&self.code), "answered {}: {}", self.code, self.text.trim());
        Ok(self.body)
    }

    /// Requires a refusal with a code and a reason, and gives the status.
    pub(super) fn refused(self, code: u16, reason: &str) -> Result<Value> {
        let body = self.is(code)?;
        expect(&body, "/kind", json!("Status"))?;
        expect(&body, "/status", json!("Failure"))?;
        expect(&body, "/code", json!(code))?;
        ensure!(text(&body, "/reason") == reason, "the reason is not {reason}: {body}");
        Ok(body)
    }

    /// Requires a refusal because of an invalid field.
    pub(super) fn invalid(self, cause: &str, field: &str) -> Result<Value> {
        let body = self.refused(422, "Invalid")?;
        let causes = at(&body, "/details/causes").as_array().cloned().unwrap_or_default();
        let found = causes.iter().any(|one| text(one, "/reason") == cause && text(one, "/field") == field);
        ensure!(found, "no cause {cause} at {field}: {body}");
        Ok(body)
    }
}

/// A client, and a namespace that is the case's own.
pub(super) struct Lab {
    pub(super) client: kube::Client,
    pub(super) namespace: String,
}

impl Lab {
    pub(super) async fn open(client: kube::Client) -> Result<Self> {
        let mut lab = Self { client, namespace: String::new() };
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "conformance-"},
        });
        let made = lab.post("/api/v1/namespaces", &namespace).await?.is(201)?;
        lab.namespace = text(&made, "/metadata/name").to_owned();
        Ok(lab)
    }

    pub(super) async fn close(self) {
        let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        // What is left behind would not change any result, so failures do not matter here.
        let _ = self.delete(&format!("{crds}/widgets.{}", self.group())).await;
        let _ = self.delete(&format!("/api/v1/namespaces/{}", self.namespace)).await;
    }

    /// A group for custom kinds of this case alone.
    pub(super) fn group(&self) -> String {
        format!("{}.example.com", self.namespace)
    }

    /// Path of a namespaced core kind.
    pub(super) fn core(&self, plural: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}", self.namespace)
    }

    /// Path of a namespaced kind of a group and version.
    pub(super) fn path(&self, group_version: &str, plural: &str) -> String {
        format!("/apis/{group_version}/namespaces/{}/{plural}", self.namespace)
    }

    /// Path of the ConfigMap `a`.
    pub(super) fn a(&self) -> String {
        self.core("configmaps/a")
    }

    /// A name for a cluster-scoped object.
    pub(super) fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.namespace)
    }

    /// Makes the ConfigMap `a` with some data, as the manager `maker`.
    pub(super) async fn make_a(&self, data: Value) -> Result<Value> {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
        self.post(&format!("{}?fieldManager=maker", self.core("configmaps")), &map).await?.is(201)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, JSON, None).await
    }

    /// GET with an Accept header.
    pub(super) async fn get_as(&self, path: &str, accept: &str) -> Result<Answer> {
        self.exchange(Method::GET, path, JSON, accept, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, JSON, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::PUT, path, JSON, Some(body)).await
    }

    pub(super) async fn merge(&self, path: &str, body: Value) -> Result<Answer> {
        self.send(Method::PATCH, path, MERGE, Some(&body)).await
    }

    pub(super) async fn json_patch(&self, path: &str, body: Value) -> Result<Answer> {
        self.send(Method::PATCH, path, JSON_PATCH, Some(&body)).await
    }

    pub(super) async fn apply(&self, path: &str, manager: &str, body: &Value) -> Result<Answer> {
        self.send(Method::PATCH, &format!("{path}?fieldManager={manager}"), APPLY, Some(body)).await
    }

    pub(super) async fn force(&self, path: &str, manager: &str, body: &Value) -> Result<Answer> {
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.send(Method::PATCH, &path, APPLY, Some(body)).await
    }

    /// Applies data to the ConfigMap `a`.
    pub(super) async fn apply_a(&self, manager: &str, data: Value) -> Result<Answer> {
        self.apply(&self.a(), manager, &a_with(data)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, JSON, None).await
    }

    pub(super) async fn delete_with(&self, path: &str, options: Value) -> Result<Answer> {
        self.send(Method::DELETE, path, JSON, Some(&options)).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.exchange(method, path, content_type, JSON, Some(body)).await
    }

    /// One request with a body as it is, and its answer.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        accept: &str,
        body: Option<String>,
    ) -> Result<Answer> {
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::CONTENT_TYPE, content_type)
            .header(header::ACCEPT, accept)
            .header(header::USER_AGENT, "conformance/1.0")
            .body(Body::from(body.unwrap_or_default().into_bytes()))?;
        let response = self.client.send(request).await.with_context(|| format!("{method} {path}"))?;
        let code = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = response.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { code, content_type, text, body })
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Result<Answer> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await?;
            if wanted(&answer) {
                return Ok(answer);
            }
            ensure!(tokio::time::Instant::now() < deadline, "still not as expected: {}", answer.text);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until an object is gone.
    pub(super) async fn until_gone(&self, path: &str) -> Result<()> {
        self.until(path, |answer| answer.code == 404).await.map(drop)
    }

    /// Opens a watch.
    pub(super) async fn watch(&self, path: &str) -> Result<Watch> {
        self.watch_as(path, JSON).await
    }

    /// Opens a watch with an Accept header.
    pub(super) async fn watch_as(&self, path: &str, accept: &str) -> Result<Watch> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty())?;
        let response = self.client.send(request).await?;
        ensure!(response.status().is_success(), "the watch was refused with {}", response.status());
        let chunks = response.into_body().into_data_stream().map_err(anyhow::Error::from).boxed();
        Ok(Watch { chunks, rest: Vec::new() })
    }
}

/// A ConfigMap `a` to be applied.
pub(super) fn a_with(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

/// A watch that was opened.
pub(super) struct Watch {
    chunks: BoxStream<'static, Result<bytes::Bytes>>,
    rest: Vec<u8>,
}

impl Watch {
    /// The next event.
    pub(super) async fn next(&mut self) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.line()).await.context("no event came")?
    }

    /// The next event's type, and a text of its object.
    pub(super) async fn next_is(&mut self, kind: &str, pointer: &str, wanted: &str) -> Result<Value> {
        let event = self.next().await?;
        let found = (text(&event, "/type"), text(at(&event, "/object"), pointer));
        ensure!(found == (kind, wanted), "expected {kind} with {wanted} at {pointer}: {event}");
        Ok(event)
    }

    async fn line(&mut self) -> Result<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(serde_json::from_slice(&line)?);
            }
            let chunk = self.chunks.try_next().await?.context("the watch ended")?;
            self.rest.extend_from_slice(&chunk);
        }
    }
}

/// The fields that a manager owns, as `fieldsV1`; null when it owns nothing.
pub(super) fn owned<'v>(object: &'v Value, manager: &str, operation: &str) -> &'v Value {
    entry(object, manager, operation).map_or(&NULL, |entry| at(entry, "/fieldsV1"))
}

/// The entry of a manager in managedFields.
pub(super) fn entry<'v>(object: &'v Value, manager: &str, operation: &str) -> Option<&'v Value> {
    at(object, "/metadata/managedFields")
        .as_array()?
        .iter()
        .find(|entry| text(entry, "/manager") == manager && text(entry, "/operation") == operation)
}
