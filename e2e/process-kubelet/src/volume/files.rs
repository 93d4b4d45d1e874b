//! What the volumes of a pod contain.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Pod, Volume};

use crate::objects::{Data, Objects};
use crate::pod::downward::{self, Placement};
use crate::pod::references::Kind;
use crate::volume::atomic_dir::{File, Files};

/// Permissions of a file for which the pod names none.
const DEFAULT_MODE: i32 = 0o644;

/// Where the contents of volumes come from.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) placement: Placement<'a>,
    pub(crate) objects: &'a Objects,
    /// The token for one projected source: volume name and place in the list.
    pub(crate) token: &'a dyn Fn(&str, usize) -> Option<String>,
}

impl Sources<'_> {
    /// The files of `volume`; `None` if it is not one that the kubelet fills.
    ///
    /// # Errors
    /// Something that is not optional is missing.
    pub(crate) fn files(&self, volume: &Volume) -> Result<Option<Files>, String> {
        let mut files = Files::new();
        if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            let optional = source.optional.unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            let data = self.objects.find(Kind::Secret, name, optional)?;
            project(&mut files, data, source.items.as_deref(), optional, mode)?;
        } else if let Some(source) = &volume.config_map {
            let optional = source.optional.unwrap_or_default();
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            let data = self.objects.find(Kind::ConfigMap, &source.name, optional)?;
            project(&mut files, data, source.items.as_deref(), optional, mode)?;
        } else if let Some(source) = &volume.downward_api {
            let mode = source.default_mode.unwrap_or(DEFAULT_MODE);
            self.downward(&mut files, source.items.as_deref(), mode)?;
        } else if volume.projected.is_some() {
            self.projected(&mut files, volume)?;
        } else {
            return Ok(None);
        }
        Ok(Some(files))
    }

    fn projected(&self, files: &mut Files, volume: &Volume) -> Result<(), String> {
        let Some(projected) = &volume.projected else { return Ok(()) };
        let mode = projected.default_mode.unwrap_or(DEFAULT_MODE);
        for (place, source) in projected.sources.iter().flatten().enumerate() {
            if let Some(token) = &source.service_account_token {
                let value = (self.token)(&volume.name, place).ok_or("its token was not requested yet")?;
                files.insert(token.path.clone(), file(value.into_bytes(), mode));
            } else if let Some(secret) = &source.secret {
                let optional = secret.optional.unwrap_or_default();
                let data = self.objects.find(Kind::Secret, &secret.name, optional)?;
                project(files, data, secret.items.as_deref(), optional, mode)?;
            } else if let Some(map) = &source.config_map {
                let optional = map.optional.unwrap_or_default();
                let data = self.objects.find(Kind::ConfigMap, &map.name, optional)?;
                project(files, data, map.items.as_deref(), optional, mode)?;
            } else if let Some(fields) = &source.downward_api {
                self.downward(files, fields.items.as_deref(), mode)?;
            } else {
                return Err(format!("projected source {place} is not supported by process-kubelet"));
            }
        }
        Ok(())
    }

    fn downward(
        &self,
        files: &mut Files,
        items: Option<&[DownwardAPIVolumeFile]>,
        mode: i32,
    ) -> Result<(), String> {
        for item in items.unwrap_or_default() {
            let field = item.field_ref.as_ref();
            let field = field
                .ok_or_else(|| format!("{:?}: only fieldRef is supported by process-kubelet", item.path))?;
            let value = downward::field(self.pod, self.placement, &field.field_path)?;
            files.insert(item.path.clone(), file(value.into_bytes(), item.mode.unwrap_or(mode)));
        }
        Ok(())
    }
}

/// Adds the keys of an object: all under their own name, or the listed ones.
fn project(
    files: &mut Files,
    data: Option<&Data>,
    items: Option<&[KeyToPath]>,
    optional: bool,
    mode: i32,
) -> Result<(), String> {
    let Some(data) = data else { return Ok(()) };
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        files.extend(data.iter().map(|(key, value)| (key.to_owned(), file(value.to_vec(), mode))));
        return Ok(());
    };
    for item in items {
        match data.get(&item.key) {
            Some(value) => {
                files.insert(item.path.clone(), file(value.to_vec(), item.mode.unwrap_or(mode)));
            }
            None if optional => {}
            None => return Err(format!("references non-existent key {:?}", item.key)),
        }
    }
    Ok(())
}

fn file(content: Vec<u8>, mode: i32) -> File {
    File { content, mode: mode.unsigned_abs() & 0o777 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    use serde_json::{Value, json};
    use std::net::Ipv4Addr;

    fn files_of(volume: Value) -> Result<Vec<String>, String> {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"namespace": "ns"}})).unwrap();
        let volume: Volume = serde_json::from_value(volume).unwrap();
        let mut objects = Objects::default();
        let secret: Secret = serde_json::from_value(json!({"data": {"a": "MQ==", "b": "Mg=="}})).unwrap();
        let map: ConfigMap = serde_json::from_value(json!({"data": {"ca.crt": "ca"}})).unwrap();
        objects.insert((Kind::Secret, "s".into()), secret.into());
        objects.insert((Kind::ConfigMap, "c".into()), map.into());
        let ip = Ipv4Addr::LOCALHOST;
        let sources = Sources {
            pod: &pod,
            placement: Placement { pod_ip: ip, host_ip: ip, node_name: "n" },
            objects: &objects,
            token: &|volume, place| Some(format!("token-{volume}-{place}")),
        };
        let files = sources.files(&volume)?.expect("a volume with files");
        let line = |(path, file): (&String, &File)| {
            format!("{path} {:o} {}", file.mode, String::from_utf8_lossy(&file.content))
        };
        Ok(files.iter().map(line).collect())
    }

    #[test]
    fn a_secret_shows_all_its_keys_or_the_listed_ones() {
        assert_eq!(
            files_of(json!({"name": "v", "secret": {"secretName": "s"}})).unwrap(),
            ["a 644 1", "b 644 2"]
        );
        let listed = json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 0o400,
            "items": [{"key": "b", "path": "x/y"}, {"key": "a", "path": "z", "mode": 0o600}]}});
        assert_eq!(files_of(listed).unwrap(), ["x/y 400 2", "z 600 1"]);
    }

    #[test]
    fn only_what_is_optional_may_be_missing() {
        let volume =
            |optional| files_of(json!({"name": "v", "configMap": {"name": "none", "optional": optional}}));
        assert_eq!(volume(true).unwrap(), Vec::<String>::new());
        assert_eq!(volume(false).unwrap_err(), "configmap \"none\" not found");
        let key = |optional| {
            files_of(json!({"name": "v", "secret": {"secretName": "s", "optional": optional,
                "items": [{"key": "zz", "path": "p"}]}}))
        };
        assert_eq!(key(true).unwrap(), Vec::<String>::new());
        assert!(key(false).unwrap_err().contains("\"zz\""));
    }

    #[test]
    fn the_usual_service_account_volume() {
        let volume = json!({"name": "kube-api-access", "projected": {"defaultMode": 0o644, "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "c", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}
        ]}});
        assert_eq!(
            files_of(volume).unwrap(),
            ["ca.crt 644 ca", "namespace 644 ns", "token 644 token-kube-api-access-0"]
        );
    }
}
