//! One page of the documentation, taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{BrokenLink, CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

/// What the checks need of a page.
pub(super) struct Page {
    /// Path from the top of the checkout.
    pub(super) path: PathBuf,
    /// Where links lead, as written.
    pub(super) links: Vec<Placed<String>>,
    /// What a fragment may name.
    pub(super) anchors: BTreeSet<String>,
    /// Fenced blocks.
    pub(super) blocks: Vec<Placed<Block>>,
    /// Code within text.
    pub(super) code: Vec<Placed<String>>,
}

/// Something, and its line in the page.
pub(super) struct Placed<T> {
    pub(super) line: usize,
    pub(super) what: T,
}

/// A fenced block.
pub(super) struct Block {
    /// The words after the fence.
    pub(super) info: String,
    pub(super) text: String,
}

impl Page {
    pub(super) fn read(path: &Path, text: &str) -> Self {
        let mut page = Self {
            path: path.to_path_buf(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            blocks: Vec::new(),
            code: Vec::new(),
        };
        let mut slugs: BTreeMap<String, usize> = BTreeMap::new();
        let mut heading: Option<String> = None;
        let mut block: Option<Placed<Block>> = None;
        // `[text][label]` without a definition of the label. (`[text]` alone is mostly no link.)
        let mut undefined = Vec::new();
        let mut note = |link: BrokenLink<'_>| {
            if link.link_type == LinkType::Reference {
                undefined.push(Placed {
                    line: line_of(text, link.span.start),
                    what: format!("[{}]", link.reference),
                });
            }
            None
        };
        let parser = Parser::new_with_broken_link_callback(text, Options::ENABLE_TABLES, Some(&mut note));
        for (event, range) in parser.into_offset_iter() {
            let line = line_of(text, range.start);
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let before = slugs.entry(slug.clone()).or_default();
                    page.anchors.insert(if *before == 0 { slug } else { format!("{slug}-{before}") });
                    *before += 1;
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Placed { line, what: dest_url.to_string() });
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some(Placed { line, what: Block { info, text: String::new() } });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Text(part) => {
                    if let Some(block) = &mut block {
                        block.what.text.push_str(&part);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    page.code.push(Placed { line, what: code.to_string() });
                }
                Event::Html(html) | Event::InlineHtml(html) => page.anchors.extend(identifiers(&html)),
                _ => {}
            }
        }
        page.links.extend(undefined);
        page
    }

    /// Where something of the page stands, for a message.
    pub(super) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count() + 1
}

/// The fragment of a heading: what forges and mdBook make of it.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Values of `id` in a piece of HTML.
fn identifiers(html: &str) -> impl Iterator<Item = String> {
    html.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart() {
        let text = "# One `two`: three!\n\n[a](b.md#c) `cargo xtask up`\n\n## Same\n\n## Same\n\n<details id=\"x.y\"></details>\n\n1. item\n\n   ```console values\n   $ run\n   ```\n\n[d][e] [g][h] spokes[]\n\n[e]: f.md\n";
        let page = Page::read(Path::new("docs/p.md"), text);
        let links: Vec<(usize, &str)> =
            page.links.iter().map(|link| (link.line, link.what.as_str())).collect();
        assert_eq!(links, [(3, "b.md#c"), (17, "f.md"), (17, "[h]")]);
        let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["one-two-three", "same", "same-1", "x.y"]);
        let [block] = page.blocks.as_slice() else { panic!("one block") };
        assert_eq!(
            (block.line, block.what.info.as_str(), block.what.text.as_str()),
            (13, "console values", "$ run\n")
        );
        assert_eq!(
            page.code.iter().map(|code| code.what.as_str()).collect::<Vec<_>>(),
            ["two", "cargo xtask up"]
        );
        assert_eq!(page.at(3), "docs/p.md:3");
    }
}
