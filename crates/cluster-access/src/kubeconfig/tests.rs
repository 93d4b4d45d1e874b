use super::*;
use fleetconfig_api::reason::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A self-signed CA, made for this test.
fn certificate_and_key() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["api.example".to_owned()]).unwrap();
    (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn document() -> Value {
    let (ca, _) = certificate_and_key();
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "preferences": {},
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "ns"}},
            {"name": "two", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://api.example:6443", "certificate-authority-data": STANDARD.encode(ca)}},
            {"name": "d", "cluster": {"server": "https://[::1]:6443/k8s/clusters/d"}},
        ],
        "users": [{"name": "u", "user": {"token": "s3cr3t"}}],
    })
}

fn parse(document: &Value, context: Option<&str>) -> Result<CheckedKubeconfig, KubeconfigError> {
    CheckedKubeconfig::parse(document.to_string().as_bytes(), context)
}

/// The error of a document with one change.
fn error(change: impl FnOnce(&mut Value)) -> KubeconfigError {
    let mut document = document();
    change(&mut document);
    parse(&document, None).unwrap_err()
}

fn user(document: &mut Value) -> &mut Value {
    &mut document["users"][0]["user"]
}

fn cluster(document: &mut Value) -> &mut Value {
    &mut document["clusters"][0]["cluster"]
}

#[test]
fn the_named_context_is_taken_and_none_or_empty_means_the_current_one() {
    let document = document();
    for context in [None, Some(""), Some("one")] {
        let checked = parse(&document, context).unwrap();
        assert_eq!(checked.server(), "https://api.example:6443");
        assert_eq!(checked.namespace(), Some("ns"));
        assert!(checked.ca_pem().unwrap().contains("BEGIN CERTIFICATE"));
    }
    let other = parse(&document, Some("two")).unwrap();
    assert_eq!(other.server(), "https://[::1]:6443/k8s/clusters/d");
    assert_eq!(other.ca_pem(), None);
}

#[test]
fn yaml_as_kubectl_writes_it_is_read() {
    let yaml = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- context:\n    cluster: a\n    user: a\n  name: a\nclusters:\n- cluster:\n    server: https://127.0.0.1:6443\n    extensions:\n    - extension: {last-update: now}\n      name: cluster_info\n  name: a\nusers:\n- name: a\n  user:\n    token: |\n      s3cr3t\n    exec: null\n    username: \"\"\n";
    let checked = CheckedKubeconfig::parse(yaml.as_bytes(), None).unwrap();
    assert_eq!(checked.credentials.token.unwrap().expose_secret(), "s3cr3t");
}

#[test]
fn the_credential_that_ends_first_is_the_end_and_what_does_not_tell_has_none() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2033, 5, 18);
    let pem = params.self_signed(&key).unwrap().pem();
    let end_of = |credentials: Value| {
        let mut document = document();
        *user(&mut document) = credentials;
        parse(&document, None).unwrap().credentials_end().map(|end| end.to_string())
    };
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1800000000}"#);
    let token = format!("head.{claims}.tail");
    let mut both = json!({
        "client-certificate-data": STANDARD.encode(&pem),
        "client-key-data": STANDARD.encode(key.serialize_pem()),
    });
    assert_eq!(end_of(both.clone()).as_deref(), Some("2033-05-18T00:00:00Z"));
    both["token"] = json!(token);
    assert_eq!(end_of(both).as_deref(), Some("2027-01-15T08:00:00Z"));
    assert_eq!(end_of(json!({"token": "opaque"})), None);
}

#[test]
fn a_client_certificate_needs_its_key_and_the_reverse() {
    let (certificate, key) = certificate_and_key();
    let mut document = document();
    *user(&mut document) = json!({
        "client-certificate-data": STANDARD.encode(&certificate),
        "client-key-data": STANDARD.encode(&key),
    });
    assert!(parse(&document, None).unwrap().credentials.certificate.is_some());
    let mut without = |field: &str| {
        error(|changed| {
            *user(changed) = user(&mut document).clone();
            user(changed).as_object_mut().unwrap().remove(field);
        })
    };
    assert!(matches!(without("client-key-data"), KubeconfigError::Missing { field: "client-key-data", .. }));
    assert!(matches!(
        without("client-certificate-data"),
        KubeconfigError::Missing { field: "client-certificate-data", .. }
    ));
    let swapped = error(|changed| {
        *user(changed) = json!({
            "client-certificate-data": STANDARD.encode(&key),
            "client-key-data": STANDARD.encode(&certificate),
        });
    });
    assert!(matches!(swapped, KubeconfigError::Unusable { field: "client-certificate-data", .. }));
}

