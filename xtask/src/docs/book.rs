//! The book, where mdBook is installed.
//!
//! Pages link to files outside of `docs/`, which a forge follows and a book does not have. They are
//! copied beside the book as text, and the links of the built pages changed to lead there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::links;
use super::page::Page;
use crate::process;

/// Where copies of other files lie in the book.
const COPIES: &str = "repository";

/// Builds the book into `target/book`; says so when mdBook is not there.
pub(super) fn build(pages: &[Page]) -> Result<()> {
    if process::output(Command::new("mdbook").arg("--version")).is_err() {
        eprintln!("mdbook is not installed, the book is not built: cargo install --locked mdbook");
        return Ok(());
    }
    let book = process::target().join("book");
    process::run(
        Command::new("mdbook").arg("build").arg(process::root().join("docs")).arg("--dest-dir").arg(&book),
    )?;
    for page in pages {
        let Ok(within) = page.path.strip_prefix("docs") else { continue };
        let built = book.join(within).with_extension("html");
        mend(page, &built, &book)?;
    }
    // The first page stands in the book twice.
    if let Some(first) = pages.iter().find(|page| page.path == Path::new("docs/getting-started.md")) {
        mend(first, &book.join("index.html"), &book)?;
    }
    eprintln!("the book: {}", book.join("index.html").display());
    Ok(())
}

/// Changes the links of a built page that lead out of the book, and copies where they lead.
fn mend(page: &Page, built: &Path, book: &Path) -> Result<()> {
    let mut out = links::out_of_the_book(page).peekable();
    if out.peek().is_none() || !built.is_file() {
        return Ok(());
    }
    let up = "../".repeat(page.path.components().count().saturating_sub(2));
    let mut html = fs::read_to_string(built).with_context(|| format!("reading {}", built.display()))?;
    for (link, path) in out {
        let source = process::root().join(&path);
        if !source.is_file() {
            continue;
        }
        let copy = copy_of(&path);
        let destination = book.join(&copy);
        if let Some(directory) = destination.parent() {
            fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        }
        fs::copy(&source, &destination).with_context(|| format!("copying {}", source.display()))?;
        html = html
            .replace(&format!("href=\"{}\"", as_built(link)), &format!("href=\"{up}{}\"", copy.display()));
    }
    fs::write(built, html).with_context(|| format!("writing {}", built.display()))
}

/// Where the copy of a file lies in the book: as text, which every browser shows.
fn copy_of(path: &Path) -> PathBuf {
    let mut name = Path::new(COPIES).join(path).into_os_string();
    name.push(".txt");
    name.into()
}

/// A link as mdBook writes it: to the page that it would make of the other one.
fn as_built(link: &str) -> String {
    let (path, fragment) = link.split_at(link.find('#').unwrap_or(link.len()));
    path.strip_suffix(".md").map_or_else(|| link.to_owned(), |path| format!("{path}.html{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_book_are_found_in_what_was_built() {
        assert_eq!(as_built("../CONTRIBUTING.md#tests"), "../CONTRIBUTING.html#tests");
        assert_eq!(as_built("../examples/a.yaml"), "../examples/a.yaml");
        assert_eq!(copy_of(Path::new("crates/a.rs")), Path::new("repository/crates/a.rs.txt"));
    }
}
