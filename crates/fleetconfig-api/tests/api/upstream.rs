//! Every field of upstream's 0.3.5 is there, with the same type, default and
//! limits: `upstream-0.3.5/*.tsv` holds its field tables.

use serde_json::{Value, json};

/// A line of a field table.
struct Row<'a> {
    path: &'a str,
    kind: &'a str,
    required: bool,
    /// Default and validation, as pairs of name and value.
    limits: Vec<(&'a str, &'a str)>,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let cells: Vec<&str> = line.split('\t').collect();
        let limits = cells.get(3).copied().unwrap_or_default();
        Self {
            path: cells[0],
            kind: cells[1],
            required: cells[2] == "required",
            limits: limits
                .split("; ")
                .filter(|limit| !limit.is_empty())
                .map(|limit| limit.split_once('=').unwrap())
                .collect(),
        }
    }

    fn limit(&self, name: &str) -> Option<Value> {
        let (_, value) = self.limits.iter().find(|(key, _)| *key == name)?;
        Some(match name {
            "pattern" => json!(value),
            "listMapKey" => json!([value]),
            "enum" => value.split(" / ").map(word).collect(),
            _ => serde_json::from_str(value).unwrap(),
        })
    }
}

fn word(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

#[test]
fn upstreams_fields_are_all_there() {
    for (plural, table) in [
        ("fleetconfigs", include_str!("upstream-0.3.5/fleetconfigs.tsv")),
        ("hubs", include_str!("upstream-0.3.5/hubs.tsv")),
        ("spokes", include_str!("upstream-0.3.5/spokes.tsv")),
    ] {
        let root = crate::schema_of_kind(plural);
        let differences: Vec<String> = table
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(Row::parse)
            .flat_map(|row| {
                let found = match find(root, row.path) {
                    None => vec!["missing".to_owned()],
                    Some(field) => field.compare(&row),
                };
                let path = row.path.to_owned();
                found.into_iter().map(move |difference| format!("{path}: {difference}"))
            })
            .filter(|difference| {
                !ON_PURPOSE.iter().any(|expected| *expected == format!("{plural} {difference}"))
            })
            .collect();
        assert!(differences.is_empty(), "{plural}: {differences:#?}");
    }
}

/// Differences on purpose; docs/deviations.md explains them.
const ON_PURPOSE: [&str; 18] = [
    r#"fleetconfigs spec.addOnConfigs: listMapKey ["name","version"], upstream's null"#,
    r#"fleetconfigs spec.hubAddOns: listMapKey ["name"], upstream's null"#,
    r#"fleetconfigs spec.hubAddOns: maxItems 2, upstream's null"#,
    r#"fleetconfigs spec.registrationAuth.driver: enum ["csr","awsirsa","grpc"], upstream's ["csr","awsirsa"]"#,
    r#"fleetconfigs spec.spokes: listMapKey ["name"], upstream's null"#,
    r#"fleetconfigs spec.spokes: maxItems 10000, upstream's null"#,
    r#"fleetconfigs status: default {"observedGeneration":-1}, upstream's null"#,
    r#"fleetconfigs status.conditions: listMapKey ["type"], upstream's null"#,
    r#"fleetconfigs status.phase: enum ["Initializing","Running","Unhealthy","Deleting"], upstream's null"#,
    r#"hubs spec.addOnConfigs: listMapKey ["name","version"], upstream's null"#,
    r#"hubs spec.hubAddOns: listMapKey ["name"], upstream's null"#,
    r#"hubs spec.hubAddOns: maxItems 2, upstream's null"#,
    r#"hubs status: default {"observedGeneration":-1}, upstream's null"#,
    r#"hubs status.conditions: listMapKey ["type"], upstream's null"#,
    r#"hubs status.phase: enum ["Initializing","Running","Unhealthy","Deleting"], upstream's null"#,
    r#"spokes status: default {"observedGeneration":-1}, upstream's null"#,
    r#"spokes status.conditions: listMapKey ["type"], upstream's null"#,
    r#"spokes status.phase: enum ["Joining","Running","Unhealthy","Deleting"], upstream's null"#,
];

/// A field of ours.
struct Field<'a> {
    schema: &'a Value,
    required: bool,
}

fn find<'a>(root: &'a Value, path: &str) -> Option<Field<'a>> {
    let mut field = Field { schema: root, required: true };
    for step in path.split('.') {
        let name = step.trim_end_matches("[]");
        let parent = element(field.schema);
        field = Field {
            schema: parent["properties"].get(name)?,
            required: parent["required"].as_array().is_some_and(|all| all.contains(&json!(name))),
        };
    }
    Some(field)
}

/// What a list is a list of; anything else is itself.
fn element(schema: &Value) -> &Value {
    schema.get("items").unwrap_or(schema)
}

impl Field<'_> {
    fn compare(&self, row: &Row<'_>) -> Vec<String> {
        let mut differences = Vec::new();
        let (ours, theirs) = (self.kind(), kind(row.kind));
        if ours != theirs {
            differences.push(format!("type {ours}, upstream's {theirs}"));
        }
        // An API server fills in a default before it asks whether a required
        // field is there, so with a default, required means nothing.
        if self.required != row.required && self.schema.get("default").is_none() {
            differences.push(format!("required {}, upstream's {}", self.required, row.required));
        }
        for (theirs, ours) in [
            ("default", "default"),
            ("enum", "enum"),
            ("pattern", "pattern"),
            ("minimum", "minimum"),
            ("minLength", "minLength"),
            ("maxLength", "maxLength"),
            ("maxItems", "maxItems"),
            ("listMapKey", "x-kubernetes-list-map-keys"),
        ] {
            let (name, ours) = (theirs, self.schema.get(ours).cloned().unwrap_or_default());
            let theirs = row.limit(name).unwrap_or_default();
            if ours != theirs && (ours.as_f64().is_none() || ours.as_f64() != theirs.as_f64()) {
                differences.push(format!("{name} {ours}, upstream's {theirs}"));
            }
        }
        differences
    }

    /// Type, and what is below it as far as a table says it.
    fn kind(&self) -> String {
        let schema = element(self.schema);
        let list = if self.schema["type"] == "array" { "[]" } else { "" };
        let kind = schema["type"].as_str().unwrap_or("?");
        let below = &schema["additionalProperties"]["type"];
        match (kind, below.as_str(), schema["format"].as_str()) {
            ("object", Some(value), _) => format!("{list}map of {value}"),
            ("string", _, Some(format)) => format!("{list}string/{format}"),
            _ => format!("{list}{kind}"),
        }
    }
}

/// A table's type in the words of [`Field::kind`]. Integers may be wider here.
fn kind(table: &str) -> String {
    let (list, kind) = table.strip_prefix("[]").map_or(("", table), |kind| ("[]", kind));
    let kind = match kind {
        "bool" => "boolean",
        "map[string]string" => "map of string",
        core if core.starts_with("core/v1") => "object",
        integer if integer.starts_with("integer") => "integer",
        other => other,
    };
    format!("{list}{kind}")
}
