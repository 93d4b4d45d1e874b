//! Label selectors, and what a label may look like.

use std::collections::BTreeMap;

use crate::rejection::Rejection;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

/// Requirements that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Reads `a=b,c in (d,e),!f`. The empty text selects everything.
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let bad = |part: &str| {
            Rejection::bad_request(format!("unable to parse requirement: cannot read {part:?} in {text:?}"))
        };
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            requirements.push(requirement(part).ok_or_else(|| bad(part))?);
        }
        Ok(Self(requirements))
    }

    pub(crate) fn matches(&self, labels: &BTreeMap<&str, &str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => labels.contains_key(key.as_str()),
            Requirement::Absent(key) => !labels.contains_key(key.as_str()),
            Requirement::In(key, values) => {
                labels.get(key.as_str()).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Requirement::NotIn(key, values) => {
                labels.get(key.as_str()).is_none_or(|value| values.iter().all(|unwanted| unwanted != value))
            }
        })
    }
}

fn requirement(part: &str) -> Option<Requirement> {
    let checked = |key: &str| Some(key.trim()).filter(|key| is_label_key(key)).map(str::to_owned);
    let values = |values: &[&str]| {
        let values: Vec<String> = values.iter().map(|value| value.trim().to_owned()).collect();
        values.iter().all(|value| is_label_value(value)).then_some(values)
    };
    if let Some(list) = part.strip_suffix(')') {
        let (head, list) = list.split_once('(')?;
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        let list: Vec<&str> = list.split(',').collect();
        return match operator {
            "in" => Some(Requirement::In(checked(key)?, values(&list)?)),
            "notin" => Some(Requirement::NotIn(checked(key)?, values(&list)?)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Requirement::NotIn(checked(key)?, values(&[value])?));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Requirement::In(checked(key)?, values(&[value])?));
    }
    match part.strip_prefix('!') {
        Some(key) => checked(key).map(Requirement::Absent),
        None => checked(part).map(Requirement::Exists),
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

/// Whether a text may be the key of a label: a name of at most 63 characters, optionally after a
/// DNS prefix and a slash.
pub(crate) fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_fits = |prefix: &str| crate::names::is_subdomain(prefix);
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(prefix_fits)
}

/// Whether a text may be the value of a label: at most 63 characters, letters and digits at both
/// ends, dashes, dots and underscores between; or empty.
pub(crate) fn is_label_value(value: &str) -> bool {
    let ends = |character: Option<char>| character.is_none_or(|character| character.is_ascii_alphanumeric());
    value.len() <= 63
        && ends(value.chars().next())
        && ends(value.chars().last())
        && value.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        LabelSelector::parse(selector).unwrap().matches(&labels.iter().copied().collect())
    }

    #[test]
    fn every_form_selects_what_it_says() {
        let labels = [("app", "web"), ("tier", "front")];
        for selector in [
            "",
            "app=web",
            "app==web",
            "app",
            "app,tier",
            "app in (web,db)",
            "app notin (db)",
            "!other",
            "other!=x",
            "app in (web, db), tier = front",
            "other notin (x)",
        ] {
            assert!(matches(selector, &labels), "{selector}");
        }
        for selector in ["app=db", "other", "!app", "app!=web", "app in (db)", "app notin (web)", "app=web,x"]
        {
            assert!(!matches(selector, &labels), "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for selector in ["app in web", "app = a b", "=x", "a in (", "a//b", "!"] {
            assert_eq!(LabelSelector::parse(selector).map_err(|error| error.code), Err(400), "{selector}");
        }
    }
}
