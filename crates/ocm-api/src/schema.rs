//! Schemas of Kubernetes types inside our CRDs.
//!
//! Written out here instead of taken from k8s-openapi, whose schemas lack the bounds and patterns that
//! OCM's CRDs carry, and whose texts change with the selected Kubernetes version: a CRD must not
//! depend on the features that a binary happens to build with.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A host name or IPv4 address, as OCM's CRDs accept it.
pub(crate) const HOST_PATTERN: &str = r"^(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]*[a-zA-Z0-9])\.)*([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9\-]*[A-Za-z0-9])$";

/// An IPv4 address, as OCM's CRDs accept it.
pub(crate) const IPV4_PATTERN: &str =
    r"^(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$";

/// The ARN of an EKS cluster, as OCM's CRDs accept it.
pub(crate) const EKS_ARN_PATTERN: &str = r"^arn:aws:eks:([a-zA-Z0-9-]+):(\d{12}):cluster/([a-zA-Z0-9-]+)$";

/// A duration of whole hours, minutes and seconds, as OCM's CRDs accept it.
pub(crate) const DURATION_PATTERN: &str = "^([0-9]+(s|m|h))+$";

/// A Kubernetes quantity.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Bytes, base64 in JSON.
pub(crate) fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "byte" })
}

/// Free text of a type that is an enum only in Rust.
pub(crate) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

/// A list of tolerations of pods.
pub(crate) fn tolerations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "description": "One taint, or a group of taints, that the pods put up with.",
            "properties": {
                "key": {
                    "type": "string",
                    "description": "Key of the taint. Empty, with operator Exists, matches every taint.",
                },
                "operator": {
                    "type": "string",
                    "description": "How `value` is compared with the taint's: Equal (when unset), or Exists to accept any value.",
                },
                "value": {
                    "type": "string",
                    "description": "Value of the taint; unset with operator Exists.",
                },
                "effect": {
                    "type": "string",
                    "description": "Effect of the taint: NoSchedule, PreferNoSchedule or NoExecute. Empty matches every effect.",
                },
                "tolerationSeconds": {
                    "type": "integer",
                    "format": "int64",
                    "description": "With effect NoExecute, how many seconds a pod stays after the taint appeared. Unset means for ever, zero or less not at all.",
                },
            },
        },
    })
}

/// Requests and limits of a container.
pub(crate) fn resource_requirements(_: &mut SchemaGenerator) -> Schema {
    let quantities = |description: &str| {
        json_schema!({
            "type": "object",
            "description": description,
            "additionalProperties": {
                "pattern": QUANTITY,
                "x-kubernetes-int-or-string": true,
            },
        })
    };
    json_schema!({
        "type": "object",
        "properties": {
            "claims": {
                "type": "array",
                "description": "Resource claims of the pod that the containers use.",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "description": "One resource claim.",
                    "required": ["name"],
                    "properties": {
                        "name": {
                            "type": "string",
                            "description": "Name of an entry of the pod's `resourceClaims`.",
                        },
                        "request": {
                            "type": "string",
                            "description": "Name of one request of the claim; empty means the whole claim.",
                        },
                    },
                },
            },
            "limits": quantities("The most of each resource that a container may use."),
            "requests": quantities("What a container is guaranteed of each resource. A resource without a request gets its limit as request."),
        },
    })
}

/// A list of conditions, one entry per type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the current state.",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "What the condition is about; CamelCase, possibly with a domain in front.",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {
                    "type": "string",
                    "description": "Whether the condition holds.",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "`metadata.generation` of the object when the condition was set.",
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When `status` changed last.",
                },
                "reason": {
                    "type": "string",
                    "description": "Why `status` is what it is, as one CamelCase word for programs.",
                    "maxLength": 1024,
                    "minLength": 1,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "type": "string",
                    "description": "Why `status` is what it is, for people. May be empty.",
                    "maxLength": 32768,
                },
            },
        },
    })
}
