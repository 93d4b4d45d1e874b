//! One kind in one version, and how the server treats its objects.

use std::borrow::Cow;

use crate::{
    apply::FieldSet,
    object::Object,
    rejection::GroupResource,
    schema::{Schema, apply_defaults},
};

/// Where the objects of a kind are kept, whatever the version they are read in.
pub(crate) type ResourceId = GroupResource;

/// What makes `metadata.generation` go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The kind has no generation.
    None,
    /// A change of `spec`.
    Spec,
    /// A change of `spec` or of the annotations.
    SpecAndAnnotations,
    /// A change of anything but metadata (and status, where that is a subresource).
    Content,
}

/// What a name may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// RFC 1123 subdomain.
    Subdomain,
    /// RFC 1123 label.
    Label,
    /// Anything that fits into a path: the names of RBAC kinds.
    PathSegment,
}

/// Where a custom kind has the fields of its scale subresource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) spec_replicas: Vec<String>,
    pub(crate) status_replicas: Vec<String>,
    /// The label selector as text.
    pub(crate) selector: Option<Vec<String>>,
}

/// A kind in one version.
#[derive(Clone, Debug)]
pub(crate) struct ResourceKind {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Defined by a CRD.
    pub(crate) custom: bool,
    /// Objects are answered but never kept, as for SubjectAccessReview.
    pub(crate) transient: bool,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    /// Subresources other than `status` and `scale`.
    pub(crate) subresources: &'static [&'static str],
    pub(crate) schema: Schema,
    pub(crate) generation: Generation,
    pub(crate) names: NameRule,
    /// Whether a PUT may come without a resourceVersion.
    pub(crate) unconditional_update: bool,
    /// Whether a PUT may create.
    pub(crate) create_on_update: bool,
    /// Whether DELETE answers with the object instead of a Status.
    pub(crate) returns_deleted: bool,
    /// Fields below the top level that cannot be changed.
    pub(crate) immutable: &'static [&'static [&'static str]],
    /// Field selectors beyond name and namespace: what they are called and where the field is.
    pub(crate) selectable: Vec<(Cow<'static, str>, Vec<String>)>,
}

impl ResourceKind {
    /// A kind with nothing special about it.
    pub(crate) fn new(group: &str, version: &str, kind: &str, plural: &str, schema: Schema) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            list_kind: format!("{kind}List"),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            custom: false,
            transient: false,
            status: false,
            scale: None,
            subresources: &[],
            schema,
            generation: Generation::None,
            names: NameRule::Subdomain,
            unconditional_update: true,
            create_on_update: false,
            returns_deleted: false,
            immutable: &[],
            selectable: Vec::new(),
        }
    }

    /// `apiVersion` of the objects.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Where the objects are kept.
    pub(crate) fn id(&self) -> ResourceId {
        ResourceId::new(&self.group, &self.plural)
    }

    /// The fields that a write to the object (or to a subresource) throws away.
    pub(crate) fn ignored(&self, subresource: &str) -> FieldSet {
        let paths: &[&[&str]] = match (subresource, self.kind.as_str()) {
            ("", "CertificateSigningRequest") if !self.custom => &[&["spec"], &["status"]],
            ("" | "finalize", _) if self.status => &[&["status"]],
            ("status", _) if self.custom => &[&["metadata"], &["spec"]],
            ("status", "Deployment") => &[&["spec"], &["metadata", "labels"]],
            ("status", "Pod") => &[&["spec"], &["metadata", "ownerReferences"]],
            ("status", "CertificateSigningRequest") => &[&["spec"], &["status", "conditions"]],
            ("approval", _) => &[&["spec"], &["status", "certificate"]],
            ("status", _) => &[&["spec"]],
            _ => &[],
        };
        FieldSet::of_fields(paths)
    }

    /// The object as this version shows it. A default that is younger than the object shows, too.
    pub(crate) fn present(&self, object: &Object) -> Object {
        let mut object = object.clone();
        if self.custom {
            let at = self.schema.root();
            for (name, value) in &mut object.content {
                apply_defaults(value, at.field_or_any(name));
            }
        }
        object.content.insert("apiVersion".into(), self.api_version().into());
        object.content.insert("kind".into(), self.kind.clone().into());
        object
    }
}
