//! A replica that does not lead sends nothing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use cluster_access::{AccessOptions, Cluster, Failure, ObjectKey, Tenure};
use k8s_openapi::api::core::v1::Namespace;
use memory_apiserver::MemoryApiServer;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_outside_of_the_tenure() {
    let server = MemoryApiServer::new();
    let tenure = Tenure::not_begun();
    let options = AccessOptions { tenure: tenure.clone(), ..AccessOptions::default() };
    let cluster = Cluster::from_client(server.client(), &options);
    let key = ObjectKey::cluster::<Namespace>("kube-system");
    let refused = cluster.get(&key).await.unwrap_err();
    assert!(matches!(refused.failure(), Failure::TenureOver), "{refused:?}");
    tenure.extend(Instant::now() + Duration::from_secs(10));
    cluster.get(&key).await.unwrap();
    server.clear_requests();
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(cluster.get(&key).await.is_err());
    assert!(server.requests().is_empty());
    tenure.extend(Instant::now() + Duration::from_secs(1));
    cluster.get(&key).await.unwrap();
}
