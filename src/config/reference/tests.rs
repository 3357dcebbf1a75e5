use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::{Config, Faults, Warning};

const LANGUAGES: [ReferenceLanguage; 2] = [ReferenceLanguage::English, ReferenceLanguage::Chinese];

fn read(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
    Config::from_toml(text, Path::new("/etc/scan-login"), [])
}

fn start() -> String {
    default_file(ReferenceLanguage::English)
}

/// The file with every commented line of a key uncommented of which `wanted` says so.
fn uncommented(wanted: impl Fn(&Key) -> bool) -> String {
    let mut text = String::new();
    let mut section: Option<&SectionReference> = None;
    for line in start().lines() {
        section = SECTIONS.into_iter().find(|section| line.trim_start_matches('#') == section.header).or(section);
        let set = line.strip_prefix('#').filter(|line| !line.starts_with(' ')).and_then(|line| line.split_once(" = "));
        let key = set.and_then(|(name, _)| section?.keys.iter().find(|key| key.name == name));
        let is_wanted = section.is_some_and(|section| section.is_shown) && key.is_some_and(&wanted);
        text += if is_wanted { line.trim_start_matches('#') } else { line };
        text += "\n";
    }
    text
}

#[test]
fn the_file_to_start_from_is_taken_as_it_is_and_its_secrets_are_warned_of() {
    for language in LANGUAGES {
        let (config, warnings) = read(&default_file(language)).unwrap_or_else(|faults| panic!("{faults}"));
        let warned: BTreeSet<&str> = warnings.iter().map(|warning| warning.key.as_str()).collect();
        let secrets = [
            "account.main.app_secret",
            "account.main.encoding_aes_key",
            "account.main.token",
            "client.shop.client_secret",
        ];
        assert_eq!(warned, BTreeSet::from(secrets), "{warnings:?}");
        assert_eq!(config.example_secrets().into_iter().collect::<BTreeSet<_>>(), secrets.map(str::to_owned).into());
    }
}

#[test]
fn the_described_defaults_are_those_in_force() {
    let bare = read(&start()).unwrap().0;
    let all = uncommented(|key| matches!(key.value, Value::Default(_)));
    assert!(all.contains("\nttl = \"5m\"\n") && all.contains("\nconfirm = \"number\"\n"), "{all}");
    let spelt_out = read(&all).unwrap_or_else(|faults| panic!("{faults}")).0;
    assert_eq!(format!("{bare:?}"), format!("{spelt_out:?}"));
}

#[test]
fn whatever_is_shown_as_a_form_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("admin-token"), "a-token").unwrap();
    // Every line, also of the sections that are comments.
    let all: String = start()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|line| !line.starts_with(' ')).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let legacy = "[[client]]\nclient_id = \"legacy\"\nclient_secret = \"s\"\nname = \"Legacy\"\nconfirm = \"tap\"\npkce = \"optional\"\n";
    let read = Config::from_toml(&format!("{all}{legacy}"), folder.path(), []);
    let (config, _) = read.unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.seed_page.is_some() && config.clients[0].webhook_secret.is_some());
    assert_eq!(config.accounts[0].conversation.replies.keywords.len(), 1);
    assert_eq!(config.example_secrets().len(), 7, "{:?}", config.example_secrets());
}

#[test]
fn the_seed_pages_defaults_are_those_in_force() {
    let bare =
        format!("{}[seed_page]\nclient_id = \"shop\"\n", start().replace("#confirm = \"number\"", "confirm = \"tap\""));
    let keys = SECTIONS.iter().find(|section| section.kind == "seed_page").unwrap().keys;
    let set =
        |key: &Key| matches!(key.value, Value::Default(_)).then(|| format!("{} = {}\n", key.name, key.value.text()));
    let spelt_out = format!("{bare}{}", keys.iter().filter_map(set).collect::<String>());
    let seed_page = |text: &str| format!("{:?}", read(text).unwrap_or_else(|faults| panic!("{faults}")).0.seed_page);
    assert_eq!(seed_page(&bare), seed_page(&spelt_out));
}

#[test]
fn the_reference_that_is_checked_in_is_the_one_that_is_printed() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (file, language) in
        [("configuration.md", ReferenceLanguage::English), ("configuration.zh-CN.md", ReferenceLanguage::Chinese)]
    {
        let checked_in = std::fs::read_to_string(docs.join(file)).unwrap_or_default();
        assert!(
            checked_in == reference(language),
            "docs/{file} is not what `scan-login config reference` prints: write it anew"
        );
    }
}

#[test]
fn no_key_is_described_twice_and_none_without_a_word() {
    let mut met = BTreeSet::new();
    for section in SECTIONS {
        for key in section.keys {
            assert!(met.insert((section.header, key.name)), "{} {}", section.header, key.name);
            assert!(!key.about.english.is_empty() && !key.about.chinese.is_empty(), "{}", key.name);
        }
    }
}

#[test]
fn comments_fit_into_a_terminal() {
    for language in LANGUAGES {
        let file = default_file(language);
        let too_wide: Vec<&str> =
            file.lines().filter(|line| unicode_width::UnicodeWidthStr::width(*line) > 110).collect();
        assert!(too_wide.is_empty(), "{too_wide:#?}");
    }
}
