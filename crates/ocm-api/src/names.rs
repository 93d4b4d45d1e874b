//! Names that OCM has fixed: objects, keys, finalizers, identities, condition types and reasons.
//!
//! OCM's operators, its Helm charts and its command-line tool agree on these without naming them to
//! each other, so that what we make can be found by them, and what they made by us.

/// Namespaces.
pub mod namespaces {
    /// OCM's operators, on hubs and on managed clusters.
    pub const OPERATOR: &str = "open-cluster-management";
    /// What a ClusterManager in mode Default runs.
    pub const HUB: &str = "open-cluster-management-hub";
    /// The agent, unless the Klusterlet names another namespace.
    pub const AGENT: &str = "open-cluster-management-agent";
    /// The agents of add-ons, unless they name another namespace.
    pub const ADDON_AGENT: &str = "open-cluster-management-agent-addon";
    /// What a namespace of an agent must begin with; the CRD of Klusterlet demands it.
    pub const AGENT_PREFIX: &str = "open-cluster-management-";
    /// Where a hub publishes its endpoint.
    pub const KUBE_PUBLIC: &str = "kube-public";
}

/// Names of objects.
pub mod objects {
    /// The ClusterManager; also the operator's Deployment, ServiceAccount, ClusterRole and
    /// ClusterRoleBinding on a hub.
    pub const CLUSTER_MANAGER: &str = "cluster-manager";
    /// The Klusterlet; also the operator's Deployment, ServiceAccount, ClusterRole and
    /// ClusterRoleBinding on a managed cluster.
    pub const KLUSTERLET: &str = "klusterlet";
    /// CRD of ClusterManager.
    pub const CLUSTER_MANAGER_CRD: &str = "clustermanagers.operator.open-cluster-management.io";
    /// CRD of Klusterlet.
    pub const KLUSTERLET_CRD: &str = "klusterlets.operator.open-cluster-management.io";
    /// CRD of ManagedCluster.
    pub const MANAGED_CLUSTER_CRD: &str = "managedclusters.cluster.open-cluster-management.io";
    /// CRD of ManifestWork.
    pub const MANIFEST_WORK_CRD: &str = "manifestworks.work.open-cluster-management.io";
    /// CRD of AppliedManifestWork.
    pub const APPLIED_MANIFEST_WORK_CRD: &str = "appliedmanifestworks.work.open-cluster-management.io";
    /// CRD of ManagedClusterAddOn.
    pub const MANAGED_CLUSTER_ADD_ON_CRD: &str = "managedclusteraddons.addon.open-cluster-management.io";
    /// CRD of ClusterManagementAddOn.
    pub const CLUSTER_MANAGEMENT_ADD_ON_CRD: &str =
        "clustermanagementaddons.addon.open-cluster-management.io";
    /// The shared bootstrap ServiceAccount that OCM's chart and command-line tool make on a hub.
    pub const SHARED_BOOTSTRAP_ACCOUNT: &str = "agent-registration-bootstrap";
    /// ClusterRole with the rights that an agent needs until it is registered.
    pub const BOOTSTRAP_CLUSTER_ROLE: &str = "open-cluster-management:bootstrap";
    /// ClusterRoleBinding of the shared bootstrap ServiceAccount.
    pub const SHARED_BOOTSTRAP_BINDING: &str = "open-cluster-management:bootstrap:agent-registration";
    /// ClusterRoleBinding of the group of bootstrap tokens.
    pub const BOOTSTRAP_TOKEN_BINDING: &str = "open-cluster-management:bootstrap:managedcluster";
    /// Lease that an agent renews in its cluster's namespace on the hub.
    pub const MANAGED_CLUSTER_LEASE: &str = "managed-cluster-lease";
    /// ConfigMap in namespace kube-public that holds a hub's endpoint, key
    /// [`keys::KUBECONFIG`](super::keys::KUBECONFIG).
    pub const CLUSTER_INFO: &str = "cluster-info";
    /// ConfigMap in every namespace with the CA of its cluster's API server, key `ca.crt`.
    pub const KUBE_ROOT_CA: &str = "kube-root-ca.crt";
    /// ConfigMap in the hub namespace with the CA of OCM's webhooks and gRPC server, key
    /// `ca-bundle.crt`.
    pub const HUB_CA_BUNDLE: &str = "ca-bundle-configmap";
    /// Webhook that checks ManagedClusters.
    pub const MANAGED_CLUSTER_VALIDATORS: &str =
        "managedclustervalidators.admission.cluster.open-cluster-management.io";
    /// Webhook that completes ManagedClusters.
    pub const MANAGED_CLUSTER_MUTATORS: &str =
        "managedclustermutators.admission.cluster.open-cluster-management.io";
    /// Webhook that checks ManifestWorks.
    pub const MANIFEST_WORK_VALIDATORS: &str =
        "manifestworkvalidators.admission.work.open-cluster-management.io";
}

