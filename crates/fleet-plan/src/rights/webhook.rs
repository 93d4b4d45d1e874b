//! The certificate of the webhook, where the operator makes it itself.

use super::Purpose::{Renewal, Used};
use super::{Right, Scope};

/// The rights.
pub(super) const RIGHTS: &[Right] = &[
    Right {
        why: "The caBundle of our own webhook.",
        scope: Scope::Webhook,
        purpose: Used,
        group: "admissionregistration.k8s.io",
        resources: &["validatingwebhookconfigurations"],
        names: &["fleetconfig-controller-validation"],
        verbs: &["get", "list", "patch", "watch"],
    },
    Right {
        why: "The authority of the webhook, shared by the replicas; it is made by POST.",
        scope: Scope::WebhookAuthority,
        purpose: Used,
        group: "",
        resources: &["secrets"],
        names: &[],
        verbs: &["create"],
    },
    Right {
        why: "The authority of the webhook.",
        scope: Scope::WebhookAuthority,
        purpose: Used,
        group: "",
        resources: &["secrets"],
        names: &["fleetconfig-controller-webhook-ca"],
        verbs: &["get", "list", "watch"],
    },
    Right {
        why: "The authority of the webhook, when it is renewed or was broken.",
        scope: Scope::WebhookAuthority,
        purpose: Renewal,
        group: "",
        resources: &["secrets"],
        names: &["fleetconfig-controller-webhook-ca"],
        verbs: &["update"],
    },
];
