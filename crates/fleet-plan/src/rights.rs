//! What the operator asks of the API server that it runs on, as RBAC rules.
//!
//! Each part declares what it uses next to the plan that uses it: [`operator`] the watches, statuses
//! and the election, [`hub`] a hub on this cluster, [`spoke`] the spokes of such a hub and a spoke that
//! is this cluster, [`webhook`] the certificate of the webhook. `cargo xtask codegen` writes `deploy/rbac` from them, and a scenario runs the
//! operator with exactly these rights and compares them with the audit log. Other clusters are reached
//! with the rights of their kubeconfigs.
//!
//! `create` with names works because objects are created by server-side apply, whose request names
//! the object. What is created by POST has no name yet; there `create` stands alone.

mod hub;
mod operator;
mod spoke;
mod webhook;

use std::collections::BTreeSet;

/// Where rights hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In the whole cluster, whatever namespaces are watched.
    Cluster,
    /// In the namespaces that are watched.
    Watched,
    /// As [`Scope::Watched`], unless the Secrets that hold kubeconfigs are named one by one.
    Kubeconfigs,
    /// As [`Scope::Kubeconfigs`], but nowhere if all namespaces are watched.
    WatchedSecrets,
    /// In the namespace that the operator runs in.
    Release,
    /// In `kube-system`.
    KubeSystem,
    /// In `default`, where Kubernetes keeps the events of objects without a namespace.
    Default,
    /// In the whole cluster, if the operator makes the webhook's certificate itself.
    Webhook,
    /// As [`Scope::Release`], if the operator makes the webhook's certificate itself.
    WebhookAuthority,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cluster,
        Self::Watched,
        Self::Kubeconfigs,
        Self::WatchedSecrets,
        Self::Release,
        Self::KubeSystem,
        Self::Default,
        Self::Webhook,
        Self::WebhookAuthority,
    ];

    /// The name of its file in `deploy/rbac`.
    pub fn file(self) -> &'static str {
        match self {
            Self::Cluster => "cluster.yaml",
            Self::Watched => "watched.yaml",
            Self::Kubeconfigs => "kubeconfigs.yaml",
            Self::WatchedSecrets => "watched-secrets.yaml",
            Self::Release => "release.yaml",
            Self::KubeSystem => "kube-system.yaml",
            Self::Default => "default.yaml",
            Self::Webhook => "webhook.yaml",
            Self::WebhookAuthority => "webhook-authority.yaml",
        }
    }

    /// Whether rights of this scope hold for objects in a namespace, empty for those without one. `release`
    /// is the namespace that the operator runs in.
    fn holds_in(self, namespace: &str, release: &str) -> bool {
        match self {
            Self::Cluster | Self::Watched | Self::Kubeconfigs | Self::WatchedSecrets | Self::Webhook => true,
            Self::Release | Self::WebhookAuthority => namespace == release,
            Self::KubeSystem => namespace == "kube-system",
            Self::Default => namespace == "default",
        }
    }
}

/// What a right is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Requests are made with it.
    Used,
    /// Another check asks for it while a request is answered: the API server's guard against handing
    /// out more than one has, or an admission webhook of OCM's. It never shows as a request.
    Checked,
    /// Requests are made with it when the same event happens twice within minutes, which the client that
    /// publishes events makes a series of.
    Repeated,
    /// Requests are made with it when a certificate is renewed, which takes longer than a test.
    Renewal,
}

/// One rule, with its reason.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// Why the operator holds it, in a sentence.
    pub why: &'static str,
    /// Where it holds.
    pub scope: Scope,
    /// What it is held for.
    pub purpose: Purpose,
    /// API group; empty is the core group.
    pub group: &'static str,
    /// Resources, subresources after a slash.
    pub resources: &'static [&'static str],
    /// Names of the objects; none means all.
    pub names: &'static [&'static str],
    /// Verbs.
    pub verbs: &'static [&'static str],
}

/// A request, as an audit log tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// API group.
    pub group: String,
    /// Resource with its subresource.
    pub resource: String,
    /// Namespace of the object; empty for one without, and for all of them.
    pub namespace: String,
    /// Name of the object; empty when the request named none.
    pub name: String,
    /// Verb.
    pub verb: String,
}

