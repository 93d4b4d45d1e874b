//! What a write does to the owners of fields, and what an apply does to the object.

use std::sync::LazyLock;

use serde_json::Value;

use super::{
    compare::{Difference, compare},
    conform::misfits,
    extract::fields_of,
    field_set::FieldSet,
    managers::{ManagerId, Managers, Operation, Owned},
    merge::merge,
    path::PathElement,
    remove::remove,
};
use crate::schema::At;

/// Kubernetes folds the oldest updaters into one when there are more than this.
const MAX_UPDATERS: usize = 10;

/// Fields that nobody owns, because the server itself keeps them.
static UNOWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let metadata = ["creationTimestamp", "generation", "managedFields", "name", "namespace"];
    let more = ["resourceVersion", "selfLink", "uid", "clusterName"];
    let mut paths: Vec<Vec<&str>> = vec![vec!["apiVersion"], vec!["kind"], vec!["metadata"]];
    paths.extend(metadata.iter().chain(&more).map(|field| vec!["metadata", *field]));
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    FieldSet::of_fields(&paths)
});

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Writer<'a> {
    /// Field manager.
    pub(crate) name: &'a str,
    /// The version that the request speaks.
    pub(crate) api_version: &'a str,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    /// Now, as RFC 3339.
    pub(crate) time: &'a str,
    /// Fields that this endpoint throws away, so that writing them owns nothing.
    pub(crate) ignored: &'a FieldSet,
}

/// A field that somebody else owns with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The other owner, as it is printed.
    pub(crate) manager: String,
    /// Path of the field, as it is printed.
    pub(crate) field: String,
}

/// Why an apply was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApplyError {
    /// The configuration does not fit the schema.
    Misfit(Vec<String>),
    /// Others own fields with other values.
    Conflicts(Vec<Conflict>),
}

/// Applies a configuration to a live object (neither with managedFields). Returns the new object
/// and its owners. When the object did not change, the owner's time does not either.
pub(crate) fn apply(
    live: &Value,
    config: &Value,
    at: At<'_>,
    mut managers: Managers,
    writer: &Writer<'_>,
    force: bool,
) -> Result<(Value, Managers), ApplyError> {
    let misfits = misfits(config, at);
    if !misfits.is_empty() {
        return Err(ApplyError::Misfit(misfits));
    }
    let id = ManagerId::new(Operation::Apply, writer.name, writer.api_version, writer.subresource);
    let last = managers.0.remove(&id);
    let fields = fields_of(config, at).outside(writer.ignored);
    let time = last.as_ref().and_then(|last| last.time.clone());
    let owned = Owned { api_version: writer.api_version.to_owned(), fields, time };
    managers.0.insert(id.clone(), owned);

    let merged = merge(live, config, at);
    let new = match last {
        Some(last) => prune(&merged, &last.fields, &managers, at),
        None => merged,
    };
    let difference = compare(live, &new, at).outside(writer.ignored);
    let conflicts = take_over(&mut managers, &difference, &id, force);
    if !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    if let Some(own) = managers.0.get_mut(&id) {
        own.fields = own.fields.difference(&UNOWNED);
        if new != *live {
            own.time = Some(writer.time.to_owned());
        }
    }
    managers.0.retain(|_, owned| !owned.fields.is_empty());
    Ok((new, managers))
}

/// The owners after a write that was not an apply (both versions without managedFields).
pub(crate) fn track(
    live: &Value,
    new: &Value,
    at: At<'_>,
    mut managers: Managers,
    writer: &Writer<'_>,
) -> Managers {
    let difference = compare(live, new, at).outside(writer.ignored);
    let id = ManagerId::new(Operation::Update, writer.name, writer.api_version, writer.subresource);
    let nobody = ManagerId::new(Operation::Update, "", "", "");
    take_over(&mut managers, &difference, &nobody, true);
    let taken = difference.modified.union(&difference.added).outside(writer.ignored).difference(&UNOWNED);
    if !taken.is_empty() {
        let before = managers.0.remove(&id).map(|owned| owned.fields).unwrap_or_default();
        let owned = Owned {
            api_version: writer.api_version.to_owned(),
            fields: before.union(&taken),
            time: Some(writer.time.to_owned()),
        };
        managers.0.insert(id, owned);
    }
    managers.0.retain(|_, owned| !owned.fields.is_empty());
    cap(&mut managers);
    managers
}

/// Takes changed fields from everybody but `writer`; without `force`, only reports them.
fn take_over(
    managers: &mut Managers,
    difference: &Difference,
    writer: &ManagerId,
    force: bool,
) -> Vec<Conflict> {
    let changed = difference.modified.union(&difference.added);
    let mut conflicts = Vec::new();
    for (id, owned) in &mut managers.0 {
        if id == writer {
            continue;
        }
        let theirs = owned.fields.intersection(&changed);
        if !force {
            conflicts.extend(
                theirs.paths().iter().map(|path| Conflict { manager: id.describe(), field: print(path) }),
            );
        }
        owned.fields = owned.fields.difference(&theirs).difference(&difference.removed);
    }
    conflicts
}

/// Removes what the applier owned before, does not mention now, and nobody else owns.
/// `managers` already has the applier's new fields.
fn prune(merged: &Value, last: &FieldSet, managers: &Managers, at: At<'_>) -> Value {
    let last = last.with_declared_parents(at);
    let without = remove(merged, &last, at);
    let everybody = managers.0.values().fold(FieldSet::default(), |all, owned| all.union(&owned.fields));
    let merged_fields = fields_of(merged, at).with_declared_parents(at);
    let keep = |value: &Value| fields_of(value, at).with_declared_parents(at);
    let owned = keep(&without).union(&everybody.with_declared_parents(at));
    let with_owned = remove(merged, &merged_fields.difference(&owned), at);
    // What went with a struct but was never the applier's comes back.
    let gone = merged_fields.difference(&keep(&with_owned)).intersection(&last);
    remove(merged, &gone, at)
}

fn cap(managers: &mut Managers) {
    let mut updaters: Vec<(Option<String>, ManagerId)> = managers
        .0
        .iter()
        .filter(|(id, _)| id.operation == Operation::Update)
        .map(|(id, owned)| (owned.time.clone(), id.clone()))
        .collect();
    updaters.sort();
    let mut excess = updaters.len().saturating_sub(MAX_UPDATERS);
    let mut first: Option<ManagerId> = None;
    for (time, id) in updaters {
        if excess == 0 {
            break;
        }
        let Some(bucket_of) = first.clone().filter(|first| first.api_version == id.api_version) else {
            first.get_or_insert(id);
            continue;
        };
        let bucket = ManagerId::new(Operation::Update, "ancient-changes", &id.api_version, "");
        let before = managers.0.remove(&bucket).or_else(|| managers.0.remove(&bucket_of));
        let (Some(before), Some(owned)) = (before, managers.0.remove(&id)) else { continue };
        let fields = before.fields.union(&owned.fields);
        managers.0.insert(bucket, Owned { api_version: owned.api_version, fields, time });
        excess -= 1;
    }
}

fn print(path: &[PathElement]) -> String {
    path.iter().map(PathElement::to_string).collect()
}