#[test]
fn a_context_that_leads_nowhere_says_where_it_breaks() {
    let unknown = parse(&document(), Some("three")).unwrap_err();
    assert_eq!(unknown.to_string(), "the kubeconfig has no context \"three\"; it has: one, two");
    let none = error(|document| document["current-context"] = json!(""));
    assert_eq!(
        none.to_string(),
        "the kubeconfig has no current-context; set spec.kubeconfig.context to one of: one, two"
    );
    let dangling = error(|document| document["users"] = json!([]));
    assert_eq!(dangling, KubeconfigError::Dangling { what: "user", name: "u".to_owned() });
    let twice = error(|document| {
        let entry = document["clusters"][0].clone();
        document["clusters"].as_array_mut().unwrap().push(entry);
    });
    assert!(matches!(twice, KubeconfigError::Ambiguous { what: "clusters", .. }));
}

#[test]
fn what_a_stranger_must_not_make_us_do_is_refused_by_name() {
    let of_user: &[(&str, Value)] = &[
        ("exec", json!({"command": "sh", "args": ["-c", "s3cr3t"]})),
        ("auth-provider", json!({"name": "gcp"})),
        ("client-certificate", json!("/etc/passwd")),
        ("client-key", json!("/etc/passwd")),
        ("tokenFile", json!("/var/run/secrets/kubernetes.io/serviceaccount/token")),
        ("username", json!("admin")),
        ("password", json!("s3cr3t")),
        ("as", json!("system:admin")),
        ("as-uid", json!("0")),
        ("as-groups", json!(["system:masters"])),
        ("as-user-extra", json!({"a": ["b"]})),
    ];
    let of_cluster: &[(&str, Value)] = &[
        ("insecure-skip-tls-verify", json!(true)),
        ("certificate-authority", json!("/etc/passwd")),
        ("proxy-url", json!("http://proxy.example")),
    ];
    let refused = |name: &str, error: KubeconfigError| {
        let KubeconfigError::Refused { field, remedy } = error else { panic!("{name}: {error:?}") };
        assert_eq!(field, name);
        assert!(remedy.len() > 20);
        assert_eq!(error.reason(), Reason::KubeconfigRefused);
    };
    for (field, value) in of_user {
        refused(field, error(|document| user(document)[*field] = value.clone()));
    }
    for (field, value) in of_cluster {
        refused(field, error(|document| cluster(document)[*field] = value.clone()));
    }
}

#[test]
fn the_clouds_log_in_programs_are_known_by_name() {
    for (command, cloud) in [
        ("aws", "Amazon EKS"),
        ("/usr/local/bin/aws-iam-authenticator", "Amazon EKS"),
        ("gke-gcloud-auth-plugin", "Google GKE"),
        ("C:\\bin\\kubelogin.exe", "Azure AKS"),
    ] {
        let error = error(|document| user(document)["exec"] = json!({"command": command}));
        assert!(error.to_string().contains(cloud), "{error}");
    }
    let unknown = error(|document| user(document)["exec"] = json!({"command": "/tmp/s3cr3t"}));
    assert!(!unknown.to_string().contains("s3cr3t"));
}

#[test]
fn a_proxy_is_taken_where_the_operator_allows_it() {
    let mut document = document();
    cluster(&mut document)["proxy-url"] = json!("http://proxy.example:3128");
    let policy = KubeconfigPolicy { allow_proxy: true };
    let checked = CheckedKubeconfig::parse_with(document.to_string().as_bytes(), None, policy).unwrap();
    assert_eq!(checked.proxy.unwrap().host(), Some("proxy.example"));
}

#[test]
fn only_an_https_address_without_credentials_is_taken() {
    for server in [
        "http://api.example",
        "api.example:6443",
        "https://",
        "https://user:s3cr3t@api.example",
        "https://api.example/?a=b",
        "https://api.example/#a",
        "file:///etc/passwd",
        "unix:///run/docker.sock",
        "https://a b",
    ] {
        let error = error(|document| cluster(document)["server"] = json!(server));
        assert!(matches!(error, KubeconfigError::Unusable { field: "server", .. }), "{server}: {error:?}");
    }
}

