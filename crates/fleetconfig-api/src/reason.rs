//! The catalogue of reasons.
//!
//! The same word stands in conditions, events, metric labels, the command line
//! and the documentation. Each reason has a cause (what has happened) and a
//! remedy (what to change, with the field to change it in).

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

macro_rules! catalogue {
    ($($name:ident { cause: $cause:literal, remedy: $remedy:literal $(,)? })+) => {
        /// Why a condition has its status. See the module for where it shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $cause] #[doc = ""] #[doc = $remedy] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that stands in conditions, events and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What has happened, in one or two sentences.
            #[must_use]
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause),+ }
            }

            /// What a user can do about it, naming the field to change.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),+ }
            }
        }
    };
}

catalogue! {
    ReconcileSuccess {
        cause: "The last reconcile did all there was to do. Upstream's controller writes this word for every outcome.",
        remedy: "Nothing to do.",
    }
    Joined {
        cause: "The hub has accepted the cluster, and the cluster's agent has joined and reports to the hub.",
        remedy: "Nothing to do.",
    }
    ManagedClusterAccepted {
        cause: "The hub lets the cluster in; its agent may ask for a certificate and join.",
        remedy: "Nothing to do.",
    }
    ManagedClusterAvailable {
        cause: "The cluster has joined, and its agent reports to the hub that it is well.",
        remedy: "Nothing to do.",
    }
    CsrApproved {
        cause: "A certificate request of this cluster met every rule and was approved.",
        remedy: "Nothing to do.",
    }
    Paused {
        cause: "spec.paused is true, here or on the FleetConfig that owns this object, so nothing is changed on any cluster. A deletion goes on nevertheless.",
        remedy: "Set spec.paused to false to go on.",
    }
    NotYetSupported {
        cause: "The spec makes a valid choice that this version of the controller does not carry out. Nothing was changed on any cluster, except where the choice is about add-ons: then everything else was done.",
        remedy: "Choose another value for the field that the message names, or use a version of the controller that supports it.",
    }
    InvalidSpec {
        cause: "The spec contradicts itself or holds a value that cannot be used. Nothing was changed on any cluster.",
        remedy: "Correct the field that the message names.",
    }
    InternalError {
        cause: "The controller met a state that it does not know how to handle.",
        remedy: "It tries again by itself. If the message stays, report it together with the controller's log.",
    }

    KubeconfigSecretMissing {
        cause: "The Secret with the cluster's kubeconfig does not exist.",
        remedy: "Create the Secret, or correct spec.kubeconfig.secretReference.name and namespace.",
    }
    KubeconfigKeyMissing {
        cause: "The Secret exists but does not hold a kubeconfig under the expected key.",
        remedy: "Add the kubeconfig to the Secret under the key that spec.kubeconfig.secretReference.kubeconfigKey names, or correct that field.",
    }
    KubeconfigInvalid {
        cause: "The kubeconfig cannot be parsed, or its context, cluster or user is missing.",
        remedy: "Replace the Secret's content with a valid kubeconfig, or set spec.kubeconfig.context to a context that it has.",
    }
    KubeconfigRefused {
        cause: "The kubeconfig asks for something that a controller must not do for it: run a program, read a file, connect through a proxy, act as somebody else, or skip the check of the server's certificate.",
        remedy: "Remove the field that the message names, put certificates, keys and tokens into the kubeconfig itself (kubectl config view --raw --flatten), and update the Secret that spec.kubeconfig.secretReference names.",
    }
    ReferenceRefused {
        cause: "The object refers to a Secret in a namespace that it has no right to refer to.",
        remedy: "Put the Secret into the object's own namespace and leave spec.kubeconfig.secretReference.namespace out, or declare the reference in a FleetConfig.",
    }
    ClusterUnreachable {
        cause: "No connection to the cluster's API server could be made, or what answers is overloaded, fails, or is no API server.",
        remedy: "Check that the API server runs and that the address in the kubeconfig of spec.kubeconfig can be reached from the controller; it tries again by itself.",
    }
    ClusterCertificateInvalid {
        cause: "The certificate of the API server was not issued by the certificate authority that the kubeconfig names, has expired, or is for another host name.",
        remedy: "Correct certificate-authority-data or server in the kubeconfig that spec.kubeconfig.secretReference names.",
    }
    CredentialsRejected {
        cause: "The API server does not accept the token or client certificate; usually it has expired or was revoked.",
        remedy: "Put fresh credentials into the kubeconfig of the Secret that spec.kubeconfig.secretReference names.",
    }
    PermissionDenied {
        cause: "The API server knows the user of the kubeconfig but forbids a request that is needed, or a policy of the cluster refuses it.",
        remedy: "Grant the user of spec.kubeconfig what the message names, change the policy, or use a kubeconfig of a user who has it.",
    }
    RequestTimeout {
        cause: "The API server did not answer within the deadline of a request, or the work on the object did not end within its own. Both deadlines are fixed.",
        remedy: "Check the load and the network of the cluster; the controller tries again by itself.",
    }

    BundleUnknown {
        cause: "The OCM release that the spec asks for is not one that this controller can install.",
        remedy: "Set source.bundleVersion to default, latest or a release that the message lists.",
    }
    ValuesInvalid {
        cause: "The chart values, inline or from the ConfigMap, cannot be parsed or hold a value that cannot be used.",
        remedy: "Correct the key that the message names in values, or in the ConfigMap that valuesFrom names.",
    }
    ValuesSourceMissing {
        cause: "The ConfigMap with the chart values, or its key, does not exist.",
        remedy: "Create the ConfigMap in the object's namespace, or correct valuesFrom.name and valuesFrom.key.",
    }

    HubNotFound {
        cause: "The Hub that the Spoke refers to does not exist.",
        remedy: "Create the Hub, or correct spec.hubRef.",
    }
    HubNotReady {
        cause: "The Hub that the Spoke refers to is not ready yet.",
        remedy: "Wait; if the Hub does not become ready, look at its conditions.",
    }
    HubEndpointUnknown {
        cause: "It is not known under which https address spokes reach the hub, or which certificate authority vouches for it: the spec does not say it, and the hub publishes no cluster-info.",
        remedy: "Set spec.apiServer of the Hub, and spec.ca if the certificate that the address presents is not issued by the authority in the hub's cluster-info or kube-root-ca.crt.",
    }
    HubEndpointInvalid {
        cause: "The address that spokes would be given for the hub cannot be reached from the controller, or presents a certificate that the authority does not vouch for.",
        remedy: "Correct spec.apiServer and spec.ca of the Hub.",
    }
    HubAlreadyClaimed {
        cause: "Another Hub object already manages this cluster; a cluster can have only one.",
        remedy: "Delete one of the two Hub objects, or point spec.kubeconfig at another cluster.",
    }
    HubInitializing {
        cause: "OCM is being installed on the hub, and has not reported yet.",
        remedy: "Wait.",
    }
    HubProgressing {
        cause: "OCM is applying a change to the hub's components.",
        remedy: "Wait; if it does not end, look at the ClusterManager's conditions and at the pods in open-cluster-management-hub.",
    }
    HubDegraded {
        cause: "OCM reports that a component of the hub does not work.",
        remedy: "Look at the ClusterManager's conditions and at the pods in open-cluster-management-hub; check spec.clusterManager.source and spec.clusterManager.resources.",
    }
    WebhooksNotReady {
        cause: "OCM's admission webhooks on the hub do not answer yet.",
        remedy: "Wait; if it does not end, check that the hub's API server can reach services in open-cluster-management-hub.",
    }

    NameTaken {
        cause: "An object with the name that is needed exists and belongs to someone else, or the cluster runs a klusterlet for another ManagedCluster.",
        remedy: "Delete or rename the other object, choose another name (spec.hub.name or spec.spokes[].name of a FleetConfig), or detach the cluster from its other hub.",
    }
    ManagedClusterNameTaken {
        cause: "A ManagedCluster of this name exists on the hub and belongs to another Spoke or to another cluster.",
        remedy: "Set spec.managedClusterName to a free name. Where it is set already, it cannot be changed: detach the other cluster, or delete the Spoke and create it again under another name.",
    }
    ForeignManagerConflict {
        cause: "A field that the spec sets is set to another value by another manager, and it is not taken from that manager.",
        remedy: "Remove the field from the spec, or stop the other manager that the message names from setting it.",
    }
    ForeignObjectsPresent {
        cause: "Something that this controller did not make holds the deletion: clusters, works or add-ons on a hub, works in the namespace of a spoke. Going on would destroy it, and workloads with it.",
        remedy: "Detach or delete the objects that the message lists, or set spec.deletionPolicy to Orphan to leave the hub in place, or the spoke joined.",
    }

    Joining {
        cause: "The cluster is joining its hub.",
        remedy: "Wait.",
    }
    WaitingForCsr {
        cause: "The klusterlet is on the spoke, and its agent has not yet asked the hub for a certificate.",
        remedy: "Wait; if it does not end, check on the spoke that the pods in open-cluster-management-agent run and can reach the hub's address (spec.apiServer of the Hub, spec.proxyUrl of the Spoke).",
    }
    ManagedClusterDenied {
        cause: "An administrator of the hub has set hubAcceptsClient of the ManagedCluster back to false.",
        remedy: "Set spec.hubAcceptsClient of the ManagedCluster to true to let the cluster in again, or delete the Spoke.",
    }
    CsrRefused {
        cause: "A certificate request for this cluster did not meet the rules for approval and was left alone.",
        remedy: "If the request is not yours, find out who sent it. If it is, the message says which part does not agree; delete the request and the agent sends a new one.",
    }
    WaitingForJoin {
        cause: "The agent's certificate was approved, and the agent has not yet joined with it.",
        remedy: "Wait; if it does not end, look at the registration agent's log on the spoke.",
    }
    WaitingForAvailable {
        cause: "The cluster has joined, and the hub waits for its first sign of life.",
        remedy: "Wait; if it does not end, look at the work and registration agents on the spoke.",
    }
    SpokeUnavailable {
        cause: "The cluster had joined but no longer renews its lease on the hub.",
        remedy: "Check that the spoke runs, that the pods in open-cluster-management-agent run, and that they reach the hub's address (spec.apiServer of the Hub).",
    }
    HandingOver {
        cause: "The klusterlet has been given to the spoke's own agent, which has not confirmed yet that it keeps it.",
        remedy: "Wait; if it does not end, look at the ManifestWorks fleetconfig-klusterlet and fleetconfig-klusterlet-crd in the cluster's namespace on the hub.",
    }
    CarrierFailed {
        cause: "The spoke's own agent cannot apply the ManifestWork that carries the klusterlet, so changes of the klusterlet do not arrive by way of the hub.",
        remedy: "Look at the ManifestWork that the message names. While a kubeconfig is in the Secret of spec.kubeconfig, changes are made by it. To do without works, set spec.klusterlet.carrier to Kubeconfig.",
    }
    Detaching {
        cause: "The cluster is being detached from its hub.",
        remedy: "Wait.",
    }
    WaitingForSpokes {
        cause: "The hub cannot be removed before its spokes are detached.",
        remedy: "Wait; look at the Spokes that the message lists. To keep the hub, set spec.deletionPolicy to Orphan.",
    }
    LeftoversOnSpoke {
        cause: "The cluster is detached on the hub, and objects stay on its own side: what OCM never removes, and all of it if the cluster or the hub could not be reached.",
        remedy: "Remove the objects that the message lists, if they are in the way.",
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.as_str().to_owned()
    }
}

/// The word is not in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the word is not in the catalogue of reasons")
    }
}

impl std::error::Error for UnknownReason {}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word).ok_or(UnknownReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_one_word_with_cause_and_remedy() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            for text in [reason.cause(), reason.remedy()] {
                assert!(text.ends_with('.') && text.len() > 4, "{reason}: {text:?}");
            }
        }
    }

    #[test]
    fn other_words_are_not_reasons() {
        assert_eq!("Nonsense".parse::<Reason>(), Err(UnknownReason));
    }
}