/// Names of Secrets.
pub mod secrets {
    /// The credential of an agent's first contact, made for it in its namespace.
    pub const BOOTSTRAP_HUB_KUBECONFIG: &str = "bootstrap-hub-kubeconfig";
    /// The agent's own credential, which it writes next to the first one.
    pub const HUB_KUBECONFIG: &str = "hub-kubeconfig-secret";
    /// How a hosted agent reaches its managed cluster.
    pub const EXTERNAL_MANAGED_KUBECONFIG: &str = "external-managed-kubeconfig";
    /// How a hosted ClusterManager reaches its hub.
    pub const EXTERNAL_HUB_KUBECONFIG: &str = "external-hub-kubeconfig";
    /// Credential for the registry of OCM's images; the operators copy it from their namespace.
    pub const IMAGE_PULL: &str = "open-cluster-management-image-pull-credentials";
    /// Settings of a work driver other than `kube`, key `config.yaml`.
    pub const WORK_DRIVER_CONFIG: &str = "work-driver-config";
    /// The shared bootstrap token that OCM's command-line tool makes in namespace kube-system.
    pub const SHARED_BOOTSTRAP_TOKEN: &str = "bootstrap-token-ocmhub";
}

/// Keys of Secrets and ConfigMaps.
pub mod keys {
    /// A kubeconfig.
    pub const KUBECONFIG: &str = "kubeconfig";
    /// The agent's certificate in [`secrets::HUB_KUBECONFIG`](super::secrets::HUB_KUBECONFIG).
    pub const TLS_CERTIFICATE: &str = "tls.crt";
    /// The agent's private key there.
    pub const TLS_KEY: &str = "tls.key";
    /// The name of the managed cluster there.
    pub const CLUSTER_NAME: &str = "cluster-name";
    /// The agent's name there.
    pub const AGENT_NAME: &str = "agent-name";
}

/// Keys of labels.
pub mod labels {
    /// Name of the managed cluster, on its CSRs and on its namespace on the hub. Anybody who may
    /// create a CSR may put any name there: it is a hint.
    pub const CLUSTER_NAME: &str = "open-cluster-management.io/cluster-name";
    /// Name of the add-on, on CSRs and other objects that belong to one.
    pub const ADDON_NAME: &str = "open-cluster-management.io/addon-name";
    /// Cluster set of a ManagedCluster.
    pub const CLUSTER_SET: &str = "cluster.open-cluster-management.io/clusterset";
    /// Name of the ClusterManager, on its Deployments.
    pub const CREATED_BY_CLUSTER_MANAGER: &str = "open-cluster-management.io/created-by-clustermanager";
    /// Name of the Klusterlet, on its namespaces.
    pub const KLUSTERLET: &str = "operator.open-cluster-management.io/klusterlet";
    /// On a namespace that the agents of add-ons use.
    pub const ADDON_NAMESPACE: &str = "addon.open-cluster-management.io/namespace";
    /// On a ClusterRole whose rights the work agent should have.
    pub const AGGREGATE_TO_WORK: &str = "open-cluster-management.io/aggregate-to-work";
    /// What the label of an add-on's state on a ManagedCluster begins with; the add-on's name follows.
    pub const ADDON_FEATURE_PREFIX: &str = "feature.open-cluster-management.io/addon-";
}

