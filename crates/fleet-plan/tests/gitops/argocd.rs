//! Argo CD's Lua.

use std::collections::BTreeMap;
use std::fs;

use mlua::serde::SerializeOptions;
use mlua::{Lua, LuaOptions, LuaSerdeExt, StdLib};
use serde_json::{Value, json};

use crate::{Case, cases, gitops};

/// What a script says of an object.
pub(crate) struct Verdict {
    pub(crate) status: String,
    pub(crate) message: String,
}

/// The script of a kind.
pub(crate) fn script(group: &str, kind: &str) -> String {
    let path = gitops().join("argocd/resource_customizations").join(group).join(kind).join("health.lua");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a script as Argo CD does: global `obj`, no library but the basic one and `table`.
pub(crate) fn run(script: &str, object: &Value) -> Verdict {
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).unwrap();
    let options = SerializeOptions::new().serialize_none_to_null(false).set_array_metatable(false);
    lua.globals().set("obj", lua.to_value_with(object, options).unwrap()).unwrap();
    let said: BTreeMap<String, String> = lua.from_value(lua.load(script).eval().unwrap()).unwrap();
    Verdict {
        status: said.get("status").cloned().unwrap_or_default(),
        message: said.get("message").cloned().unwrap_or_default(),
    }
}

fn verdict(case: &Case) -> Verdict {
    run(&script(case.group(), case.kind()), &case.object)
}

#[test]
fn each_state_has_its_health() {
    for case in cases() {
        let said = verdict(&case);
        let what = format!("{} {}: {}", case.kind(), case.name, said.message);
        assert_eq!(said.status, case.health.as_str(), "{what}");
        assert!(said.message.len() > 4, "{what}: it says why");
    }
}

/// Argo CD may look at an object before anybody has written its status.
#[test]
fn an_object_without_a_status_is_not_healthy() {
    for case in cases() {
        for status in [None, Some(json!({})), Some(json!({ "conditions": [] }))] {
            let mut object = case.object.clone();
            object.as_object_mut().unwrap().remove("status");
            if let Some(status) = status {
                object["status"] = status;
            }
            let said = run(&script(case.group(), case.kind()), &object);
            assert!(
                ["Progressing", "Suspended"].contains(&&*said.status),
                "{}: {}",
                case.kind(),
                said.status
            );
        }
    }
}

#[test]
fn our_three_kinds_have_one_script() {
    let [fleet, hub, spoke] =
        ["FleetConfig", "Hub", "Spoke"].map(|kind| script("fleetconfig.open-cluster-management.io", kind));
    assert_eq!(fleet, hub);
    assert_eq!(hub, spoke);
}

#[test]
fn what_the_operator_says_is_what_people_read() {
    let all = cases();
    let claimed = all.iter().find(|case| case.name == "claimed_by_another").unwrap();
    assert_eq!(verdict(claimed).message, "HubAlreadyClaimed: cluster c is already the hub of fleet/other");
}
