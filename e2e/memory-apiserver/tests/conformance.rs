//! The conformance suite, against the memory server and (with the feature `real-apiserver`)
//! against the real one.

#![allow(clippy::disallowed_methods, reason = "the environment says which cases, and where a real server is")]

use memory_apiserver::{MemoryApiServer, conformance};

/// Which cases to run, for working on one of them: part of their names, in MEMORY_APISERVER_CASES.
fn filter() -> String {
    std::env::var("MEMORY_APISERVER_CASES").unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn the_memory_server_conforms() {
    let server = MemoryApiServer::new();
    let report = conformance::run_matching(server.client(), &filter()).await;
    assert!(report.failures().next().is_none(), "{report}");
}

#[test]
fn case_names_are_unique() {
    let mut names: Vec<_> = conformance::names().collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Needs the kubeconfig of an administrator of a cluster whose controller manager runs at least the
/// namespace and the garbage collector controllers, in MEMORY_APISERVER_KUBECONFIG.
#[cfg(feature = "real-apiserver")]
#[tokio::test]
async fn the_real_server_conforms() {
    use kube::config::{KubeConfigOptions, Kubeconfig};

    let path = std::env::var("MEMORY_APISERVER_KUBECONFIG")
        .expect("MEMORY_APISERVER_KUBECONFIG names the kubeconfig of a real cluster");
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let mut config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    // The cases provoke answers that would be retried.
    config.default_retry = false;
    let client = kube::Client::try_from(config).unwrap();
    let report = conformance::run_matching(client, &filter()).await;
    assert!(report.failures().next().is_none(), "{report}");
}
