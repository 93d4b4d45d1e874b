//! The caBundle fields of our webhooks, and nothing else of the configuration.

use std::collections::BTreeSet;

use json_patch::Patch;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use serde_json::{Value, json};

use super::certificate::{Bundle, Certificate, to_pem};
use super::decide::{ConfigurationSeen, EntrySeen};

/// The Service by which API servers reach this operator. Webhooks that point elsewhere are not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ServiceName {
    /// The names that a serving certificate has to be for. API servers ask for the first.
    pub fn dns_names(&self) -> Vec<String> {
        let Self { namespace, name } = self;
        vec![
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.cluster.local"),
            format!("{name}.{namespace}"),
        ]
    }
}

/// What the configuration says about us.
pub(super) fn read(
    configuration: Option<&ValidatingWebhookConfiguration>,
    service: &ServiceName,
) -> ConfigurationSeen {
    let Some(configuration) = configuration else { return ConfigurationSeen::Missing };
    let entries = ours(configuration, service).map(|(_, name, bundle)| {
        let bundle = Bundle::read(bundle);
        EntrySeen {
            name: name.to_owned(),
            bundle: bundle.certificates.into_iter().collect(),
            has_more: bundle.has_more,
        }
    });
    ConfigurationSeen::Found(entries.collect())
}

/// Position, name and caBundle of each webhook that points to our Service.
fn ours<'a>(
    configuration: &'a ValidatingWebhookConfiguration,
    service: &'a ServiceName,
) -> impl Iterator<Item = (usize, &'a str, &'a [u8])> {
    let webhooks = configuration.webhooks.iter().flatten().enumerate();
    webhooks.filter_map(|(position, webhook)| {
        let target = webhook.client_config.service.as_ref()?;
        let is_ours = target.name == service.name && target.namespace == service.namespace;
        let bundle = webhook.client_config.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice());
        is_ours.then(|| (position, webhook.name.as_str(), bundle.unwrap_or_default()))
    })
}

/// The patch after which all our webhooks carry these and nothing else; none when all do. It fails
/// if the configuration is not the one that was read.
pub(super) fn patch(
    configuration: &ValidatingWebhookConfiguration,
    service: &ServiceName,
    wanted: &[Certificate],
) -> Result<Option<Patch>, serde_json::Error> {
    use base64::Engine;
    let set: BTreeSet<Certificate> = wanted.iter().cloned().collect();
    let text = base64::engine::general_purpose::STANDARD.encode(to_pem(wanted));
    let mut operations = vec![json!({
        "op": "test", "path": "/metadata/resourceVersion", "value": configuration.metadata.resource_version,
    })];
    for (position, _, bundle) in ours(configuration, service) {
        let bundle = Bundle::read(bundle);
        if bundle.has_more || bundle.certificates.into_iter().collect::<BTreeSet<_>>() != set {
            operations.push(json!({
                "op": "add", "path": format!("/webhooks/{position}/clientConfig/caBundle"), "value": text,
            }));
        }
    }
    if operations.len() == 1 {
        return Ok(None);
    }
    serde_json::from_value(Value::Array(operations)).map(Some)
}
