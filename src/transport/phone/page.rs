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

struct Words {
    title: &'static str,
    website: &'static str,
    browser: &'static str,
    unknown_browser: &'static str,
    from: &'static str,
    watched_from: &'static str,
    at: &'static str,
    zone: &'static str,
    warning: &'static str,
    far: &'static str,
    watched: &'static str,
    understood: &'static str,
    confirm: &'static str,
    pick: &'static str,
    deny: &'static str,
    not_me: &'static str,
    confirmed: &'static str,
    denied: &'static str,
    wrong_number: &'static str,
    reported: &'static str,
    over: &'static str,
    unknown: &'static str,
    somebody_else: &'static str,
    snapshot: &'static str,
    stranger: &'static str,
    used: &'static str,
    foreign: &'static str,
    too_often: &'static str,
    unavailable: &'static str,
    not_understood: &'static str,
}

static CHINESE: Words = Words {
    title: "是你本人在登录吗？",
    website: "网站",
    browser: "浏览器",
    unknown_browser: "未知",
    from: "地点",
    watched_from: "还显示在",
    at: "时间",
    zone: "北京时间",
    warning: "请注意",
    far: "要登录的电脑离你的手机很远。如果有人把二维码发给你，请不要确认。",
    watched: "二维码还显示在另一个网络地址。",
    understood: "我知道登录地点离我很远，仍要继续",
    confirm: "确认登录",
    pick: "请选择网页上显示的数字",
    deny: "取消登录",
    not_me: "不是我",
    confirmed: "登录已确认，可以关闭这个页面了。",
    denied: "登录已取消，可以关闭这个页面了。",
    wrong_number: "数字不对，登录已取消。可以关闭这个页面了。",
    reported: "这次登录已作废，并已告知网站。可以关闭这个页面了。",
    over: "这次登录已经失效。请在网页上刷新二维码，再扫一次。",
    unknown: "微信没有确认你是谁，所以这里不能操作。请回到微信对话，重新打开链接。",
    somebody_else: "只有扫码的人才能确认。请用扫码的微信打开这个链接，或者自己扫一次码。",
    snapshot: "微信正以快照方式显示这个页面。请点页面底部的“使用完整服务”，再打开一次链接。",
    stranger: "微信没有确认你是谁。请用微信再扫一次二维码，或者回到网页，重新打开链接。",
    used: "这个二维码已经被别人扫过了。请在网页上刷新二维码，再扫一次。",
    foreign: "这个请求不是从本页面发出的，已被拒绝。请在微信中直接打开链接。",
    too_often: "尝试太频繁了。请稍等几分钟，再打开链接。",
    unavailable: "暂时无法处理。请稍等片刻，再打开链接。",
    not_understood: "无法处理这个请求。请重新打开链接。",
};

static ENGLISH: Words = Words {
    title: "Is this you logging in?",
    website: "Website",
    browser: "Browser",
    unknown_browser: "Unknown",
    from: "Place",
    watched_from: "Also at",
    at: "Time",
    zone: "Beijing time",
    warning: "Please look twice",
    far: "This login comes from far away. If somebody sent you the QR code, do not confirm.",
    watched: "The QR code is also shown at another network address.",
    understood: "It is far away, but it is me",
    confirm: "Confirm login",
    pick: "Choose the number on the web page",
    deny: "Cancel",
    not_me: "This wasn't me",
    confirmed: "The login is confirmed. You can close this page.",
    denied: "The login was cancelled. You can close this page.",
    wrong_number: "That was not the number, so the login was cancelled. You can close this page.",
    reported: "This login is void, and the website is told. You can close this page.",
    over: "This login is no longer valid. Refresh the QR code on the web page, and scan again.",
    unknown: "WeChat did not tell who you are, so nothing can be done here. Go back to the conversation, and open the link again.",
    somebody_else: "Only who scanned can confirm. Open this link in the WeChat that scanned, or scan the code yourself.",
    snapshot: "WeChat shows this page as a snapshot. Choose full service at its bottom, and open the link again.",
    stranger: "WeChat did not tell who you are. Scan the QR code with WeChat again, or go back to the web page and open the link again.",
    used: "Somebody else has scanned this code. Refresh the QR code on the web page, and scan again.",
    foreign: "This request did not come from this page itself, so it was refused. Open the link itself, in WeChat.",
    too_often: "This was tried too often. Wait some minutes, and open the link again.",
    unavailable: "Nothing can be done at the moment. Wait a little, and open the link again.",
    not_understood: "This request was not understood. Open the link again.",
};

impl Words {
    fn of(language: Language) -> &'static Self {
        match language {
            Language::Chinese => &CHINESE,
            Language::English => &ENGLISH,
        }
    }
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
