//! What names may look like, and the names that the server makes up.

use serde_json::Value;

use crate::{rejection::Cause, resource::NameRule};

/// Letters and digits that Kubernetes makes names of: no vowels, nothing that looks alike.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// What is wrong with a name, if anything.
pub(crate) fn check(name: &str, rule: NameRule) -> Option<Cause> {
    let (fine, detail) = match rule {
        NameRule::Subdomain => (
            is_subdomain(name),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
             and must start and end with an alphanumeric character",
        ),
        NameRule::Label => (
            is_label(name),
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
             start and end with an alphanumeric character",
        ),
        NameRule::PathSegment => (
            !name.contains(['/', '%']) && name != "." && name != "..",
            "may not be '.' or '..' and may not contain '/' or '%'",
        ),
    };
    (!fine).then(|| Cause::invalid("metadata.name", &Value::from(name), detail))
}

/// Whether a text is an RFC 1123 subdomain.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_part)
}

/// Whether a text is an RFC 1123 label.
fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_part(text)
}

fn is_label_part(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| inner(*byte));
    let bytes = text.as_bytes();
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
}

/// The `count`-th made-up ending of a name: five characters, always the same for the same count.
pub(crate) fn suffix(count: u64) -> String {
    // Multiplying by an odd constant spreads consecutive numbers and keeps them distinct.
    let mut number = count.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8;
    let base = ALPHABET.len() as u64;
    (0..5)
        .map(|_| {
            let at = usize::try_from(number % base).unwrap_or_default();
            number /= base;
            ALPHABET.get(at).map_or('x', |byte| char::from(*byte))
        })
        .collect()
}

/// The `count`-th uid: shaped like a random one, always the same for the same count.
pub(crate) fn uid(count: u64) -> String {
    let mixed = count.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (high, low) = (mixed >> 32, mixed & 0xFFFF);
    format!("{high:08x}-{low:04x}-4000-8000-{count:012x}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_checked_by_their_rule() {
        for (name, subdomain, label, segment) in [
            ("a", true, true, true),
            ("a.b-c", true, false, true),
            ("A", false, false, true),
            ("system:thing", false, false, true),
            ("-a", false, false, true),
            ("a..b", false, false, true),
            ("a/b", false, false, false),
        ] {
            assert_eq!(check(name, NameRule::Subdomain).is_none(), subdomain, "{name}");
            assert_eq!(check(name, NameRule::Label).is_none(), label, "{name}");
            assert_eq!(check(name, NameRule::PathSegment).is_none(), segment, "{name}");
        }
    }

    #[test]
    fn made_up_names_do_not_repeat() {
        assert_eq!((0..5000).map(suffix).collect::<BTreeSet<_>>().len(), 5000);
        assert_eq!((0..5000).map(uid).collect::<BTreeSet<_>>().len(), 5000);
        assert_eq!(uid(1).len(), 36);
    }
}