/// Keys of annotations.
pub mod annotations {
    /// What an annotation must begin with to be carried from a Klusterlet to its ManagedCluster.
    pub const AGENT_PREFIX: &str = "agent.open-cluster-management.io";
    /// When OCM accepted a ManagedCluster by itself.
    pub const AUTOMATICALLY_ACCEPTED_ON: &str = "open-cluster-management.io/automatically-accepted-on";
    /// From 0 to 100: order in which OCM deletes the ManifestWorks of a deleted ManagedCluster, the
    /// largest last.
    pub const CLEANUP_PRIORITY: &str = "open-cluster-management.io/cleanup-priority";
    /// Image registries of a ManagedCluster's add-ons.
    pub const IMAGE_REGISTRIES: &str = "open-cluster-management.io/image-registries";
    /// Version of the operator that wrote a CRD last.
    pub const OPERATOR_VERSION: &str = "operator.open-cluster-management.io/version";
    /// Who rolls an add-on out: `addon-manager` or `self`.
    pub const ADDON_LIFECYCLE: &str = "addon.open-cluster-management.io/lifecycle";
    /// Who really asked for a certificate, on CSRs that the gRPC server made.
    pub const CSR_USER: &str = "open-cluster-management.io/csr-user";
}

/// Finalizers.
pub mod finalizers {
    /// On a ClusterManager: the operator removes the hub.
    pub const CLUSTER_MANAGER: &str = "operator.open-cluster-management.io/cluster-manager-cleanup";
    /// On a Klusterlet: the operator removes the agent.
    pub const KLUSTERLET: &str = "operator.open-cluster-management.io/klusterlet-cleanup";
    /// On a hosted Klusterlet: the operator removes what is on the managed cluster.
    pub const KLUSTERLET_HOSTED: &str = "operator.open-cluster-management.io/klusterlet-hosted-cleanup";
    /// On a ManagedCluster: OCM removes the cluster's rights.
    pub const MANAGED_CLUSTER: &str = "cluster.open-cluster-management.io/api-resource-cleanup";
    /// On a ManagedCluster: OCM removes the cluster's add-ons and works first.
    pub const MANAGED_CLUSTER_RESOURCES: &str = "cluster.open-cluster-management.io/resource-cleanup";
    /// On a ManifestWork and on the RoleBinding of its agent: only a live agent removes it from a work.
    pub const MANIFEST_WORK: &str = "cluster.open-cluster-management.io/manifest-work-cleanup";
    /// On an AppliedManifestWork: the agent removes what the work delivered.
    pub const APPLIED_MANIFEST_WORK: &str =
        "cluster.open-cluster-management.io/applied-manifest-work-cleanup";
    /// On a ManagedClusterAddOn whose add-on has work to do before it goes.
    pub const ADDON_PRE_DELETE: &str = "addon.open-cluster-management.io/addon-pre-delete";
    /// The same for a hosted add-on.
    pub const ADDON_HOSTING_PRE_DELETE: &str = "addon.open-cluster-management.io/hosting-addon-pre-delete";
    /// On a ManagedClusterAddOn with objects on a hosting cluster.
    pub const ADDON_HOSTING_MANIFESTS: &str = "addon.open-cluster-management.io/hosting-manifests-cleanup";
}

/// Users, groups and signers.
pub mod identities {
    /// What the user names and groups of agents begin with.
    pub const SUBJECT_PREFIX: &str = "system:open-cluster-management:";
    /// Group of every agent.
    pub const MANAGED_CLUSTERS_GROUP: &str = "system:open-cluster-management:managed-clusters";
    /// Signer of agents' certificates.
    pub const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";
    /// Signer of the certificates of agents with driver `grpc`.
    pub const GRPC_SIGNER: &str = "open-cluster-management.io/grpc";
    /// Group of those who authenticate by bootstrap token.
    pub const BOOTSTRAPPERS_GROUP: &str = "system:bootstrappers:managedcluster";

    /// Group of all agents of one managed cluster.
    pub fn cluster_group(cluster: &str) -> String {
        format!("{SUBJECT_PREFIX}{cluster}")
    }

