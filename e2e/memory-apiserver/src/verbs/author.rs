//! Who writes in a request, for the ownership of fields.

use serde_json::Value;

use crate::{
    apply::{self, FieldSet, Managers, Writer},
    cluster::{Call, Cluster},
    object::Object,
    schema::{At, with_structs},
};

/// The author of a request.
pub(crate) struct Author<'c> {
    call: &'c Call<'c>,
    api_version: String,
    time: String,
    ignored: FieldSet,
}

impl<'c> Author<'c> {
    pub(crate) fn new(cluster: &Cluster, call: &'c Call<'c>) -> Self {
        Self {
            call,
            api_version: call.kind.api_version(),
            time: cluster.clock.stamp(),
            ignored: call.kind.ignored(call.subresource),
        }
    }

    /// The author as the rules of ownership know it.
    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            name: self.call.manager(),
            api_version: &self.api_version,
            subresource: self.call.subresource,
            time: &self.time,
            ignored: &self.ignored,
        }
    }

    /// The owners after a write that was not an apply.
    pub(crate) fn track(&self, live: &Object, new: &Object, managers: Managers) -> Managers {
        self.track_as(&self.writer(), live, new, managers)
    }

    /// As [`Author::track`], in another name.
    pub(crate) fn track_as(
        &self,
        writer: &Writer<'_>,
        live: &Object,
        new: &Object,
        managers: Managers,
    ) -> Managers {
        let new = new.to_value_unmanaged();
        let mut live = live.to_value_unmanaged();
        if !self.call.kind.custom {
            live = with_structs(&live, &new, self.schema());
        }
        apply::track(&live, &new, self.schema(), managers, writer)
    }

    /// The result of applying a configuration to a live object, and its owners.
    pub(crate) fn apply(
        &self,
        live: &Object,
        config: &Value,
        managers: Managers,
        force: bool,
    ) -> Result<(Value, Managers), apply::ApplyError> {
        let live = live.to_value_unmanaged();
        apply::apply(&live, config, self.schema(), managers, &self.writer(), force)
    }

    fn schema(&self) -> At<'_> {
        self.call.kind.schema.root()
    }
}
