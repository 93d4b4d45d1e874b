//! What a path means.

use super::query::decode;

/// A place in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/healthz`, `/livez`, `/readyz`.
    Health,
    /// `/version`.
    Version,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/{group}`.
    Group(String),
    /// `/api/v1` or `/apis/{group}/{version}`.
    Resources { group: String, version: String },
    /// Objects.
    Resource(Target),
    /// Nothing that is known.
    Unknown,
}

/// Objects of a kind, or one of them, or a subresource of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Route {
    /// Reads a path.
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => Self::Health,
            ["version"] => Self::Version,
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::Resources { group: String::new(), version: (*version).to_owned() },
            ["apis", group, version] => {
                Self::Resources { group: (*group).to_owned(), version: (*version).to_owned() }
            }
            ["api", version, rest @ ..] => target("", version, rest),
            ["apis", group, version, rest @ ..] => target(group, version, rest),
            _ => Self::Unknown,
        }
    }
}

fn target(group: &str, version: &str, rest: &[&str]) -> Route {
    let own = |text: &str| Some(text.to_owned());
    let base = Target { group: group.into(), version: version.into(), ..Target::default() };
    Route::Resource(match rest {
        // A namespace is an object as well as a place for objects.
        ["namespaces"] => Target { resource: "namespaces".into(), ..base },
        ["namespaces", name] => Target { resource: "namespaces".into(), name: own(name), ..base },
        ["namespaces", name, subresource @ ("status" | "finalize")] => {
            Target { resource: "namespaces".into(), name: own(name), subresource: own(subresource), ..base }
        }
        ["namespaces", namespace, resource, rest @ ..] if rest.len() <= 2 => Target {
            resource: (*resource).into(),
            namespace: own(namespace),
            name: rest.first().and_then(|name| own(name)),
            subresource: rest.get(1).and_then(|name| own(name)),
            ..base
        },
        [resource, rest @ ..] if rest.len() <= 2 => Target {
            resource: (*resource).into(),
            name: rest.first().and_then(|name| own(name)),
            subresource: rest.get(1).and_then(|name| own(name)),
            ..base
        },
        _ => return Route::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> (String, Option<String>, Option<String>, Option<String>) {
        match Route::parse(path) {
            Route::Resource(target) => (target.resource, target.namespace, target.name, target.subresource),
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_objects() {
        let some = |text: &str| Some(text.to_owned());
        for (path, expected) in [
            ("/api/v1/namespaces", ("namespaces".into(), None, None, None)),
            ("/api/v1/namespaces/a", ("namespaces".into(), None, some("a"), None)),
            ("/api/v1/namespaces/a/status", ("namespaces".into(), None, some("a"), some("status"))),
            ("/api/v1/namespaces/a/secrets", ("secrets".into(), some("a"), None, None)),
            ("/api/v1/namespaces/a/secrets/b?x", ("secrets".into(), some("a"), some("b?x"), None)),
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax",
                ("clusterroles".into(), None, some("system:x"), None),
            ),
            (
                "/api/v1/namespaces/a/serviceaccounts/b/token",
                ("serviceaccounts".into(), some("a"), some("b"), some("token")),
            ),
        ] {
            assert_eq!(resource(path), expected, "{path}");
        }
        assert_eq!(Route::parse("/apis/apps"), Route::Group("apps".into()));
        assert_eq!(Route::parse("/nonsense"), Route::Unknown);
    }
}