    /// User name of one agent of a managed cluster.
    pub fn agent_user(cluster: &str, agent: &str) -> String {
        format!("{SUBJECT_PREFIX}{cluster}:{agent}")
    }

    /// Cluster and agent of a user name, when it has the form of an agent's: two parts that are not
    /// empty after the prefix.
    pub fn parse_agent_user(user: &str) -> Option<(&str, &str)> {
        let (cluster, agent) = user.strip_prefix(SUBJECT_PREFIX)?.split_once(':')?;
        (!cluster.is_empty() && !agent.is_empty() && !agent.contains(':')).then_some((cluster, agent))
    }
}

/// Virtual resources and verbs that OCM asks the API server about; they exist in RBAC only.
pub mod rbac {
    /// API group of the virtual resources.
    pub const REGISTER_GROUP: &str = "register.open-cluster-management.io";
    /// Verb `update` on it lets a client set `hubAcceptsClient`.
    pub const ACCEPT: &str = "managedclusters/accept";
    /// Verb `renew` on it lets an agent renew its certificate.
    pub const CLIENT_CERTIFICATES: &str = "managedclusters/clientcertificates";
    /// Verb `create` on it, group `cluster.open-cluster-management.io`, lets a client move a cluster
    /// into a cluster set or out of it.
    pub const CLUSTER_SET_JOIN: &str = "managedclustersets/join";
}

/// Condition types and the reasons that tell states apart.
pub mod conditions {
    /// Set by OCM's operators on both of their kinds.
    pub mod operator {
        /// Everything was applied.
        pub const APPLIED: &str = "Applied";
        /// False when the spec names a feature gate that the component does not know.
        pub const VALID_FEATURE_GATES: &str = "ValidFeatureGates";
    }

    /// Set on a ClusterManager.
    pub mod cluster_manager {
        /// True while Deployments roll; webhooks are installed only after it became False.
        pub const PROGRESSING: &str = "Progressing";
        /// True when registration controller or webhook lack pods.
        pub const HUB_REGISTRATION_DEGRADED: &str = "HubRegistrationDegraded";
        /// True when the placement controller lacks pods.
        pub const HUB_PLACEMENT_DEGRADED: &str = "HubPlacementDegraded";
        /// Outcome of a migration of stored versions; normally absent.
        pub const MIGRATION_SUCCEEDED: &str = "MigrationSucceeded";
    }

    /// Set on a Klusterlet.
    pub mod klusterlet {
        /// Every Deployment of the agent has a pod.
        pub const AVAILABLE: &str = "Available";
        /// In a hosted mode: the managed cluster can be reached.
        pub const READY_TO_APPLY: &str = "ReadyToApply";
        /// True when the agent's credentials do not work on the hub.
        pub const HUB_CONNECTION_DEGRADED: &str = "HubConnectionDegraded";
        /// True when the registration agent lacks pods.
        pub const REGISTRATION_DEGRADED: &str = "RegistrationDesiredDegraded";
        /// True when the work agent lacks pods.
        pub const WORK_DEGRADED: &str = "WorkDesiredDegraded";

        /// Reasons of [`HUB_CONNECTION_DEGRADED`]. When True it is two of them with a comma between:
        /// the state of the bootstrap credential, then of the agent's own.
        pub mod hub_connection {
            /// The agent's own credential works.
            pub const FUNCTIONAL: &str = "HubConnectionFunctional";
            /// The bootstrap credential works.
            pub const BOOTSTRAP_FUNCTIONAL: &str = "BootstrapSecretFunctional";
            /// There is no bootstrap Secret.
            pub const BOOTSTRAP_MISSING: &str = "BootstrapSecretMissing";
            /// The bootstrap credential could not be tried.
            pub const BOOTSTRAP_ERROR: &str = "BootstrapSecretError";
            /// The bootstrap credential lacks rights on the hub.
            pub const BOOTSTRAP_UNAUTHORIZED: &str = "BootstrapSecretUnauthorized";
            /// There is no credential of the agent's own: its CSR has not been approved.
            pub const HUB_SECRET_MISSING: &str = "HubKubeConfigSecretMissing";
            /// The Secret of the agent's own credential has no kubeconfig.
            pub const HUB_KUBECONFIG_MISSING: &str = "HubKubeConfigMissing";
            /// The agent's own credential could not be tried.
            pub const HUB_KUBECONFIG_ERROR: &str = "HubKubeConfigError";
            /// The Secret of the agent's own credential has no cluster name.
            pub const CLUSTER_NAME_MISSING: &str = "ClusterNameMissing";
            /// The agent's own credential lacks rights: the ManagedCluster is not accepted.
            pub const HUB_UNAUTHORIZED: &str = "HubKubeConfigUnauthorized";
        }
    }

