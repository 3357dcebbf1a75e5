use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};

use crate::actors::{ConfirmStage, Confirmable};
use crate::clock::random_bytes;
use crate::config::{Config, Language};
use crate::domain::Created;

use super::super::language::{language_of, language_of_browser, tag};
use super::facts::{Facts, Whereabouts};
use super::identity::Withheld;
use super::visit::Nobody;
use super::words::Words;

/// What there is to say.
pub(super) struct Told<'a> {
    pub(super) confirmable: &'a Confirmable,
    pub(super) facts: Facts,
    /// Why there are no controls, where there would be some.
    pub(super) withheld: Option<Withheld>,
}

/// What there is to say to who opened a link and did not scan by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// WeChat did not say who it is.
    Unknown,
    /// WeChat shows the page as a snapshot.
    Snapshot,
    /// Somebody else scanned before.
    Used,
    /// The login is over, or there never was one.
    Over,
}

/// The page with what it says; escaping is askama's.
#[derive(Template)]
#[template(path = "phone/confirm.html")]
struct ConfirmPage<'a> {
    lang: &'static str,
    words: &'static Words,
    nonce: &'a str,
    /// The question; later what has happened, or why nothing can.
    heading: &'static str,
    is_question: bool,
    /// The website's name and the rest, first what matters most.
    facts: Option<Shown<'a>>,
    /// What does not fit, in sentences.
    warnings: Vec<&'static str>,
    controls: Controls,
    numbers: Option<[u8; 3]>,
}

/// What can be pressed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Controls {
    None,
    /// Everything.
    Decide {
        /// With a second, deliberate step.
        twice: bool,
    },
    /// Only that it was somebody else.
    Report,
}

struct Shown<'a> {
    site: &'a str,
    host: Option<&'a str>,
    browser: &'a str,
    from: Option<Spot<'a>>,
    watched_from: Vec<Spot<'a>>,
    at: &'a str,
}

struct Spot<'a> {
    place: Option<&'a str>,
    address: String,
}

/// The page, and the Content-Security-Policy under which it works and nothing else does. It speaks as the login does, and
/// where there is none, as the browser that sent these headers.
pub(super) fn render(config: &Config, headers: &HeaderMap, told: Option<&Told<'_>>) -> (String, String) {
    let language = match told {
        Some(told) => language_of(told.confirmable.created.request.ui_locales.as_deref()),
        None => language_of_browser(headers),
    };
    let words = Words::of(language);
    let nonce = STANDARD.encode(random_bytes::<16>());
    let controls = told.map_or(Controls::None, controls);
    let is_question = matches!(controls, Controls::Decide { .. });
    let page = ConfirmPage {
        lang: tag(language),
        words,
        nonce: &nonce,
        is_question,
        facts: told.filter(|told| goes_on(told)).and_then(|told| shown(config, told, language, words)),
        warnings: told
            .filter(|told| is_question || told.withheld.is_some())
            .map(|told| warnings(&told.facts, words))
            .unwrap_or_default(),
        controls,
        numbers: told.and_then(|told| told.confirmable.numbers),
        heading: told.map_or(words.over, |told| heading(told, words)),
    };
    (page.render().unwrap_or_default(), policy(&nonce))
}

/// The page that only says why nothing comes of a link, in the language of the session that it was for; and its policy.
pub(super) fn notice(created: Option<&Created>, notice: Notice) -> (String, String) {
    let language = language_of(created.and_then(|created| created.request.ui_locales.as_deref()));
    let words = Words::of(language);
    said(
        language,
        match notice {
            Notice::Unknown => words.stranger,
            Notice::Snapshot => words.snapshot,
            Notice::Used => words.used,
            Notice::Over => words.over,
        },
    )
}

/// The page of a request that is refused.
pub(super) fn refusal(status: StatusCode, language: Language) -> (String, String) {
    let words = Words::of(language);
    said(
        language,
        match status {
            StatusCode::FORBIDDEN => words.foreign,
            StatusCode::TOO_MANY_REQUESTS => words.too_often,
            StatusCode::SERVICE_UNAVAILABLE => words.unavailable,
            StatusCode::NOT_FOUND => words.over,
            _ => words.not_understood,
        },
    )
}

/// The page with one sentence.
fn said(language: Language, heading: &'static str) -> (String, String) {
    let nonce = STANDARD.encode(random_bytes::<16>());
    let page = ConfirmPage {
        lang: tag(language),
        words: Words::of(language),
        nonce: &nonce,
        facts: None,
        warnings: Vec::new(),
        controls: Controls::None,
        numbers: None,
        heading,
        is_question: false,
    };
    (page.render().unwrap_or_default(), policy(&nonce))
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Whether the facts matter still. Of what has ended they are nobody's business who finds the link later.
fn goes_on(told: &Told<'_>) -> bool {
    matches!(told.confirmable.stage, ConfirmStage::Open | ConfirmStage::Confirmed)
}

fn controls(told: &Told<'_>) -> Controls {
    match (told.confirmable.stage, told.withheld) {
        (ConfirmStage::Open, None) => Controls::Decide { twice: told.facts.is_far },
        (ConfirmStage::Confirmed, None) => Controls::Report,
        _ => Controls::None,
    }
}

fn heading(told: &Told<'_>, words: &Words) -> &'static str {
    match (told.confirmable.stage, told.withheld) {
        (ConfirmStage::Open, Some(Withheld::Nobody(Nobody::Unknown))) => words.unknown,
        (ConfirmStage::Open, Some(Withheld::Nobody(Nobody::Snapshot))) => words.snapshot,
        (ConfirmStage::Open, Some(Withheld::SomebodyElse)) => words.somebody_else,
        (ConfirmStage::Open, None) => words.title,
        (ConfirmStage::Confirmed, _) => words.confirmed,
        (ConfirmStage::Denied, _) => words.denied,
        (ConfirmStage::WrongNumber, _) => words.wrong_number,
        (ConfirmStage::Reported, _) => words.reported,
        (ConfirmStage::Over, _) => words.over,
    }
}

fn warnings(facts: &Facts, words: &Words) -> Vec<&'static str> {
    let far = facts.is_far.then_some(words.far);
    let watched = (!facts.watched_from.is_empty()).then_some(words.watched);
    far.into_iter().chain(watched).collect()
}

fn shown<'a>(config: &'a Config, told: &'a Told<'_>, language: Language, words: &'static Words) -> Option<Shown<'a>> {
    let facts = &told.facts;
    let spot = |from: &'a Whereabouts| Spot { place: from.place(language), address: from.address.to_string() };
    Some(Shown {
        site: &config.client(&told.confirmable.created.client)?.name,
        host: facts.host.as_deref(),
        browser: facts.browser.as_deref().unwrap_or(words.unknown_browser),
        from: facts.from.as_ref().map(spot),
        watched_from: facts.watched_from.iter().map(spot).collect(),
        at: &facts.at,
    })
}
