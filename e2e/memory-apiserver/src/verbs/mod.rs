//! What the server does with objects.

pub(crate) mod author;
pub(crate) mod create;
pub(crate) mod decode;
pub(crate) mod delete;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod present;
pub(crate) mod update;

use crate::{
    cluster::{Call, Cluster},
    http::{Reply, Verb},
    rejection::Rejection,
    subresources,
};

/// Carries a request to objects out.
pub(crate) fn carry_out(cluster: &mut Cluster, call: &Call<'_>) -> Result<Reply, Rejection> {
    let verb = call.request.info.verb;
    if call.kind.transient {
        return match verb {
            Verb::Create => subresources::reviews::answer(cluster, call),
            _ => Err(Rejection::method_not_allowed()),
        };
    }
    match (verb, call.subresource) {
        (Verb::Get, "scale") => subresources::scale::read(cluster, call),
        (Verb::Update | Verb::Patch, "scale") => subresources::scale::write(cluster, call),
        (Verb::Create, "token") => subresources::token::create(cluster, call),
        (Verb::Get, "token" | "finalize") => Err(Rejection::method_not_allowed()),
        (Verb::Get, _) => list::get(cluster, call),
        (Verb::List, "") => list::list(cluster, call),
        (Verb::Watch, "") => Ok(Reply::Watch),
        (Verb::Create, "") if call.name.is_empty() => create::post(cluster, call),
        (Verb::Update, _) if !call.name.is_empty() => update::put(cluster, call),
        (Verb::Patch, _) if !call.name.is_empty() => patch::patch(cluster, call),
        (Verb::Delete, "") => delete::one(cluster, call),
        (Verb::DeleteCollection, "") => delete::collection(cluster, call),
        _ => Err(Rejection::method_not_allowed()),
    }
}
