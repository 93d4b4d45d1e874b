//! Text that a remote side wrote, made fit for conditions and logs.
//!
//! A server, or a proxy in front of it, can say anything in an error message: repeat the request's
//! headers, quote a rejected Secret, or send a megabyte. What is shown is short, on one line and
//! without anything that looks like a credential.

/// Longest text taken over from a server, in characters. A condition's message may hold 32 KiB and
/// is read by people.
const LONGEST: usize = 600;

const HIDDEN: &str = "[hidden]";

/// One line of at most [`LONGEST`] characters, with credentials replaced.
pub(crate) fn foreign_text(text: &str) -> String {
    let without_pem = hide_pem(text);
    let mut line = String::new();
    let mut after_scheme = false;
    for word in without_pem.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        if after_scheme {
            line.push_str(HIDDEN);
        } else {
            push_word(&mut line, word);
        }
        let scheme = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
        after_scheme = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("basic");
        if line.len() > 4 * LONGEST {
            break;
        }
    }
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST).collect::<String>() + " …";
    }
    line
}

/// Appends a word, replacing each run of token characters in it that looks like a credential.
fn push_word(line: &mut String, word: &str) {
    let mut run = String::new();
    for c in word.chars().filter(|c| !c.is_control()).chain(std::iter::once('\n')) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '=' | '~') {
            run.push(c);
            continue;
        }
        line.push_str(if looks_like_credential(&run) { HIDDEN } else { &run });
        run.clear();
        if c != '\n' {
            line.push(c);
        }
    }
}

/// JSON web tokens, kubeadm's bootstrap tokens, and long runs that no Kubernetes name has.
fn looks_like_credential(run: &str) -> bool {
    // `{"` in base64url; the token may hang on a `name=`.
    let jwt = run.split_once("eyJ").is_some_and(|(_, rest)| rest.len() > 12);
    let bootstrap = run.split_once('.').is_some_and(|(id, secret)| {
        let plain = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret)
    });
    // A label value has at most 63 characters, a DNS name has dots; a hash in hexadecimal has 64.
    let opaque = run.len() > 80 && !run.contains('.');
    jwt || bootstrap || opaque
}

fn hide_pem(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::new();
    while let Some((before, from)) = rest.split_once("-----BEGIN ") {
        shown.push_str(before);
        shown.push_str(HIDDEN);
        rest = from
            .split_once("-----END ")
            .and_then(|(_, after)| after.split_once("-----"))
            .map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_messages_stay_as_they_are() {
        let message = "deployments.apps \"cluster-manager\" is forbidden: User \"system:serviceaccount:a:b\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"open-cluster-management\"";
        assert_eq!(foreign_text(message), message);
    }

    #[test]
    fn credentials_are_replaced() {
        let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
        for text in [
            format!("authorization: Bearer {jwt}"),
            format!("bad header \"{jwt}\""),
            "Authorization: Basic YWRtaW46YWRtaW4=".to_owned().replace("YWRtaW46YWRtaW4=", jwt),
            format!("token={jwt};"),
        ] {
            let shown = foreign_text(&text);
            assert!(!shown.contains("eyJ"), "{shown}");
            assert!(shown.contains(HIDDEN), "{shown}");
        }
        assert_eq!(foreign_text("Bearer opaque-token."), "Bearer [hidden]");
        assert_eq!(foreign_text("data: abcdef.0123456789abcdef!"), "data: [hidden]!");
        let pem = "key -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- is wrong";
        assert_eq!(foreign_text(pem), "key [hidden] is wrong");
        assert_eq!(foreign_text("cut -----BEGIN PRIVATE KEY-----\nMIIB"), "cut [hidden]");
    }

    #[test]
    fn long_and_many_lined_text_becomes_short_and_one_line() {
        let page = "<html>\n".repeat(100_000);
        let shown = foreign_text(&page);
        assert!(shown.chars().count() <= LONGEST + 2);
        assert!(!shown.contains('\n'));
        assert!(!foreign_text("a\u{1b}[31mb").contains('\u{1b}'));
    }
}
