//! Fields that would make us do something for a stranger, and what to write instead.

use serde_json::Value;

use super::KubeconfigPolicy;
use super::document::{Fields, says_something};
use super::error::KubeconfigError;

const INLINE: &str = "a file path would be read from the operator's own disk; put the content into the kubeconfig (kubectl config view --raw --flatten)";
const IMPERSONATION: &str =
    "acting as somebody else is not supported; give the user of the kubeconfig the rights itself";

/// Fields of a cluster.
const CLUSTER: &[(&str, &str)] = &[
    (
        "insecure-skip-tls-verify",
        "the server's certificate is always verified; remove the field and set certificate-authority-data",
    ),
    ("certificate-authority", INLINE),
];

/// Fields of a user.
const USER: &[(&str, &str)] = &[
    (
        "auth-provider",
        "auth providers are not supported; use a token or a client certificate, such as a ServiceAccount's token",
    ),
    ("client-certificate", INLINE),
    ("client-key", INLINE),
    ("tokenFile", INLINE),
    ("username", "API servers take no passwords any more; use a token or a client certificate"),
    ("password", "API servers take no passwords any more; use a token or a client certificate"),
    ("as", IMPERSONATION),
    ("as-uid", IMPERSONATION),
    ("as-groups", IMPERSONATION),
    ("as-user-extra", IMPERSONATION),
];

const PROXY: (&str, &str) = (
    "proxy-url",
    "proxies that a kubeconfig names are not used; remove the field, and give an address that can be reached without one",
);

pub(super) fn check_cluster(cluster: &Fields, policy: KubeconfigPolicy) -> Result<(), KubeconfigError> {
    check(cluster, CLUSTER)?;
    if policy.allow_proxy { Ok(()) } else { check(cluster, &[PROXY]) }
}

pub(super) fn check_user(user: &Fields) -> Result<(), KubeconfigError> {
    if says_something(user, "exec") {
        return Err(KubeconfigError::Refused { field: "exec", remedy: instead_of(user.get("exec")) });
    }
    check(user, USER)
}

fn check(fields: &Fields, refused: &[(&'static str, &'static str)]) -> Result<(), KubeconfigError> {
    match refused.iter().find(|(field, _)| says_something(fields, field)) {
        Some(&(field, remedy)) => Err(KubeconfigError::Refused { field, remedy }),
        None => Ok(()),
    }
}

/// The remedy for a credential plug-in. The usual clouds' are known by the name of their program;
/// the program that the document names is not repeated, as its author chose it.
fn instead_of(exec: Option<&Value>) -> &'static str {
    let command = exec.and_then(|exec| exec.get("command")).and_then(Value::as_str).unwrap_or_default();
    let program = command.rsplit(['/', '\\']).next().unwrap_or_default();
    match program.strip_suffix(".exe").unwrap_or(program) {
        "aws" | "aws-iam-authenticator" => {
            "it runs Amazon EKS's log-in program, and this operator runs no programs; make a ServiceAccount on the cluster and use its token"
        }
        "gke-gcloud-auth-plugin" | "gcloud" => {
            "it runs Google GKE's log-in program, and this operator runs no programs; make a ServiceAccount on the cluster and use its token"
        }
        "kubelogin" | "az" => {
            "it runs Azure AKS's log-in program, and this operator runs no programs; make a ServiceAccount on the cluster and use its token"
        }
        _ => {
            "it runs a log-in program, and this operator runs no programs; use a token or a client certificate, such as a ServiceAccount's token"
        }
    }
}
