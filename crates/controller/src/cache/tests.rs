//! What a cache knows after which events, and which changes it tells.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use serde_json::json;

use super::*;

fn object(namespace: &str, name: &str, version: u32) -> DeserializeGuard<ConfigMap> {
    serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name, "uid": name,
            "resourceVersion": version.to_string(), "generation": 1},
    }))
    .unwrap()
}

fn broken(name: &str) -> DeserializeGuard<ConfigMap> {
    serde_json::from_value(json!({
        "metadata": {"namespace": "n", "name": name, "resourceVersion": "1"},
        "data": "not a map",
    }))
    .unwrap()
}

fn list(writer: &mut CacheWriter<ConfigMap>, objects: Vec<DeserializeGuard<ConfigMap>>) -> Vec<String> {
    let mut changes = writer.apply(Event::Init);
    for object in objects {
        changes.extend(writer.apply(Event::InitApply(object)));
    }
    assert!(changes.is_empty(), "nothing is known before the list ends");
    describe(&writer.apply(Event::InitDone))
}

fn describe(changes: &[Change<ConfigMap>]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let sign = match (&change.before, &change.after) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '~',
            };
            format!("{sign}{}", change.key.name)
        })
        .collect()
}

#[test]
fn a_relist_tells_what_came_changed_and_went() {
    let (cache, mut writer) = Cache::new();
    assert_eq!(cache.state(), CacheState::Loading);
    let objects = ["a", "b", "c"].map(|name| object("n", name, 1)).into();
    assert_eq!(list(&mut writer, objects), ["+a", "+b", "+c"]);
    assert_eq!(cache.state(), CacheState::Ready);
    let objects = vec![object("n", "a", 1), object("n", "b", 2), object("n", "d", 1)];
    assert_eq!(list(&mut writer, objects), ["~b", "-c", "+d"]);
    let names: Vec<_> = cache.all().iter().map(|o| o.metadata.name.clone()).collect();
    assert_eq!(names, ["a", "b", "d"].map(|n| Some(n.to_owned())));
}

#[test]
fn the_cache_stays_whole_while_a_relist_is_under_way() {
    let (cache, mut writer) = Cache::new();
    list(&mut writer, vec![object("n", "a", 1)]);
    writer.apply(Event::Init);
    writer.apply(Event::InitApply(object("n", "b", 1)));
    assert_eq!(cache.all().len(), 1);
    assert!(cache.get(&ObjectRef::new("a").within("n")).is_some());
}

#[test]
fn each_namespace_is_relisted_for_itself() {
    let (cache, mut writers) = Cache::of_namespaces(&["m".into(), "n".into()]);
    list(&mut writers[0], vec![object("m", "a", 1)]);
    assert_eq!(cache.state(), CacheState::Loading, "n is not listed yet");
    list(&mut writers[1], vec![object("n", "b", 1)]);
    assert_eq!(cache.state(), CacheState::Ready);
    assert_eq!(list(&mut writers[1], vec![]), ["-b"]);
    assert_eq!(cache.all().len(), 1);
}

#[test]
fn a_broken_object_is_known_as_broken_and_heals() {
    let (cache, mut writer) = Cache::new();
    list(&mut writer, vec![broken("a"), object("n", "b", 1)]);
    let key = ObjectRef::new("a").within("n");
    assert!(matches!(cache.entry(&key), Some(Entry::Invalid(_))));
    assert!(cache.get(&key).is_none());
    assert_eq!((cache.all().len(), cache.invalid().len()), (1, 1));
    writer.apply(Event::Apply(object("n", "a", 2)));
    assert!(cache.get(&key).is_some());
}

#[test]
fn a_kind_that_is_no_longer_served_is_empty() {
    let (cache, mut writer) = Cache::new();
    list(&mut writer, vec![object("n", "a", 1)]);
    assert_eq!(describe(&writer.not_served()), ["-a"]);
    assert_eq!(cache.state(), CacheState::NotServed);
    writer.loading();
    assert_eq!(cache.state(), CacheState::Loading);
}

#[test]
fn a_status_write_is_told_from_what_a_user_does() {
    let (_, mut writer) = Cache::new();
    list(&mut writer, vec![object("n", "a", 1)]);
    let mut apply = |version: u32, edit: &dyn Fn(&mut ObjectMeta)| {
        let mut new = object("n", "a", version);
        edit(new.0.as_mut().unwrap().meta_mut());
        let changes = writer.apply(Event::Apply(new));
        changes.first().map(Change::is_status_only)
    };
    assert_eq!(apply(1, &|_| {}), None, "the same version is no change");
    assert_eq!(apply(2, &|_| {}), Some(true));
    assert_eq!(apply(3, &|meta| meta.generation = Some(2)), Some(false));
    assert_eq!(apply(4, &|meta| meta.uid = Some("b".into())), Some(false));
    let finalizers = |meta: &mut ObjectMeta| {
        meta.uid = Some("b".into());
        meta.finalizers = Some(vec!["x".into()]);
    };
    assert_eq!(apply(5, &finalizers), Some(false));
    let gone = writer.apply(Event::Delete(object("n", "a", 6)));
    assert!(!gone[0].is_status_only());
}

#[tokio::test]
async fn ready_waits_for_the_first_list() {
    let (cache, mut writer) = Cache::<ConfigMap>::new();
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    list(&mut writer, vec![]);
    waiting.await.unwrap();
}