    /// Set on a ManagedCluster.
    pub mod managed_cluster {
        /// The hub lets the cluster in.
        pub const HUB_ACCEPTED: &str = "HubAcceptedManagedCluster";
        /// The agent runs with a hub credential of its own.
        pub const JOINED: &str = "ManagedClusterJoined";
        /// The cluster's API server is well; Unknown when the agent no longer renews its lease.
        pub const AVAILABLE: &str = "ManagedClusterConditionAvailable";
        /// The agent's clock agrees with the hub's.
        pub const CLOCK_SYNCED: &str = "ManagedClusterConditionClockSynced";
        /// The agent renewed its certificate, or could not.
        pub const CERTIFICATE_ROTATED: &str = "ClusterCertificateRotated";
        /// What still stands in the way of the deletion.
        pub const DELETING: &str = "Deleting";
        /// Reason of [`AVAILABLE`] Unknown: the lease is old.
        pub const REASON_LEASE_STOPPED: &str = "ManagedClusterLeaseUpdateStopped";
    }

    /// Set on a ManifestWork.
    pub mod work {
        /// All objects were written.
        pub const APPLIED: &str = "Applied";
        /// Objects are being written.
        pub const PROGRESSING: &str = "Progressing";
        /// All objects exist.
        pub const AVAILABLE: &str = "Available";
        /// Objects have not been as wanted for some time.
        pub const DEGRADED: &str = "Degraded";
        /// The work is done and is not written any more.
        pub const COMPLETE: &str = "Complete";
        /// The agent removes the objects.
        pub const DELETING: &str = "Deleting";
    }

    /// Set on a ManagedClusterAddOn.
    pub mod addon {
        /// The add-on's agent is alive.
        pub const AVAILABLE: &str = "Available";
        /// The add-on's agent does not do its work.
        pub const DEGRADED: &str = "Degraded";
        /// The add-on's configuration has been worked out.
        pub const CONFIGURED: &str = "Configured";
        /// The add-on is being installed or updated.
        pub const PROGRESSING: &str = "Progressing";
        /// The add-on's objects reached the managed cluster.
        pub const MANIFEST_APPLIED: &str = "ManifestApplied";
        /// The add-on's registration has been set up.
        pub const REGISTRATION_APPLIED: &str = "RegistrationApplied";
    }
}

/// Taints that OCM puts on a ManagedCluster.
pub mod taints {
    /// The cluster's API server is not well.
    pub const UNAVAILABLE: &str = "cluster.open-cluster-management.io/unavailable";
    /// The hub has not heard from the agent.
    pub const UNREACHABLE: &str = "cluster.open-cluster-management.io/unreachable";
}

#[cfg(test)]
mod tests {
    use super::identities::{agent_user, parse_agent_user};

    #[test]
    fn the_user_name_of_an_agent_has_exactly_two_parts() {
        assert_eq!(parse_agent_user(&agent_user("spoke1", "abcde")), Some(("spoke1", "abcde")));
        for user in [
            "system:open-cluster-management:spoke1",
            "system:open-cluster-management:spoke1:",
            "system:open-cluster-management::abcde",
            "system:open-cluster-management:spoke1:a:b",
            "system:open-cluster-managementspoke1:abcde",
            "open-cluster-management:spoke1:abcde",
            "",
        ] {
            assert_eq!(parse_agent_user(user), None, "{user:?}");
        }
    }
}
