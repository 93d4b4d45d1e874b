//! The page of the book about a kind, from its schema.
//!
//! One table for each structure, with its path as title. Structures below the first level are folded
//! away, so that a page can be read from the top.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// Structures of core/v1 are Kubernetes' own; the page names them and leaves the rest to Kubernetes'
/// documentation.
const CORE: [(&str, &str); 4] = [
    ("affinity", "Affinity"),
    ("podSecurityContext", "PodSecurityContext"),
    ("securityContext", "SecurityContext"),
    ("tolerations", "list of Toleration"),
];

/// The whole page.
pub(crate) fn render(crd: &CustomResourceDefinition, schema: &Value) -> String {
    let names = &crd.spec.names;
    let version = &crd.spec.versions[0];
    let mut page = Page { text: String::new(), rules: Vec::new() };
    page.line("<!-- Written by `cargo xtask codegen` from crates/fleetconfig-api. -->");
    page.line(&format!("# {}", names.kind));
    page.line(&prose(schema["description"].as_str().unwrap_or_default()));
    page.line(&format!(
        "`apiVersion: {}/{}`, `kind: {}`. Plural `{}`; {} to a namespace.",
        crd.spec.group,
        version.name,
        names.kind,
        names.plural,
        if crd.spec.scope == "Namespaced" { "belongs" } else { "does not belong" }
    ));
    let columns = version.additional_printer_columns.iter().flatten();
    let columns: Vec<String> =
        columns.map(|column| format!("`{}` (`{}`)", column.name, column.json_path)).collect();
    page.line(&format!("Columns of `kubectl get`: {}.", columns.join(", ")));
    page.line(
        "A default is what the API server fills in. The same text is in `kubectl explain`. \
         Structures below the first level are folded; [Validation rules](#validation-rules) come last.",
    );
    for section in ["spec", "status"] {
        page.line(&format!("## {section}"));
        let schema = &schema["properties"][section];
        page.line(&prose(schema["description"].as_str().unwrap_or_default()));
        page.structure(schema, section, 0);
    }
    page.line("## Validation rules");
    page.line("Beside types, enums and limits, the API server checks these. `self` is the value at the path, `oldSelf` what it was before.");
    let rules = std::mem::take(&mut page.rules);
    for (path, rule, message) in rules {
        page.line(&format!("- `{path}`: {}\n\n  ```cel\n  {}\n  ```", prose(&message), rule.trim()));
    }
    page.text
}

struct Page {
    text: String,
    /// Path, rule and message.
    rules: Vec<(String, String, String)>,
}

impl Page {
    fn line(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The table of a structure, and below it the structures in it.
    fn structure(&mut self, schema: &Value, path: &str, depth: usize) {
        self.note_rules(schema, path);
        let Some(properties) = schema["properties"].as_object() else { return };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut table = String::from("| field | type | default | |\n| --- | --- | --- | --- |");
        for (name, property) in properties {
            let default = match property.get("default") {
                Some(default) => code(&default.to_string()),
                None if required.contains(&name.as_str()) => "**required**".to_owned(),
                None => String::new(),
            };
            let mut description = cell(property["description"].as_str().unwrap_or_default());
            for limit in limits(property) {
                description.push_str(&format!("<br>{limit}"));
            }
            table.push_str(&format!(
                "\n| `{name}` | {} | {default} | {description} |",
                type_of(name, property)
            ));
        }
        self.line(&table);
        for (name, property) in properties {
            let mut path = format!("{path}.{name}");
            if CORE.iter().any(|(core, _)| core == name) {
                continue;
            }
            let mut inner = property;
            while let Some((below, suffix)) = element(inner) {
                self.note_rules(inner, &path);
                path.push_str(suffix);
                inner = below;
            }
            if !inner["properties"].is_object() {
                self.note_rules(inner, &path);
                continue;
            }
            if depth == 0 {
                self.line(&format!("### {path}"));
                self.structure(inner, &path, depth + 1);
            } else {
                self.line(&format!("<details id=\"{path}\"><summary><code>{path}</code></summary>"));
                self.structure(inner, &path, depth + 1);
                self.line("</details>");
            }
        }
    }

    fn note_rules(&mut self, schema: &Value, path: &str) {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let rule = text("rule").split_whitespace().collect::<Vec<_>>().join(" ");
            self.rules.push((path.to_owned(), rule, text("message")));
        }
    }
}

