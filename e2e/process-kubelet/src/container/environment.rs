//! Environment, command and arguments of a container.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};

use crate::objects::{Data, Objects};
use crate::pod::downward::{self, Placement};
use crate::pod::references::Kind;

/// Names and values, as given to the process.
pub(crate) type Environment = BTreeMap<String, String>;

/// The environment of `container`: `base` (what the runtime and the cluster
/// give every container), then `envFrom`, then `env`, each overriding what came
/// before, `$(NAME)` in `env` values expanded from what came before.
///
/// # Errors
/// A referenced object or key is missing and not optional; the message is the
/// one for `CreateContainerConfigError`.
pub(crate) fn of_container(
    pod: &Pod,
    container: &Container,
    placement: Placement<'_>,
    objects: &Objects,
    base: Environment,
) -> Result<Environment, String> {
    let mut environment = base;
    for source in container.env_from.iter().flatten() {
        let data = match (&source.secret_ref, &source.config_map_ref) {
            (Some(secret), _) => {
                objects.find(Kind::Secret, &secret.name, secret.optional.unwrap_or_default())?
            }
            (_, Some(map)) => objects.find(Kind::ConfigMap, &map.name, map.optional.unwrap_or_default())?,
            (None, None) => None,
        };
        let prefix = source.prefix.as_deref().unwrap_or_default();
        for (key, value) in data.into_iter().flat_map(Data::iter) {
            environment.insert(format!("{prefix}{key}"), text(value));
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value_of(pod, variable, placement, objects, &environment)? {
            environment.insert(variable.name.clone(), value);
        }
    }
    Ok(environment)
}

/// The value of one variable; `None` if an optional source is missing.
fn value_of(
    pod: &Pod,
    variable: &EnvVar,
    placement: Placement<'_>,
    objects: &Objects,
    so_far: &Environment,
) -> Result<Option<String>, String> {
    let Some(source) = &variable.value_from else {
        return Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), so_far)));
    };
    if let Some(field) = &source.field_ref {
        return downward::field(pod, placement, &field.field_path).map(Some);
    }
    let value = match (&source.secret_key_ref, &source.config_map_key_ref) {
        (Some(at), _) => objects.key(Kind::Secret, &at.name, &at.key, at.optional.unwrap_or_default())?,
        (_, Some(at)) => objects.key(Kind::ConfigMap, &at.name, &at.key, at.optional.unwrap_or_default())?,
        (None, None) => return Err(format!("env {:?}: source is not supported", variable.name)),
    };
    Ok(value.map(text))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The command line of `container`: its command, else the image's entrypoint,
/// then its args, with `$(NAME)` expanded.
pub(crate) fn command_line(
    container: &Container,
    entrypoint: &[String],
    environment: &Environment,
) -> Vec<String> {
    let command = container.command.as_deref().filter(|command| !command.is_empty()).unwrap_or(entrypoint);
    let arguments = container.args.as_deref().unwrap_or_default();
    command.iter().chain(arguments).map(|word| expand(word, environment)).collect()
}

/// Replaces `$(NAME)` by the variable's value. An unknown name stays as it is,
/// and `$$` stands for one dollar sign, so `$$(NAME)` is not expanded.
fn expand(text: &str, environment: &Environment) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let named = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        rest = match (after.strip_prefix('$'), named) {
            (Some(after), _) => {
                result.push('$');
                after
            }
            (None, Some((name, after))) => {
                match environment.get(name) {
                    Some(value) => result.push_str(value),
                    None => result.extend(["$(", name, ")"]),
                }
                after
            }
            (None, None) => {
                result.push('$');
                after
            }
        };
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    use serde_json::json;
    use std::net::Ipv4Addr;

    fn resolve(container: serde_json::Value) -> Result<Environment, String> {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": []}})).unwrap();
        let container: Container = serde_json::from_value(container).unwrap();
        let mut objects = Objects::default();
        let secret: Secret = serde_json::from_value(json!({"data": {"A": "c2VjcmV0"}})).unwrap();
        let map: ConfigMap = serde_json::from_value(json!({"data": {"A": "plain", "B": "b"}})).unwrap();
        objects.insert((Kind::Secret, "s".into()), secret.into());
        objects.insert((Kind::ConfigMap, "c".into()), map.into());
        let ip = Ipv4Addr::LOCALHOST;
        let placement = Placement { pod_ip: ip, host_ip: ip, node_name: "n" };
        let base = Environment::from([("PATH".to_owned(), "/bin".to_owned())]);
        of_container(&pod, &container, placement, &objects, base)
    }

    fn pairs(environment: &Environment) -> Vec<String> {
        environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn later_sources_override_earlier_ones() {
        let environment = resolve(json!({"name": "m",
        "envFrom": [{"configMapRef": {"name": "c"}}, {"prefix": "S_", "secretRef": {"name": "s"}}],
        "env": [
            {"name": "B", "value": "mine"},
            {"name": "C", "value": "$(B)-$(PATH)-$(D)"},
            {"name": "D", "value": "later"},
            {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "A"}}},
            {"name": "O", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "A", "optional": true}}}
        ]}))
        .unwrap();
        assert_eq!(
            pairs(&environment),
            [
                "A=plain",
                "B=mine",
                "C=mine-/bin-$(D)",
                "D=later",
                "K=secret",
                "N=p",
                "PATH=/bin",
                "S_A=secret"
            ]
        );
    }

    #[test]
    fn a_missing_object_or_key_is_named() {
        let missing = |source: serde_json::Value| {
            resolve(json!({"name": "m", "env": [{"name": "X", "valueFrom": source}]})).unwrap_err()
        };
        assert_eq!(
            missing(json!({"secretKeyRef": {"name": "none", "key": "A"}})),
            "secret \"none\" not found"
        );
        assert!(missing(json!({"configMapKeyRef": {"name": "c", "key": "Z"}})).contains("key \"Z\""));
        assert!(resolve(json!({"name": "m", "envFrom": [{"secretRef": {"name": "none"}}]})).is_err());
    }

    #[test]
    fn expansion_follows_the_kubernetes_rules() {
        let environment = Environment::from([("A".to_owned(), "1".to_owned())]);
        for (text, expected) in [
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(B)", "$(B)"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("$", "$"),
            ("$$", "$"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &environment), expected, "{text}");
        }
    }

    #[test]
    fn the_command_replaces_the_entrypoint_and_args_do_not() {
        let line = |container: serde_json::Value| {
            let container: Container = serde_json::from_value(container).unwrap();
            command_line(&container, &["/entry".to_owned()], &Environment::new())
        };
        assert_eq!(line(json!({"name": "m", "args": ["x"]})), ["/entry", "x"]);
        assert_eq!(line(json!({"name": "m", "command": ["/c"], "args": ["x"]})), ["/c", "x"]);
        assert_eq!(line(json!({"name": "m"})), ["/entry"]);
    }
}
