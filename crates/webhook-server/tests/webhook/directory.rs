//! A certificate from a directory, exchanged as Kubernetes does it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use webhook_server::certificates::decide::Standing;
use webhook_server::certificates::directory::DirectoryKeeper;
use webhook_server::certificates::served::ServedCertificate;

use crate::support::provider;

/// A directory of its own, removed afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("webhook-server-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn put(directory: &Path, certificate: &str, key: &str) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("tls.crt"), certificate).unwrap();
    std::fs::write(directory.join("tls.key"), key).unwrap();
}

fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["webhook.fleet.svc".into()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_new_pair_is_served_and_a_broken_one_is_not() {
    provider();
    let directory = Directory::new("exchange");
    let root = &directory.0;
    let served = Arc::new(ServedCertificate::default());
    let mut keeper = DirectoryKeeper::new(root.join("mount"), Arc::clone(&served));
    let status = keeper.status();
    let der = || served.get().map(|key| key.cert[0].to_vec());

    keeper.look().await;
    assert!(matches!(&status.borrow().standing, Standing::NotYet(why) if why.contains("tls.crt")));
    assert_eq!(der(), None);

    // Kubernetes writes a new directory and exchanges a link to it.
    let ((one, key_one), (two, key_two)) = (pair(), pair());
    put(&root.join("v1"), &one, &key_one);
    symlink(root.join("v1"), root.join("mount")).unwrap();
    keeper.look().await;
    let first = der().unwrap();
    assert_eq!(status.borrow().standing, Standing::Ready);
    assert!(status.borrow().leaf_until.is_some());
    keeper.look().await;
    assert_eq!(der().unwrap(), first);

    let exchange = |target: &str| {
        std::fs::remove_file(root.join("mount")).unwrap();
        symlink(root.join(target), root.join("mount")).unwrap();
    };
    for (target, certificate, key) in [
        ("mixed", &two, &key_one),
        ("half", &two[..100].to_owned(), &key_two),
        ("empty", &String::new(), &String::new()),
    ] {
        put(&root.join(target), certificate, key);
        exchange(target);
        keeper.look().await;
        assert_eq!(der().unwrap(), first, "{target}");
        assert_eq!(status.borrow().standing, Standing::Ready, "{target}");
    }
    put(&root.join("v2"), &two, &key_two);
    exchange("v2");
    keeper.look().await;
    assert_ne!(der().unwrap(), first);
}