/// What a list or map holds, and how a path says so.
fn element(schema: &Value) -> Option<(&Value, &'static str)> {
    if schema["items"].is_object() {
        return Some((&schema["items"], "[]"));
    }
    schema["additionalProperties"].is_object().then(|| (&schema["additionalProperties"], "{}"))
}

fn type_of(name: &str, schema: &Value) -> String {
    if let Some((_, kind)) = CORE.iter().find(|(core, _)| *core == name) {
        return format!("{kind} (core/v1)");
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return "integer or string".to_owned();
    }
    let kind = schema["type"].as_str().unwrap_or("any");
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned));
        return words.map(|word| code(&word)).collect::<Vec<_>>().join(", ");
    }
    match (kind, element(schema)) {
        ("array", Some((items, _))) => match schema["x-kubernetes-list-map-keys"].as_array() {
            Some(keys) => {
                let keys: Vec<String> = keys.iter().filter_map(Value::as_str).map(code).collect();
                format!("list of {}, each {} once", type_of("", items), keys.join(" and "))
            }
            None => format!("list of {}", type_of("", items)),
        },
        ("object", Some((values, _))) => format!("map of {}", type_of("", values)),
        ("string", _) if schema["format"] == "date-time" => "time".to_owned(),
        _ => kind.to_owned(),
    }
}

/// What a value must keep to, besides its type.
fn limits(schema: &Value) -> Vec<String> {
    let number = |key: &str| schema[key].as_i64().or_else(|| schema[key].as_f64().map(|value| value as i64));
    let mut found = Vec::new();
    for (least, most, what) in [
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "entries"),
        ("minimum", "maximum", ""),
    ] {
        let text = match (number(least), number(most)) {
            (Some(least), Some(most)) => format!("From {least} to {most} {what}"),
            (Some(least), None) => format!("At least {least} {what}"),
            (None, Some(most)) => format!("At most {most} {what}"),
            (None, None) => continue,
        };
        found.push(format!("{}.", text.trim_end()));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        found.push(format!("Pattern {}.", code(pattern)));
    }
    found
}

/// Text as code in a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Prose in a table.
fn cell(text: &str) -> String {
    prose(text).replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

/// Text in which nothing but what stands between backticks is markup.
pub(crate) fn prose(text: &str) -> String {
    let escape = |(index, part): (usize, &str)| {
        if index % 2 == 1 {
            return part.to_owned();
        }
        let mut escaped = String::new();
        for letter in part.chars() {
            match letter {
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '*' | '_' | '[' | ']' => escaped.extend(['\\', letter]),
                other => escaped.push(other),
            }
        }
        escaped
    };
    text.split('`').enumerate().map(escape).collect::<Vec<_>>().join("`")
}

#[test]
fn a_schema_becomes_tables_with_rules_apart() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "enum": ["X", 7], "description": "One | two <b>."},
            "b": {"type": "array", "items": {"type": "object", "properties": {
                "c": {"type": "integer", "minimum": 1.0, "default": 3,
                      "x-kubernetes-validations": [{"rule": "self > 1\n|| false", "message": "Not one"}]},
            }}},
        },
    });
    let mut page = Page { text: String::new(), rules: Vec::new() };
    page.structure(&schema, "spec", 0);
    let rows: Vec<&str> =
        page.text.lines().filter(|line| line.contains('`') || line.starts_with('#')).collect();
    assert_eq!(
        rows,
        [
            "| `a` | `X`, `7` | **required** | One \\| two &lt;b&gt;. |",
            "| `b` | list of object |  |  |",
            "### spec.b[]",
            "| `c` | integer | `3` | <br>At least 1. |",
        ]
    );
    assert_eq!(page.rules, [("spec.b[].c".to_owned(), "self > 1 || false".to_owned(), "Not one".to_owned())]);
}
