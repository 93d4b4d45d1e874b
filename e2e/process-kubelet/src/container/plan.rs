//! Everything that the process of a container needs, decided before it exists.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde::{Deserialize, Serialize};

use crate::container::environment::Environment;
use crate::volume::Volumes;

/// The order to the helpers that make a container. It goes through pipes, never
/// through a command line: the environment may hold secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct ContainerPlan {
    /// The process whose network, host name and mounts the container shares.
    pub(crate) sandbox: u32,
    /// The kubelet; the container dies with it.
    pub(crate) kubelet: u32,
    /// An empty directory of the host, to mount the root file system on.
    pub(crate) root: PathBuf,
    /// Small files of the root file system: path and content.
    pub(crate) files: BTreeMap<String, String>,
    /// The image's files: name and where it is on the host.
    pub(crate) binaries: Vec<(String, PathBuf)>,
    /// Volumes, in the order in which they must be mounted.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Environment,
    pub(crate) working_directory: String,
}

/// A directory or file of the host that the container sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    /// Path in the container.
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// What every container of a cluster is given, before its own environment.
pub(crate) fn base_environment(hostname: &str, server: &(String, u16)) -> Environment {
    let port = server.1.to_string();
    [
        ("PATH", "/bin:/usr/bin:/"),
        ("HOME", "/tmp"),
        ("HOSTNAME", hostname),
        // A real cluster names the service's address; without a kube-proxy
        // nothing answers there, so it is the API server itself.
        ("KUBERNETES_SERVICE_HOST", server.0.as_str()),
        ("KUBERNETES_SERVICE_PORT", port.as_str()),
        ("KUBERNETES_SERVICE_PORT_HTTPS", port.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Host name of a pod: at most 63 characters, as a label of DNS.
pub(crate) fn hostname(spec: &PodSpec, pod_name: &str) -> String {
    let name = spec.hostname.as_deref().unwrap_or(pod_name);
    let short: String = name.chars().take(63).collect();
    short.trim_end_matches(['-', '.']).to_owned()
}

/// The small files that programs expect in `/etc`.
pub(crate) fn etc_files(
    spec: &PodSpec,
    hostname: &str,
    pod_ip: Ipv4Addr,
    service_names: &[(Ipv4Addr, String)],
) -> BTreeMap<String, String> {
    let mut hosts = format!("127.0.0.1 localhost\n{pod_ip} {hostname}\n");
    for (address, names) in service_names {
        hosts.push_str(&format!("{address} {names}\n"));
    }
    for alias in spec.host_aliases.iter().flatten() {
        hosts.push_str(&format!(
            "{} {}\n",
            alias.ip,
            alias.hostnames.as_deref().unwrap_or_default().join(" ")
        ));
    }
    [
        ("/etc/hosts", hosts.as_str()),
        // There is no name server; programs fall back to /etc/hosts at once.
        ("/etc/resolv.conf", ""),
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
        ("/etc/passwd", "root:x:0:0:root:/tmp:/bin/false\n"),
        ("/etc/group", "root:x:0:\n"),
    ]
    .map(|(path, content)| (path.to_owned(), content.to_owned()))
    .into()
}

/// The container's volumes, outer directories before inner ones.
///
/// # Errors
/// A mount with `subPathExpr`, which is not supported.
pub(crate) fn mounts(container: &Container, volumes: &Path) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    for wanted in container.volume_mounts.iter().flatten() {
        if wanted.sub_path_expr.is_some() {
            return Err(format!("mount {:?}: subPathExpr is not supported", wanted.mount_path));
        }
        let volume = Volumes::path(volumes, &wanted.name);
        let source = match wanted.sub_path.as_deref() {
            Some(path) if !path.is_empty() => volume.join(path),
            _ => volume,
        };
        let target = wanted.mount_path.clone();
        mounts.push(Mount { source, target, read_only: wanted.read_only.unwrap_or_default() });
    }
    mounts.sort_by_key(|mount| mount.target.matches('/').count());
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inner_mounts_come_after_outer_ones() {
        let container: Container = serde_json::from_value(json!({"name": "m", "volumeMounts": [
            {"name": "in", "mountPath": "/a/b/c", "readOnly": true},
            {"name": "out", "mountPath": "/a"},
            {"name": "part", "mountPath": "/a/b", "subPath": "x"}]}))
        .unwrap();
        let mounts = mounts(&container, Path::new("/v")).unwrap();
        let lines: Vec<_> =
            mounts.iter().map(|m| format!("{} {} {}", m.source.display(), m.target, m.read_only)).collect();
        assert_eq!(lines, ["/v/out /a false", "/v/part/x /a/b false", "/v/in /a/b/c true"]);
    }

    #[test]
    fn a_long_pod_name_is_cut_to_a_valid_host_name() {
        let spec = PodSpec::default();
        let name = format!("{}-tail", "a".repeat(62));
        assert_eq!(hostname(&spec, &name), "a".repeat(62));
        assert_eq!(hostname(&PodSpec { hostname: Some("own".into()), ..spec }, &name), "own");
    }

    #[test]
    fn host_aliases_and_services_are_in_the_hosts_file() {
        let spec: PodSpec = serde_json::from_value(json!({"containers": [],
            "hostAliases": [{"ip": "10.0.0.9", "hostnames": ["hub", "hub.example"]}]}))
        .unwrap();
        let services = [(Ipv4Addr::new(10, 0, 0, 1), "kubernetes.default.svc".to_owned())];
        let files = etc_files(&spec, "p", Ipv4Addr::new(10, 0, 0, 2), &services);
        assert_eq!(
            files["/etc/hosts"],
            "127.0.0.1 localhost\n10.0.0.2 p\n10.0.0.1 kubernetes.default.svc\n10.0.0.9 hub hub.example\n"
        );
    }
}
