//! Both languages say the same, as far as that can be held by a program.

use std::collections::BTreeSet;

use crate::pages::{LANGUAGES, Page, Sample, contents, folder, pages, readmes};

/// The sample without what is said in words: its comments.
fn bare(sample: &Sample) -> Vec<String> {
    let marker = match sample.language.as_str() {
        "toml" | "sh" | "python" | "yaml" => "#",
        "js" | "php" | "java" => "//",
        _ => return sample.text.lines().map(str::to_owned).collect(),
    };
    let is_comment = |line: &str, at: usize| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let code = |line: &str| {
        let end = line.match_indices(marker).map(|(at, _)| at).find(|at| is_comment(line, *at));
        line[..end.unwrap_or(line.len())].trim_end().to_owned()
    };
    sample.text.lines().map(code).filter(|line| !line.is_empty()).collect()
}

fn headings(page: &Page) -> Vec<usize> {
    page.prose().iter().filter(|line| line.starts_with('#')).map(|line| line.find(' ').unwrap()).collect()
}

fn rows(page: &Page) -> usize {
    page.prose().iter().filter(|line| line.starts_with('|')).count()
}

/// Where a page leads, anchors aside, since they are made of headings, and whichever language it leads to.
fn targets(page: &Page) -> BTreeSet<String> {
    let text = page.prose().join(" ");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let file = |target: &str| target.split('#').next().unwrap().replace("docs/zh/", "docs/en/").replace(".zh-CN", "");
    targets.map(file).collect()
}

/// Each page with the same in the other language.
fn twins() -> impl Iterator<Item = (Page, Page)> {
    let [english, chinese] = readmes();
    pages("en").into_iter().zip(pages("zh")).chain([(english, chinese)])
}

#[test]
fn both_languages_have_the_same_pages_and_no_page_is_left_out() {
    assert_eq!(contents("en"), contents("zh"));
    for language in LANGUAGES {
        let listed: BTreeSet<String> = contents(language).into_iter().chain(["SUMMARY.md".to_owned()]).collect();
        let files = std::fs::read_dir(folder(language)).unwrap().map(|entry| entry.unwrap().file_name());
        let files = files.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
        assert_eq!(files.collect::<BTreeSet<_>>(), listed, "docs/{language}");
    }
}

#[test]
fn both_languages_have_the_same_samples_but_for_comments() {
    for (english, chinese) in twins() {
        let (ours, theirs) = (english.samples(), chinese.samples());
        assert_eq!(ours.len(), theirs.len(), "samples of {}", english.name);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours.language, theirs.language, "{} and {}", ours.place, theirs.place);
            assert_eq!(bare(ours), bare(theirs), "{} and {}", ours.place, theirs.place);
        }
    }
}

#[test]
fn both_languages_have_the_same_headings_tables_and_links() {
    for (english, chinese) in twins() {
        assert_eq!(headings(&english), headings(&chinese), "headings of {}", english.name);
        assert_eq!(rows(&english), rows(&chinese), "rows of tables in {}", english.name);
        assert_eq!(targets(&english), targets(&chinese), "links of {}", english.name);
    }
}
