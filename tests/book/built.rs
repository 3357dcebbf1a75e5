//! The book as mdBook makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mdbook_driver::MDBook;
use percent_encoding::percent_decode_str;
use tempfile::TempDir;

use crate::pages::{LANGUAGES, contents, folder};

/// Builds the book of this language into a folder of its own.
fn build(language: &str) -> TempDir {
    let target = tempfile::tempdir().unwrap();
    let mut book = MDBook::load(folder(language)).unwrap();
    book.config.build.build_dir = target.path().to_owned();
    book.build().unwrap();
    target
}

/// The values of an attribute in HTML that mdBook wrote.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What mdBook made of a page, without what it puts around every page.
fn main_of(folder: &Path, page: &str) -> String {
    let file = folder.join(page).with_extension("html");
    let html = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    html.split("<main>").nth(1).unwrap().split("</main>").next().unwrap().to_owned()
}

#[test]
fn every_page_is_built_and_every_link_in_it_leads_to_a_page_and_an_anchor_that_are_there() {
    for language in LANGUAGES {
        let folder = build(language);
        let pages: BTreeMap<String, String> = contents(language)
            .into_iter()
            .map(|page| (page.replace(".md", ".html"), main_of(folder.path(), &page)))
            .collect();
        let anchors: BTreeMap<&str, BTreeSet<&str>> =
            pages.iter().map(|(name, html)| (name.as_str(), values(html, "id").into_iter().collect())).collect();
        let mut count = 0;
        for (name, html) in &pages {
            let links = values(html, "href").into_iter().chain(values(html, "src"));
            for link in links.filter(|link| !link.contains("://")) {
                count += 1;
                let link = percent_decode_str(link).decode_utf8().unwrap();
                let (page, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let page = if page.is_empty() { name } else { page };
                assert!(folder.path().join(page).is_file(), "docs/{language}, {name}: there is no {page}");
                let is_there = anchor.is_empty() || anchors.get(page).is_some_and(|known| known.contains(anchor));
                assert!(is_there, "docs/{language}, {name}: {page} has no #{anchor}");
            }
        }
        assert!(count > 40, "only {count} links were found");
    }
}

/// Between Chinese characters two asterisks can be asterisks.
#[test]
fn no_mark_of_markdown_is_left_over() {
    for language in LANGUAGES {
        let folder = build(language);
        for page in contents(language) {
            let html = main_of(folder.path(), &page);
            let outside_of_code: String =
                html.split("<code").map(|part| part.split("</code>").last().unwrap()).collect();
            for mark in ["**", "](", "```"] {
                assert!(!outside_of_code.contains(mark), "docs/{language}/{page} has {mark} in its text");
            }
        }
    }
}
