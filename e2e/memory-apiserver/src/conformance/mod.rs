//! Cases that hold on the memory server and on a real kube-apiserver alike.
//!
//! The real server says what is right: when the two differ, the memory server is changed, never
//! the case. On the real side, kube-controller-manager must run its namespace and garbage
//! collector controllers, whose work the memory server does itself.

mod applies;
mod apply_kinds;
mod apply_lists;
mod crds;
mod custom_objects;
mod deletes;
mod discovery;
mod lab;
mod lists;
mod namespaces;
mod objects;
mod ownership;
mod patches;
mod replaces;
mod subresources;
mod watches;

use std::fmt;

use futures::future::BoxFuture;

use lab::Lab;

type Run = for<'l> fn(&'l Lab) -> BoxFuture<'l, anyhow::Result<()>>;

struct Case {
    name: &'static str,
    run: Run,
}

macro_rules! cases {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($(Case {
            name: concat!(stringify!($module), "/", stringify!($name)),
            run: |lab| Box::pin($module::$name(lab)),
        }),+),+]
    };
}

const CASES: &[Case] = cases! {
    objects: create_fills_metadata, create_twice, create_without_a_name, create_with_a_bad_name,
        create_with_bad_labels, create_in_a_missing_namespace, create_for_another_namespace,
        create_another_kind, create_with_a_version, create_with_wrong_types, create_unreadable,
        unknown_fields, generated_names, read_missing, read_unknown_kinds, create_everywhere,
        secrets_take_text, deployments_have_defaults, bindings_have_defaults, services_have_addresses,
        generations, large_annotations, dry_runs;
    replaces: by_version, without_a_version, another_uid, another_name, missing, creating,
        unchanged, immutable_fields, status_is_kept, required_fields;
    patches: merge_changes_and_removes, merge_at_a_version, merge_changes_identity, json_operations,
        json_tests, json_refusals, unreadable, missing, unknown_type, nothing_to_do, wrong_types;
    applies: creates, again, another_value, force, shared_fields, dropped_fields, dropped_shared_fields,
        dropped_map, over_an_update, update_over_apply, refusals, at_a_version, two_conflicts, generation,
        null_values, dry_run;
    apply_lists: empty_structs, containers, environment, ports, order_of_lists, atomic_lists, atomic_structs,
        sets, owner_references;
    apply_kinds: an_operators_kinds;
    ownership: of_an_update, of_a_deletion, of_the_status, conflicts_with_the_status, spec_through_status,
        reset, migrated, before_the_first_apply, user_agent, of_conditions, given_back, remains_of_an_update, times, many_updaters;
    deletes: at_once, returns_the_object, finalizers, finalizers_cannot_be_added, recreate, preconditions,
        unknown_policy, in_background, orphans, in_foreground, collections, missing, dry_run,
        last_finalizer_by_apply;
    lists: by_labels, by_bad_labels, by_fields, by_unknown_fields, in_pages, of_the_past, of_the_future,
        everywhere, metadata_only, kinds_of_items;
    watches: changes, by_labels, initial_state, initial_state_with_its_end, resuming, too_old, of_unknown_kinds,
        last_finalizer, metadata_only, of_one_name;
    crds: before_and_after, status_conditions, discovery, new_schema, several_versions, scale,
        selectable_fields, bad_names, finalizers_hold_the_kind, without_status;
    custom_objects: defaults, invalid_objects, short_of_required_parts, unknown_fields, status_is_separate,
        version_is_required, generations, apply_by_key, apply_atomic, emptied_map, nulls, apply_unknown,
        duplicate_keys, strategic_patch, free_form;
    subresources: tokens, token_refusals, signing_requests, approval, approval_only_by_approval, denial,
        certificate, scale_of_a_deployment, reviews, unknown, status_of_a_deployment;
    namespaces: new_ones, system, emptied, held_by_a_finalizer, closed_when_ending, finalized_by_hand;
    discovery: documents, aggregated, version;
};

/// How one case went.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Name of the case.
    pub name: &'static str,
    /// What went wrong, if anything.
    pub failure: Option<String>,
}

/// How all cases went.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One result per case, in order.
    pub results: Vec<CaseResult>,
}

impl Report {
    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CaseResult> {
        self.results.iter().filter(|result| result.failure.is_some())
    }
}

/// The failures, or how many cases passed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in self.failures() {
            writeln!(f, "{}: {}", result.name, result.failure.as_deref().unwrap_or_default())?;
        }
        let failed = self.failures().count();
        write!(f, "{} of {} cases passed", self.results.len() - failed, self.results.len())
    }
}

/// The names of all cases.
pub fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

/// Runs the cases whose names contain `filter`, one after the other, each in a namespace of its
/// own.
pub async fn run_matching(client: kube::Client, filter: &str) -> Report {
    let mut report = Report::default();
    for case in CASES.iter().filter(|case| case.name.contains(filter)) {
        let failure = run_case(&client, case).await.err().map(|error| format!("{error:#}"));
        report.results.push(CaseResult { name: case.name, failure });
    }
    report
}

/// Runs all cases.
pub async fn run(client: kube::Client) -> Report {
    run_matching(client, "").await
}

async fn run_case(client: &kube::Client, case: &Case) -> anyhow::Result<()> {
    let lab = Lab::open(client.clone()).await?;
    let result = (case.run)(&lab).await;
    lab.close().await;
    result
}
