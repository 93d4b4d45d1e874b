//! Every link leads somewhere. Those to other hosts are only looked at, not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::page::Page;
use crate::process;

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// What is wrong with the links of the pages.
pub(super) fn faults(pages: &[Page]) -> Vec<String> {
    let root = process::root();
    let anchors: BTreeMap<&Path, &BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_path(), &page.anchors)).collect();
    let mut found = Vec::new();
    for page in pages {
        for link in &page.links {
            let exists = |path: &Path| root.join(path).exists();
            if let Err(fault) = check(&page.path, &link.what, &anchors, exists) {
                found.push(format!("{}: {}: {fault}", page.at(link.line), link.what));
            }
        }
    }
    found
}

/// Pages below `docs/` that the table of contents does not have: mdBook would leave them out.
pub(super) fn unlisted(pages: &[Page]) -> Vec<String> {
    let Some(summary) = pages.iter().find(|page| page.path == Path::new(SUMMARY)) else {
        return vec![format!("{SUMMARY} does not exist")];
    };
    let listed: BTreeSet<PathBuf> =
        summary.links.iter().filter_map(|link| target(&summary.path, &link.what)).collect();
    pages
        .iter()
        .map(|page| &page.path)
        .filter(|path| path.starts_with("docs") && *path != Path::new(SUMMARY) && !listed.contains(*path))
        .map(|path| format!("{} is not in {SUMMARY}", path.display()))
        .collect()
}

/// Links of a page that lead out of the book, as written and as paths from the top.
pub(super) fn out_of_the_book(page: &Page) -> impl Iterator<Item = (&str, PathBuf)> {
    page.links.iter().filter_map(|link| {
        let path = target(&page.path, &link.what)?;
        (!path.starts_with("docs")).then_some((link.what.as_str(), path))
    })
}

/// The path from the top that a relative link leads to, without its fragment.
fn target(page: &Path, link: &str) -> Option<PathBuf> {
    let (path, _) = link.split_once('#').unwrap_or((link, ""));
    if is_elsewhere(link) || path.starts_with('/') {
        return None;
    }
    if path.is_empty() {
        return Some(page.to_path_buf());
    }
    let mut parts: Vec<Component<'_>> = page.parent()?.components().collect();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(parts.pop()?),
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    Some(parts.iter().collect())
}

/// Whether a link names a scheme.
fn is_elsewhere(link: &str) -> bool {
    let scheme = link.split([':', '/', '#']).next().unwrap_or_default();
    let named = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    named && !scheme.is_empty() && link.get(scheme.len()..).is_some_and(|rest| rest.starts_with(':'))
}

fn check(
    page: &Path,
    link: &str,
    anchors: &BTreeMap<&Path, &BTreeSet<String>>,
    exists: impl Fn(&Path) -> bool,
) -> Result<(), String> {
    if link.starts_with('[') {
        return Err("this reference is not defined in the page".to_owned());
    }
    if is_elsewhere(link) {
        return elsewhere(link);
    }
    let path = target(page, link).ok_or("expected a relative path within the repository")?;
    if !exists(&path) {
        return Err(format!("{} does not exist", path.display()));
    }
    let Some((_, fragment)) = link.split_once('#') else { return Ok(()) };
    match anchors.get(path.as_path()) {
        Some(anchors) if !anchors.contains(fragment) => {
            Err(format!("{} has no heading or id {fragment:?}", path.display()))
        }
        // Pages of other trees, and lines of code.
        _ => Ok(()),
    }
}

/// A link to another host: `https` with a host, or mail.
fn elsewhere(link: &str) -> Result<(), String> {
    if link.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err("holds white space".to_owned());
    }
    if link.strip_prefix("mailto:").is_some_and(|address| address.contains('@')) {
        return Ok(());
    }
    let rest = link.strip_prefix("https://").ok_or("expected https:// or mailto:")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_name = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    if name.contains('.') && name.split('.').all(is_name) && port.parse::<u16>().is_ok() {
        return Ok(());
    }
    Err(format!("{host:?} is no host name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(link: &str) -> Result<(), String> {
        let anchors = BTreeSet::from(["here".to_owned()]);
        let known = BTreeMap::from([(Path::new("docs/a.md"), &anchors), (Path::new("README.md"), &anchors)]);
        let files = ["docs/a.md", "README.md", "examples"];
        check(Path::new("docs/a.md"), link, &known, |path| files.iter().any(|file| path == Path::new(file)))
    }

    #[test]
    fn links_that_lead_somewhere() {
        for link in [
            "#here",
            "a.md",
            "./a.md#here",
            "../README.md#here",
            "../examples/",
            "https://a.example",
            "https://a-b.example:8443/x?y#z",
            "mailto:a@b.example",
        ] {
            assert_eq!(checked(link), Ok(()), "{link}");
        }
    }

    #[test]
    fn links_that_do_not() {
        for link in [
            "#there",
            "b.md",
            "../README.md#there",
            "../../outside.md",
            "/a.md",
            "[label]",
            "http://a.example",
            "https://",
            "https://a b.example",
            "https://host",
            "ftp://a.example",
        ] {
            assert!(checked(link).is_err(), "{link}");
        }
    }

    #[test]
    fn what_the_table_of_contents_lacks_is_told() {
        let page = |path: &str, text: &str| Page::read(Path::new(path), text);
        let pages = [
            page("README.md", ""),
            page(SUMMARY, "- [A](a.md)\n"),
            page("docs/a.md", "[r](../README.md) [b](b/c.md)"),
            page("docs/b/c.md", ""),
        ];
        assert_eq!(unlisted(&pages), ["docs/b/c.md is not in docs/SUMMARY.md"]);
        let out: Vec<_> = pages.iter().flat_map(out_of_the_book).collect();
        assert_eq!(out, [("../README.md", PathBuf::from("README.md"))]);
    }
}