#[test]
fn what_cannot_be_used_is_named_without_being_quoted() {
    type Case = (&'static str, fn(&mut Value));
    let cases: &[Case] = &[
        ("token", |document| user(document)["token"] = json!("s3cr3t\nX-Evil: 1")),
        ("token", |document| user(document)["token"] = json!("s3cr3t ü")),
        ("token", |document| user(document)["token"] = json!(123)),
        ("credentials", |document| *user(document) = json!({})),
        ("certificate-authority-data", |document| {
            cluster(document)["certificate-authority-data"] = json!("s3cr3t!")
        }),
        ("certificate-authority-data", |document| {
            cluster(document)["certificate-authority-data"] = json!(STANDARD.encode("s3cr3t"));
        }),
        ("tls-server-name", |document| cluster(document)["tls-server-name"] = json!("s3cr3t/..")),
    ];
    for (field, change) in cases {
        let error = error(change);
        let told = format!("{error} {error:?}");
        assert!(told.contains(field), "{told}");
        assert!(!told.contains("s3cr3t"), "{told}");
        assert_eq!(error.reason(), Reason::KubeconfigInvalid);
    }
}

#[test]
fn documents_beyond_the_limits_are_refused_before_they_cost_anything() {
    let large = vec![b' '; 1024 * 1024 + 1];
    assert!(matches!(CheckedKubeconfig::parse(&large, None), Err(KubeconfigError::TooLarge { .. })));
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    assert!(matches!(CheckedKubeconfig::parse(deep.as_bytes(), None), Err(KubeconfigError::NotYaml { .. })));
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (next, last) in ('b'..='i').zip('a'..) {
        bomb += &format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 9].join(","));
    }
    assert!(matches!(CheckedKubeconfig::parse(bomb.as_bytes(), None), Err(KubeconfigError::NotYaml { .. })));
    assert!(matches!(CheckedKubeconfig::parse(b"- 1", None), Err(KubeconfigError::NotAKubeconfig(_))));
    assert!(matches!(CheckedKubeconfig::parse(b"kind: Pod", None), Err(KubeconfigError::NotAKubeconfig(_))));
    assert!(CheckedKubeconfig::parse(b"", None).is_err());
}

#[test]
fn nothing_secret_shows_in_debug() {
    let checked = parse(&document(), None).unwrap();
    let shown = format!("{checked:?}");
    assert!(shown.contains("https://api.example:6443"));
    assert!(!shown.contains("s3cr3t"));
}

#[tokio::test]
async fn a_client_of_it_does_not_retry_and_connects_in_time() {
    let options = AccessOptions::default();
    let config = parse(&document(), None).unwrap().config(&options).unwrap();
    assert!(!config.default_retry);
    assert!(!config.accept_invalid_certs);
    assert_eq!(config.connect_timeout, Some(options.connect_timeout));
    assert_eq!(config.headers.len(), 1);
    assert!(Client::try_from(config).is_ok());
}

/// Any JSON value, with keys of kubeconfigs among others, and a secret in some places.
fn hostile() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!("s3cr3t-value")),
        ".{0,20}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "name",
            "cluster",
            "clusters",
            "user",
            "users",
            "context",
            "contexts",
            "current-context",
            "server",
            "token",
            "client-key-data",
            "client-certificate-data",
            "certificate-authority-data",
            "exec",
            "command",
            "password",
            "tls-server-name",
            "namespace",
            "kind",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,8}",
    ];
    scalar.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..512), context in prop::option::of(".{0,8}")) {
        let _ = CheckedKubeconfig::parse(&bytes, context.as_deref());
    }

    #[test]
    fn any_text_is_survived(text in ".{0,400}") {
        let _ = CheckedKubeconfig::parse(text.as_bytes(), None);
    }

    #[test]
    fn a_credential_shows_in_no_error(
        at in prop::sample::select(vec!["token", "password", "client-key-data", "client-certificate-data", "tokenFile"]),
        noise in hostile(),
        where_to in prop::sample::select(vec!["/users/0/user/x", "/clusters/0/cluster/server", "/clusters/0/cluster/tls-server-name", "/clusters/0/cluster/certificate-authority-data", "/users/0/user/token", "/users/0/user/exec"]),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut document = document();
        user(&mut document)[at] = json!("s3cr3t-value");
        let (parent, field) = where_to.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[field] = noise;
        let text = document.to_string();
        // Whole, and cut off somewhere, which breaks the syntax near a credential.
        let cut: String = text.chars().take(cut.index(text.chars().count())).collect();
        for text in [text, cut] {
            if let Err(error) = CheckedKubeconfig::parse(text.as_bytes(), None) {
                let told = format!("{error} {error:?}");
                prop_assert!(!told.contains("s3cr3t-value"), "{}", told);
            }
        }
    }

    #[test]
    fn any_document_is_survived_and_makes_a_client_or_an_error(noise in hostile()) {
        let _ = CheckedKubeconfig::parse(noise.to_string().as_bytes(), None);
    }
}
