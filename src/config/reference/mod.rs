//! Every key of a configuration in words: what it takes, what is in force without it, what it is for.
//!
//! From this are made the file to start from and the reference in both languages. That it is true is held by tests: no key is read
//! that is not described, none is described that is not read, and every default is the one in force.

mod account;
mod client;
mod conversation;
mod form;
mod journal;
mod listeners;
mod markdown;
mod template;

pub(super) use form::{Form, words};

/// A text in both languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub english: &'static str,
    pub chinese: &'static str,
}

/// A language of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceLanguage {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// A section of the file.
pub(super) struct SectionReference {
    /// As the readers call it: `account.replies`.
    pub kind: &'static str,
    /// As it is written: `[account.replies]`.
    pub header: &'static str,
    /// Whether a file to start from has it; otherwise it is there as a comment.
    pub is_shown: bool,
    pub about: Words,
    pub keys: &'static [Key],
}

/// A key of a section.
pub(super) struct Key {
    pub name: &'static str,
    pub form: Form,
    pub value: Value,
    pub about: Words,
}

/// What is in force where a key is not given, and how it is written; all in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// It must be given; so it may look.
    Required(&'static str),
    /// This is in force.
    Default(&'static str),
    /// Nothing is; so it may look.
    Example(&'static str),
}

impl Value {
    fn text(self) -> &'static str {
        match self {
            Self::Required(text) | Self::Default(text) | Self::Example(text) => text,
        }
    }
}

impl Words {
    fn of(self, language: ReferenceLanguage) -> &'static str {
        match language {
            ReferenceLanguage::English => self.english,
            ReferenceLanguage::Chinese => self.chinese,
        }
    }
}

const fn words_of(english: &'static str, chinese: &'static str) -> Words {
    Words { english, chinese }
}

const fn required(
    name: &'static str,
    form: Form,
    example: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> Key {
    Key { name, form, value: Value::Required(example), about: words_of(english, chinese) }
}

const fn default(
    name: &'static str,
    form: Form,
    value: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> Key {
    Key { name, form, value: Value::Default(value), about: words_of(english, chinese) }
}

const fn optional(
    name: &'static str,
    form: Form,
    example: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> Key {
    Key { name, form, value: Value::Example(example), about: words_of(english, chinese) }
}

/// All sections, in the order of the file.
pub(super) const SECTIONS: [&SectionReference; 14] = [
    &listeners::SERVER,
    &listeners::LIMITS,
    &listeners::ADMIN,
    &listeners::LOG,
    &journal::KEYS,
    &journal::STORE,
    &journal::SESSION,
    &account::ACCOUNT,
    &conversation::TEXTS_CHINESE,
    &conversation::TEXTS_ENGLISH,
    &conversation::REPLIES,
    &conversation::KEYWORD,
    &client::CLIENT,
    &client::SEED_PAGE,
];

/// A commented file to start from: every key with its default, and examples where something must be given. It is taken as it is,
/// and its secrets are warned of.
pub fn default_file(language: ReferenceLanguage) -> String {
    template::file(language)
}

/// The reference as Markdown.
pub fn reference(language: ReferenceLanguage) -> String {
    markdown::page(language)
}

/// What the secrets of [`default_file`] begin with.
const EXAMPLE: &str = "EXAMPLE";
/// The same in base64, behind what a webhook's secret begins with.
const EXAMPLE_OF_WEBHOOKS: &str = "whsec_RVhBTVBMRS";

/// Whether a secret is one that stands in [`default_file`], which everybody knows.
pub(super) fn is_example(secret: &str) -> bool {
    secret.starts_with(EXAMPLE) || secret.starts_with(EXAMPLE_OF_WEBHOOKS)
}

/// Whether a key of a section, or the `_file` beside a secret, is described.
pub(super) fn is_described(kind: &str, name: &str) -> bool {
    let is_it = |key: &Key| {
        key.name == name || key.form == Form::Secret && name.strip_suffix("_file").is_some_and(|name| key.name == name)
    };
    // Tables below a table are sections of their own.
    let is_section = SECTIONS.iter().any(|section| section.kind == format!("{kind}.{name}"));
    is_section || SECTIONS.iter().any(|section| section.kind == kind && section.keys.iter().any(is_it))
}

/// The sections that know a key of this name, in the order of the reference.
pub(super) fn sections_with(name: &str) -> Vec<&'static str> {
    let knowing = SECTIONS.iter().filter(|section| section.keys.iter().any(|key| key.name == name));
    knowing.map(|section| section.header).collect()
}

#[cfg(test)]
mod tests;
