use http::{HeaderMap, header};

use crate::config::Language;

/// The language to speak to somebody whose page reads `ui_locales` (OpenID Connect Core §3.1.2.1: BCP 47 tags, best first);
/// Chinese where it says nothing that we know.
pub(super) fn language_of(ui_locales: Option<&str>) -> Language {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let tags = ui_locales.unwrap_or_default().split_ascii_whitespace();
    tags.map(primary)
        .find_map(|language| match language.as_str() {
            "zh" => Some(Language::Chinese),
            "en" => Some(Language::English),
            _ => None,
        })
        .unwrap_or(Language::Chinese)
}

/// Its tag (BCP 47), as pages name their language.
pub(super) fn tag(language: Language) -> &'static str {
    match language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    }
}

/// The same of what a browser says of itself (RFC 9110 §12.5.4), whose order is taken for its weights.
pub(super) fn language_of_browser(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tags: Vec<&str> = accepted.split(',').filter_map(|range| range.split(';').next()).map(str::trim).collect();
    language_of(Some(&tags.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_we_speak_is_taken() {
        for (locales, language) in [
            (None, Language::Chinese),
            (Some(""), Language::Chinese),
            (Some("en"), Language::English),
            (Some("fr-CA EN-us zh"), Language::English),
            (Some("zh-Hant-TW en"), Language::Chinese),
            (Some("de"), Language::Chinese),
        ] {
            assert_eq!(language_of(locales), language, "{locales:?}");
        }
    }
}