impl Right {
    /// Whether it covers the request of an operator that runs in the namespace `release`.
    pub fn covers(&self, asked: &Asked, release: &str) -> bool {
        self.group == asked.group
            && self.scope.holds_in(&asked.namespace, release)
            && self.resources.contains(&asked.resource.as_str())
            && self.verbs.contains(&asked.verb.as_str())
            && (self.names.is_empty() || self.names.contains(&asked.name.as_str()))
    }
}

/// Every right that the operator needs on its own cluster.
pub fn all() -> impl Iterator<Item = &'static Right> {
    operator::RIGHTS.iter().chain(hub::RIGHTS).chain(spoke::RIGHTS).chain(webhook::RIGHTS)
}

/// The verbs on resources that are held for requests and were never asked for, one line each.
///
/// A server-side apply is a `patch` to the audit log, while the API server also wants `create`, in case
/// that the object is not there yet; so `create` counts as asked for where `patch` was.
pub fn unused(asked: &BTreeSet<Asked>, release: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for right in all().filter(|right| right.purpose == Purpose::Used) {
        for resource in right.resources {
            for verb in right.verbs {
                let by_apply = *verb == "create" && right.verbs.contains(&"patch");
                let verbs: &[&str] = if by_apply { &["create", "patch"] } else { &[verb] };
                let used = asked.iter().any(|asked| {
                    asked.resource == *resource
                        && verbs.contains(&asked.verb.as_str())
                        && right.covers(&Asked { verb: (*verb).to_owned(), ..asked.clone() }, release)
                });
                if !used {
                    lines.push(format!("{verb} {resource} {:?} ({})", right.names, right.why));
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_held_for_everything() {
        for right in all() {
            let words = [right.resources, right.verbs, right.names, &[right.group]].concat();
            assert!(words.iter().all(|word| !word.contains('*')), "{right:?}");
            assert!(!right.resources.is_empty() && !right.verbs.is_empty(), "{right:?}");
            assert!(right.why.ends_with('.'), "{right:?}");
        }
    }

    #[test]
    fn what_hands_out_rights_is_held_for_fixed_names_alone() {
        for right in all().filter(|right| right.group == "rbac.authorization.k8s.io") {
            assert!(!right.names.is_empty(), "{right:?}");
        }
        for verb in ["escalate", "bind", "impersonate"] {
            for right in all().filter(|right| right.verbs.contains(&verb)) {
                assert_eq!((right.group, right.names.is_empty()), ("rbac.authorization.k8s.io", false));
            }
        }
    }

    #[test]
    fn secrets_are_listed_in_kube_system_and_in_namespaces_that_are_named() {
        // One that is named may be watched, and a watch begins with a list of that one.
        let lists = |right: &&Right| {
            right.resources.contains(&"secrets") && right.verbs.contains(&"list") && right.names.is_empty()
        };
        let named = [Scope::KubeSystem, Scope::WatchedSecrets];
        assert!(all().filter(lists).all(|right| named.contains(&right.scope)));
    }

    #[test]
    fn what_is_not_asked_for_is_told() {
        let all_asked: BTreeSet<Asked> = all()
            .flat_map(|right| {
                let names: &[&str] = if right.names.is_empty() { &["any"] } else { right.names };
                right.resources.iter().flat_map(move |resource| {
                    right.verbs.iter().map(move |verb| Asked {
                        group: right.group.to_owned(),
                        resource: (*resource).to_owned(),
                        namespace: match right.scope {
                            Scope::KubeSystem => "kube-system".to_owned(),
                            Scope::Default => "default".to_owned(),
                            _ => "release".to_owned(),
                        },
                        name: names.first().copied().unwrap_or_default().to_owned(),
                        verb: (*verb).to_owned(),
                    })
                })
            })
            .collect();
        assert_eq!(unused(&all_asked, "release"), Vec::<String>::new());
        let without: BTreeSet<Asked> =
            all_asked.into_iter().filter(|asked| asked.resource != "leases").collect();
        assert!(unused(&without, "release").iter().all(|line| line.contains("leases")));
        assert!(!unused(&without, "release").is_empty());
    }

    #[test]
    fn a_right_in_one_namespace_is_none_in_another() {
        let bootstrap = all().find(|right| right.scope == Scope::KubeSystem).unwrap();
        let asked = |namespace: &str| Asked {
            group: String::new(),
            resource: "secrets".to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
            verb: "list".to_owned(),
        };
        assert!(bootstrap.covers(&asked("kube-system"), "release"));
        assert!(!bootstrap.covers(&asked("release"), "release"));
    }
}
