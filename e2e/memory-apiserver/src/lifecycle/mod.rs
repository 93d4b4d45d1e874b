//! What happens by itself after a write: the work of the controllers that every cluster has.

pub(crate) mod crd;
pub(crate) mod garbage;
pub(crate) mod namespace;

use crate::{cluster::Cluster, object::Object, resource::ResourceKind};

/// Lets the built-in controllers work until they have nothing left to do.
pub(crate) fn settle(cluster: &mut Cluster) {
    loop {
        let before = cluster.store.version();
        crd::settle(cluster);
        garbage::settle(cluster);
        namespace::settle(cluster);
        if cluster.store.version() == before {
            return;
        }
    }
}

/// Says in the status of an object that it is on its way out, for the kinds that do.
pub(crate) fn mark_terminating(kind: &ResourceKind, object: &mut Object, now: &str) {
    if kind.custom {
        return;
    }
    match kind.kind.as_str() {
        "Namespace" => {
            object.section("status").insert("phase".into(), "Terminating".into());
        }
        "CustomResourceDefinition" => crd::mark_terminating(object, now),
        _ => {}
    }
}
