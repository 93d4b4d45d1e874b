//! The processes of one cluster: their files, their flags, their readiness.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    addresses::ClusterAddresses,
    binaries::Binaries,
    certificates::{Authority, SignedPair, token_signing_key},
    identity::{Credential, Identity},
    state::{BedDirectory, ClusterDirectory, write_private},
    supervisor::{BRIDGE, ProcessSpec},
};

/// The port of every apiserver; each has an address of its own.
const SERVER_PORT: u16 = 6443;

/// Services get addresses here. Nothing routes them: the apiserver calls
/// webhooks by the addresses of their pods.
const SERVICE_RANGE: &str = "10.96.0.0/16";

/// The first address of `SERVICE_RANGE`, which is that of `kubernetes.default`.
const SERVER_SERVICE_ADDRESS: &str = "10.96.0.1";

const TOKEN_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Controllers that act on nodes believe in real ones: they would evict the
/// pods of a node that nobody heartbeats, and hand out ranges nobody uses.
const CONTROLLERS: &str = "*,bootstrap-signer-controller,token-cleaner-controller,\
    -node-lifecycle-controller,-taint-eviction-controller,-persistentvolume-attach-detach-controller,\
    -ttl-controller,-node-ipam-controller,-node-route-controller,-service-lb-controller";

/// Without these, what was deleted would not go away. No other writes.
const FEW_CONTROLLERS: &str = "namespace-controller,garbage-collector-controller";

/// One of the processes that make up a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The database.
    Etcd,
    /// The API server.
    ApiServer,
    /// The controller manager: service accounts, Deployments, CSR signing, garbage collection.
    ControllerManager,
    /// The process kubelet: the cluster's one node.
    Kubelet,
}

impl Component {
    /// All components, in the order in which they are started.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Kubelet];

    /// The name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Kubelet => "process-kubelet",
        }
    }

    /// What the supervisor calls this process of this cluster.
    pub(crate) fn process_of(self, cluster: &str) -> String {
        format!("{cluster}/{self}")
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Component {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|component| component.name() == text).with_context(|| {
            let names: Vec<_> = Self::ALL.iter().map(|component| component.name()).collect();
            format!("no component {text:?}: there are {}", names.join(", "))
        })
    }
}

/// Everything that the flags of one cluster's processes are made from.
pub(crate) struct ControlPlane<'a> {
    pub(crate) bed: &'a BedDirectory,
    pub(crate) cluster: &'a str,
    /// The cluster's place in the bed, from 0: tells the etcds apart.
    pub(crate) index: usize,
    pub(crate) addresses: ClusterAddresses,
    pub(crate) binaries: &'a Binaries,
    pub(crate) few_controllers: bool,
}

