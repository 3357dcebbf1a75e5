use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::written::Written;
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
    let in_force = |config| format!("{:?}", Config { written: Written::default(), ..config });
    assert_eq!(in_force(bare), in_force(spelt_out));
}

#[test]
fn whatever_is_shown_as_a_form_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("admin-token"), "a-token-of-22-characters-or-more").unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["login.example.com".to_owned()]).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), cert.pem()).unwrap();
    std::fs::write(folder.path().join("certificate.key"), signing_key.serialize_pem()).unwrap();
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
        [("en/configuration.md", ReferenceLanguage::English), ("zh/configuration.md", ReferenceLanguage::Chinese)]
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

/// What a key of this form does not take.
fn wrong(form: Form) -> &'static str {
    match form {
        Form::Address => "\"here\"",
        Form::Url => "\"nowhere\"",
        Form::Duration | Form::DurationOrOff => "\"5 m\"",
        Form::Rate => "\"600\"",
        Form::Number | Form::NumberOrOff => "\"many\"",
        Form::Boolean => "\"yes\"",
        Form::Path | Form::Text | Form::Secret => "\"\"",
        Form::List(_) => "[5]",
        Form::Word(_) | Form::WordOrUrl(_) => "\"nonsense\"",
    }
}

/// The file with everything in it that is a section, and in one of them a key as it is given here.
fn with(header: &str, name: &str, value: &str) -> String {
    let mut text = String::new();
    let mut section = SECTIONS[0];
    let mut is_set = false;
    for line in start().lines() {
        let plain = line.trim_start_matches('#');
        section = SECTIONS.into_iter().find(|section| section.header == plain).unwrap_or(section);
        let key = plain.split_once(" = ").map(|(key, _)| key).filter(|_| !line.starts_with("# "));
        let is_it =
            section.header == header && key.is_some_and(|key| key == name || name.strip_suffix("_file") == Some(key));
        let is_required =
            section.keys.iter().any(|known| Some(known.name) == key && matches!(known.value, Value::Required(_)));
        if is_it {
            text += &format!("{name} = {value}");
            is_set = true;
        } else {
            text += if plain == section.header || is_required { plain } else { line };
        }
        text += "\n";
    }
    assert!(is_set, "{header} {name}");
    text + "[[client]]\nclient_id = \"legacy\"\naccount = \"main\"\nclient_secret = \"s\"\nname = \"Legacy\"\nconfirm = \"tap\"\n"
}

/// That the faults name the key, with a value, a reason and a cure, and tell no secret.
fn assert_named(faults: &Faults, section: &SectionReference, name: &str) {
    let start = section.kind.split('.').next().unwrap();
    let named = faults.iter().find(|fault| fault.key.starts_with(start) && fault.key.ends_with(&format!(".{name}")));
    let named = named.unwrap_or_else(|| panic!("{} {name}: {faults}", section.header));
    let shown = named.to_string();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(named.value.is_some() && !named.complaint.cure.is_empty(), "{shown}");
    assert!(!shown.contains("is not a known key") && !shown.contains("EXAMPLE"), "{shown}");
}

#[test]
fn a_wrong_value_of_any_key_is_a_fault_that_names_it() {
    for section in SECTIONS {
        for key in section.keys {
            let faults = read(&with(section.header, key.name, wrong(key.form))).map(drop).expect_err(key.name);
            assert_named(&faults, section, key.name);
            if key.form == Form::Secret {
                let name = format!("{}_file", key.name);
                let faults = read(&with(section.header, &name, "\"/nowhere/secret\"")).map(drop).expect_err(&name);
                assert_named(&faults, section, &name);
                assert!(faults.to_string().contains("cannot be read (/nowhere/secret)"), "{faults}");
            }
        }
    }
}

#[test]
fn a_wrong_value_of_any_variable_is_a_fault_that_names_both() {
    let file = with("[seed_page]", "client_id", "\"legacy\"");
    for section in SECTIONS.into_iter().filter(|section| section.kind != "account.replies.keyword") {
        let start = match section.header {
            "[[account]]" => "ACCOUNT__MAIN".to_owned(),
            "[[client]]" => "CLIENT__SHOP".to_owned(),
            "[account.texts.zh-CN]" => "ACCOUNT__MAIN__TEXTS__ZH_CN".to_owned(),
            "[account.texts.en]" => "ACCOUNT__MAIN__TEXTS__EN".to_owned(),
            "[account.replies]" => "ACCOUNT__MAIN__REPLIES".to_owned(),
            _ => section.kind.to_uppercase(),
        };
        for key in section.keys {
            let variable = format!("SCAN_LOGIN__{start}__{}", key.name.to_uppercase());
            let value = wrong(key.form).trim_matches('"').to_owned();
            let env = [(variable.clone(), value)];
            let faults = Config::from_toml(&file, Path::new("/etc/scan-login"), env).map(drop).expect_err(&variable);
            assert_named(&faults, section, key.name);
            assert!(faults.to_string().lines().any(|line| line.starts_with(&format!("{variable}: "))), "{faults}");
        }
    }
}

#[test]
fn a_text_and_a_reply_can_be_set_from_the_environment() {
    let set = |name: &str, value: &str| (format!("SCAN_LOGIN__ACCOUNT__MAIN__{name}"), value.to_owned());
    let env =
        [set("TEXTS__ZH_CN__CONFIRMED", "好了"), set("TEXTS__EN__CONFIRMED", "Done"), set("REPLIES__DEFAULT", "Hello")];
    let read = Config::from_toml(&start(), Path::new(""), env);
    let conversation = &read.unwrap_or_else(|faults| panic!("{faults}")).0.accounts[0].conversation;
    assert_eq!((conversation.chinese.confirmed.as_str(), conversation.english.confirmed.as_str()), ("好了", "Done"));
    assert_eq!(conversation.replies.default.as_deref(), Some("Hello"));
}

#[test]
fn a_key_of_another_section_is_told_where_it_belongs() {
    let faults = read(&start().replace("[server]", "[server]\nttl = \"5m\"")).map(drop).unwrap_err().to_string();
    assert!(
        faults.contains("server.ttl is not a known key\n    it belongs into [session]; else remove it"),
        "{faults}"
    );
    let faults = read(&start().replace("[limits]", "[limits]\npath = \"x\"")).map(drop).unwrap_err().to_string();
    assert!(faults.contains("it belongs into [keys] or [store]; else remove it"), "{faults}");
    let text = start().replace("[[account]]", "[[account]]\nask_number = \"{facts}\"");
    let faults = read(&text).map(drop).unwrap_err().to_string();
    assert!(faults.contains("it belongs into [account.texts.zh-CN] or [account.texts.en]; else"), "{faults}");
}
