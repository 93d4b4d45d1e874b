//! A namespace that is used together with another Hub or Spoke.
//!
//! A cluster may be the hub of one fleet and a spoke of another. Both sides need OCM's operators'
//! namespace, and each would put its own inventory labels on it. Whoever came first holds it; the
//! other one is a guest: it wants the namespace without its labels, and so will not delete it either.

use fleet_plan::manifests::inventory::{OWNER_KIND, OWNER_NAME, OWNER_NAMESPACE, OWNER_UID};
use fleet_plan::object::Manifest;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

/// What `manager` may still want of a namespace that carries the inventory labels of another owner,
/// put there by another manager; `None` when that is not so. (Labels of an owner before us that our
/// own manager has written are ours to replace.)
pub(crate) fn as_guest(manifest: &Manifest, live: &DynamicObject, manager: &str) -> Option<Manifest> {
    let ours = manifest.body.pointer("/metadata/labels")?.get(OWNER_UID)?.as_str()?;
    let theirs = live.labels().get(OWNER_UID)?;
    if ours == theirs || owns_label(live, manager) {
        return None;
    }
    let mut guest = manifest.clone();
    if let Some(Value::Object(labels)) = guest.body.pointer_mut("/metadata/labels") {
        for key in [OWNER_KIND, OWNER_NAMESPACE, OWNER_NAME, OWNER_UID] {
            labels.remove(key);
        }
    }
    Some(guest)
}

/// Whether the manager has applied the owner's label.
fn owns_label(live: &DynamicObject, manager: &str) -> bool {
    live.metadata.managed_fields.iter().flatten().any(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        entry.manager.as_deref() == Some(manager)
            && fields.is_some_and(|fields| {
                let labels = fields.get("f:metadata").and_then(|metadata| metadata.get("f:labels"));
                labels.and_then(|labels| labels.get(format!("f:{OWNER_UID}"))).is_some()
            })
    })
}
