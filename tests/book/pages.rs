//! The book as it is written: pages, their samples, and the code in their sentences.

use std::fmt;
use std::path::{Path, PathBuf};

/// The languages of the book.
pub const LANGUAGES: [&str; 2] = ["en", "zh"];

/// A page as it is written.
pub struct Page {
    pub language: &'static str,
    pub name: String,
    pub text: String,
}

/// A block of code.
#[derive(Debug)]
pub struct Sample {
    /// What stands behind the three backticks.
    pub language: String,
    pub text: String,
    /// File and line, for whoever has to mend it.
    pub place: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn folder(language: &str) -> PathBuf {
    root().join("docs").join(language)
}

/// The names of the pages, in the order of the table of contents.
pub fn contents(language: &str) -> Vec<String> {
    let summary = std::fs::read_to_string(folder(language).join("SUMMARY.md")).unwrap();
    let name = |line: &str| Some(line.split_once("](")?.1.trim_end_matches(')').to_owned());
    summary.lines().filter_map(name).collect()
}

/// All pages of this language.
pub fn pages(language: &'static str) -> Vec<Page> {
    let read = |name: String| {
        let text = std::fs::read_to_string(folder(language).join(&name)).unwrap();
        Page { language, name, text }
    };
    contents(language).into_iter().map(read).collect()
}

/// The repository's first page, in both languages.
pub fn readmes() -> [Page; 2] {
    [("en", "README.md"), ("zh", "README.zh-CN.md")].map(|(language, name)| {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        Page { language, name: name.to_owned(), text }
    })
}

/// All pages of the book, and the repository's first.
pub fn all() -> impl Iterator<Item = Page> {
    LANGUAGES.into_iter().flat_map(pages).chain(readmes())
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.starts_with("README") {
            return f.write_str(&self.name);
        }
        write!(f, "docs/{}/{}", self.language, self.name)
    }
}

impl Page {
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```") else { continue };
            let text = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = text.map(|line| format!("{line}\n")).collect();
            let place = format!("{self}:{}", number + 1);
            samples.push(Sample { language: language.to_owned(), text, place });
        }
        samples
    }

    /// The lines outside of samples.
    pub fn prose(&self) -> Vec<&str> {
        let mut is_outside = true;
        let outside = |line: &&str| {
            let is_fence = line.starts_with("```");
            is_outside ^= is_fence;
            is_outside && !is_fence
        };
        self.text.lines().filter(outside).collect()
    }

    /// What stands between backticks in sentences, on one line.
    pub fn code_in_sentences(&self) -> Vec<String> {
        let prose = self.prose().join("\n");
        let spans = prose.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
        spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

/// All samples in one of these languages.
pub fn samples_in(languages: &[&str]) -> Vec<Sample> {
    let samples: Vec<_> =
        all().flat_map(|page| page.samples()).filter(|sample| languages.contains(&sample.language.as_str())).collect();
    assert!(!samples.is_empty(), "the book has no sample in {languages:?}");
    samples
}
