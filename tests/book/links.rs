//! What the repository's other texts link to, and what the book names of the repository.

use std::path::Path;

use crate::pages::{all, root};

/// Folders that a path of the repository begins with.
const FOLDERS: [&str; 6] = ["benches/", "deploy/", "docs/", "scripts/", "src/", "tests/"];

/// Where the Markdown in this file leads, outside of the web.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn what_the_repositorys_own_pages_link_to_is_there() {
    let decisions = std::fs::read_dir(root().join("docs/adr")).unwrap().map(|entry| entry.unwrap().path());
    let own = ["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name));
    for file in decisions.chain(own) {
        let text = std::fs::read_to_string(&file).unwrap();
        for target in targets(&text) {
            assert!(file.parent().unwrap().join(target).exists(), "{}: there is no {target}", file.display());
        }
    }
}

#[test]
fn files_that_the_book_names_are_there() {
    let mut count = 0;
    for page in all() {
        for code in page.code_in_sentences() {
            if FOLDERS.iter().any(|folder| code.starts_with(folder)) && !code.contains(' ') {
                count += 1;
                assert!(root().join(&code).exists(), "{page}: there is no {code}");
            }
        }
    }
    assert!(count > 4, "only {count} files were found");
}

#[test]
fn what_the_program_and_its_sources_name_of_the_documentation_is_there() {
    fn visit(folder: &Path, found: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let is_path = |character: char| character.is_ascii_alphanumeric() || "-_/.".contains(character);
                for (at, _) in text.match_indices("docs/") {
                    let name = text[at..].split(|character| !is_path(character)).next().unwrap();
                    if name.ends_with(".md") {
                        *found += 1;
                        assert!(root().join(name).is_file(), "{}: there is no {name}", path.display());
                    }
                }
            }
        }
    }
    let mut found = 0;
    visit(&root().join("src"), &mut found);
    visit(&root().join("web"), &mut found);
    assert!(found >= 3, "only {found} were found");
}
