//! The options of the admission webhook.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use webhook_server::certificates::ServiceName;
use webhook_server::certificates::decide::Times;
use webhook_server::certificates::keeper;

use crate::webhook::{Certificates, WebhookSettings};

/// How admission is served.
#[derive(Debug, Clone, Args)]
pub struct WebhookOptions {
    /// Address of the admission webhook; without it there is none.
    #[arg(long, env = "FLEETCONFIG_WEBHOOK_ADDRESS", value_name = "IP:PORT")]
    pub webhook_address: Option<SocketAddr>,

    /// Service by which API servers reach the webhook; the certificate is made for its DNS names.
    #[arg(long, env = "FLEETCONFIG_WEBHOOK_SERVICE", value_name = "NAME")]
    pub webhook_service: Option<String>,

    /// Namespace of the Service; that of the pod or of the kubeconfig's context if left out.
    #[arg(long, env = "FLEETCONFIG_WEBHOOK_SERVICE_NAMESPACE", value_name = "NAMESPACE")]
    pub webhook_service_namespace: Option<String>,

    /// ValidatingWebhookConfiguration whose caBundle fields the operator keeps.
    #[arg(long, env = "FLEETCONFIG_WEBHOOK_CONFIGURATION", value_name = "NAME")]
    pub webhook_configuration: Option<String>,

    /// Secret with the certificate authority that replicas share, in the namespace of the Service.
    #[arg(
        long,
        env = "FLEETCONFIG_WEBHOOK_SECRET",
        default_value = "fleetconfig-controller-webhook-ca",
        value_name = "NAME"
    )]
    pub webhook_secret: String,

    /// Directory with tls.crt and tls.key to serve, instead of certificates that the operator makes.
    /// They are read again when they change.
    #[arg(long, env = "FLEETCONFIG_WEBHOOK_CERTIFICATE_DIRECTORY", value_name = "DIRECTORY")]
    pub webhook_certificate_directory: Option<PathBuf>,
}

impl WebhookOptions {
    /// What they ask for; none when there is no webhook.
    ///
    /// # Errors
    /// When something is missing; the message names the option.
    pub fn settings(self, default_namespace: &str) -> anyhow::Result<Option<WebhookSettings>> {
        // An empty variable is what a template renders for a value that is not set.
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        let Some(address) = self.webhook_address else { return Ok(None) };
        if let Some(directory) = self.webhook_certificate_directory.filter(|it| !it.as_os_str().is_empty()) {
            let certificates = Certificates::Directory(directory);
            return Ok(Some(WebhookSettings { address, certificates }));
        }
        let alternative = "or --webhook-certificate-directory";
        let name = set(self.webhook_service)
            .with_context(|| format!("--webhook-address needs --webhook-service {alternative}"))?;
        let configuration = set(self.webhook_configuration)
            .with_context(|| format!("--webhook-address needs --webhook-configuration {alternative}"))?;
        if self.webhook_secret.is_empty() {
            bail!("--webhook-secret must not be empty");
        }
        let namespace = set(self.webhook_service_namespace).unwrap_or_else(|| default_namespace.to_owned());
        let settings = keeper::Settings {
            service: ServiceName { namespace, name },
            secret: self.webhook_secret,
            configuration,
            times: Times::default(),
        };
        Ok(Some(WebhookSettings { address, certificates: Certificates::SelfManaged(settings) }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        options: WebhookOptions,
    }

    fn settings(arguments: &[&str]) -> anyhow::Result<Option<WebhookSettings>> {
        let arguments = std::iter::once(&"x").chain(arguments);
        Alone::try_parse_from(arguments)?.options.settings("pods-own")
    }

    const ADDRESS: [&str; 2] = ["--webhook-address", "0.0.0.0:9443"];

    #[test]
    fn there_is_no_webhook_unless_it_is_asked_for() {
        assert!(settings(&[]).unwrap().is_none());
        assert!(settings(&["--webhook-service", "s"]).unwrap().is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = settings(&ADDRESS).unwrap_err().to_string();
        assert!(error.contains("--webhook-service"), "{error}");
        let error = settings(&[ADDRESS[0], ADDRESS[1], "--webhook-service", "s"]).unwrap_err().to_string();
        assert!(error.contains("--webhook-configuration"), "{error}");
    }

    #[test]
    fn both_ways_are_read() {
        let arguments = [&ADDRESS[..], &["--webhook-service", "s", "--webhook-configuration", "c"]].concat();
        let own = settings(&arguments).unwrap().unwrap();
        let Certificates::SelfManaged(own) = own.certificates else { panic!("{own:?}") };
        assert_eq!((own.service.namespace.as_str(), own.configuration.as_str()), ("pods-own", "c"));
        assert_eq!(own.secret, "fleetconfig-controller-webhook-ca");
        let arguments = [&ADDRESS[..], &["--webhook-certificate-directory", "/tls"]].concat();
        let given = settings(&arguments).unwrap().unwrap();
        assert!(
            matches!(given.certificates, Certificates::Directory(directory) if directory.as_os_str() == "/tls")
        );
    }
}
