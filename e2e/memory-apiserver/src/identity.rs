//! Who a client is.

use std::collections::BTreeMap;

/// The user that a client's requests come from. Nothing is forbidden to anybody; the server only
/// writes it down, as in the `spec` of a CertificateSigningRequest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub user: String,
    /// Uid of the user; may be empty.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Further attributes.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// A user of this name, authenticated.
    pub fn user(name: &str) -> Self {
        Self {
            user: name.to_owned(),
            uid: String::new(),
            groups: vec!["system:authenticated".to_owned()],
            extra: BTreeMap::new(),
        }
    }

    /// An administrator.
    pub fn admin() -> Self {
        let mut admin = Self::user("memory:admin");
        admin.groups.insert(0, "system:masters".to_owned());
        admin
    }

    /// A service account, as the server authenticates its tokens.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            uid: uid.to_owned(),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
            extra: BTreeMap::new(),
        }
    }
}