impl ControlPlane<'_> {
    fn directory(&self) -> ClusterDirectory {
        self.bed.cluster(self.cluster)
    }

    /// The URL of the apiserver.
    pub(crate) fn server(&self) -> String {
        server_url(self.addresses)
    }

    /// Makes keys, certificates and kubeconfigs.
    pub(crate) fn write_files(&self) -> Result<()> {
        let dir = self.directory();
        dir.create()?;
        let authority = Authority::generate(&authority_name(self.cluster))?;
        let front_proxy = Authority::generate("bed-front-proxy-ca")?;
        let hosts = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "127.0.0.1",
            SERVER_SERVICE_ADDRESS,
        ];
        let mut hosts: Vec<String> = hosts.map(str::to_owned).into();
        hosts.push(self.addresses.server.to_string());
        let (signing_key, verifying_key) = token_signing_key()?;
        let pair = |name: &str, pair: &SignedPair| -> Result<()> {
            write_private(&dir.pki(&format!("{name}.crt")), pair.certificate.as_bytes())?;
            write_private(&dir.pki(&format!("{name}.key")), pair.key.as_bytes())
        };
        pair("ca", &authority.pair)?;
        pair("front-proxy-ca", &front_proxy.pair)?;
        pair("apiserver", &authority.server("kube-apiserver", hosts)?)?;
        pair("front-proxy", &front_proxy.client("front-proxy-client", None)?)?;
        write_private(&dir.pki("tokens.key"), signing_key.as_bytes())?;
        write_private(&dir.pki("tokens.pub"), verifying_key.as_bytes())?;
        for (file, user, group) in [
            ("admin", "bed-admin", Some("system:masters")),
            (Component::Kubelet.name(), "process-kubelet", Some("system:masters")),
            (Component::ControllerManager.name(), "system:kube-controller-manager", None),
        ] {
            let identity = Identity {
                cluster: self.cluster.to_owned(),
                server: self.server(),
                ca: authority.pair.certificate.clone(),
                user: user.to_owned(),
                credential: Credential::Certificate(authority.client(user, group)?),
            };
            write_private(&dir.kubeconfig(file), identity.kubeconfig().as_bytes())?;
        }
        Ok(())
    }

    /// How to start one of the processes.
    pub(crate) fn process(&self, component: Component) -> Result<ProcessSpec> {
        let (program, flags) = match component {
            Component::Etcd => (self.binaries.control_plane(component), self.etcd_flags()),
            Component::ApiServer => (self.binaries.control_plane(component), self.apiserver_flags()),
            Component::ControllerManager => {
                (self.binaries.control_plane(component), self.controller_manager_flags())
            }
            Component::Kubelet => (self.binaries.kubelet()?, self.kubelet_flags()),
        };
        let program = program
            .into_os_string()
            .into_string()
            .map_err(|path| anyhow::anyhow!("{path:?} is not UTF-8"))?;
        let mut argv = vec![program];
        argv.extend(flags);
        Ok(ProcessSpec {
            name: component.process_of(self.cluster),
            argv,
            env: Default::default(),
            log: self.directory().component_log(component),
        })
    }

    /// etcd needs a port for peers even when it has none.
    fn etcd_ports(&self) -> (usize, usize) {
        (2379 + 2 * self.index, 2380 + 2 * self.index)
    }

    fn etcd_flags(&self) -> Vec<String> {
        let (clients, peers) = self.etcd_ports();
        vec![
            format!("--data-dir={}", self.directory().etcd().display()),
            format!("--listen-client-url=http://127.0.0.1:{clients}"),
            format!("--listen-peer-url=http://127.0.0.1:{peers}"),
        ]
    }

    fn apiserver_flags(&self) -> Vec<String> {
        let dir = self.directory();
        let pki = |file: &str| dir.pki(file).display().to_string();
        let address = self.addresses.server;
        vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_ports().0),
            format!("--bind-address={address}"),
            format!("--advertise-address={address}"),
            format!("--secure-port={SERVER_PORT}"),
            format!("--service-cluster-ip-range={SERVICE_RANGE}"),
            format!("--client-ca-file={}", pki("ca.crt")),
            format!("--tls-cert-file={}", pki("apiserver.crt")),
            format!("--tls-private-key-file={}", pki("apiserver.key")),
            format!("--service-account-issuer={TOKEN_ISSUER}"),
            format!("--service-account-key-file={}", pki("tokens.pub")),
            format!("--service-account-signing-key-file={}", pki("tokens.key")),
            "--authorization-mode=Node,RBAC".into(),
            "--enable-bootstrap-token-auth=true".into(),
            // Without kube-proxy, a Service's address leads nowhere; with
            // this, webhooks are called at the address of a pod.
            "--enable-aggregator-routing=true".into(),
            "--allow-privileged=true".into(),
            format!("--requestheader-client-ca-file={}", pki("front-proxy-ca.crt")),
            "--requestheader-allowed-names=front-proxy-client".into(),
            "--requestheader-username-headers=X-Remote-User".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
            format!("--proxy-client-cert-file={}", pki("front-proxy.crt")),
            format!("--proxy-client-key-file={}", pki("front-proxy.key")),
            format!("--audit-policy-file={}", self.bed.audit_policy().display()),
            format!("--audit-log-path={}", dir.audit_log().display()),
            // In MiB. A rotated log would drop requests from every count.
            "--audit-log-maxsize=100000".into(),
        ]
    }

    fn controller_manager_flags(&self) -> Vec<String> {
        let dir = self.directory();
        let pki = |file: &str| dir.pki(file).display().to_string();
        let kubeconfig = dir.kubeconfig(Component::ControllerManager.name()).display().to_string();
        vec![
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            format!("--cluster-signing-cert-file={}", pki("ca.crt")),
            format!("--cluster-signing-key-file={}", pki("ca.key")),
            format!("--root-ca-file={}", pki("ca.crt")),
            format!("--service-account-private-key-file={}", pki("tokens.key")),
            "--use-service-account-credentials=true".into(),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
            format!("--controllers={}", if self.few_controllers { FEW_CONTROLLERS } else { CONTROLLERS }),
        ]
    }

    fn kubelet_flags(&self) -> Vec<String> {
        let dir = self.directory();
        let path = |flag: &str, path: std::path::PathBuf| format!("--{flag}={}", path.display());
        vec![
            path("kubeconfig", dir.kubeconfig(Component::Kubelet.name())),
            format!("--cluster={}", self.cluster),
            path("state", dir.kubelet()),
            path("logs", dir.pod_logs()),
            format!("--bridge={BRIDGE}"),
            format!("--bridge-ip={}", self.addresses.server),
            format!("--pod-cidr={}", self.addresses.pods),
            path("images", self.bed.images()),
        ]
    }
}

/// The URL of the apiserver at these addresses.
pub(crate) fn server_url(addresses: ClusterAddresses) -> String {
    format!("https://{}:{SERVER_PORT}", addresses.server)
}

/// Each cluster's authority has a name of its own, so that a certificate of the
/// wrong cluster is recognised as such.
fn authority_name(cluster: &str) -> String {
    format!("bed-{cluster}-ca")
}

/// Reads back the authority that signs a running cluster's certificates.
pub(crate) fn load_authority(bed: &BedDirectory, cluster: &str) -> Result<Authority> {
    let dir = bed.cluster(cluster);
    let read = |file: &str| {
        let path = dir.pki(file);
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let pair = SignedPair { certificate: read("ca.crt")?, key: read("ca.key")? };
    Authority::load(&authority_name(cluster), pair)
}

/// Who asked for what, without bodies: enough to count requests by user, user
/// agent and verb. One entry per request, when its response is complete.
pub(crate) fn write_audit_policy(bed: &BedDirectory) -> Result<()> {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{ "level": "Metadata" }],
    });
    write_private(&bed.audit_policy(), policy.to_string().as_bytes())
}

/// The last lines of a component's log, for an error message.
pub(crate) fn log_tail(bed: &BedDirectory, cluster: &str, component: Component, lines: usize) -> String {
    let path = bed.cluster(cluster).component_log(component);
    let Ok(text) = std::fs::read(&path) else { return format!("(no log in {})", path.display()) };
    let text = String::from_utf8_lossy(&text);
    let all: Vec<_> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).copied().collect::<Vec<_>>().join("\n")
}

/// Refuses two clusters of the same name and names that cannot be files.
pub(crate) fn check_cluster_names(names: &[String]) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        crate::state::check_name("cluster", name)?;
        if names.iter().take(at).any(|other| other == name) {
            bail!("two clusters are named {name:?}");
        }
    }
    Ok(())
}
