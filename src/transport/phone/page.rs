use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::actors::{ConfirmStage, Confirmable};
use crate::clock::random_bytes;
use crate::config::{Client, Config, Language};

use super::super::language::language_of;

/// The page with what it says; escaping is askama's.
#[derive(Template)]
#[template(path = "phone/confirm.html")]
struct ConfirmPage<'a> {
    lang: &'static str,
    words: &'static Words,
    nonce: &'a str,
    site: Option<Site<'a>>,
    is_open: bool,
    numbers: Option<[u8; 3]>,
    outcome: &'static str,
}

struct Site<'a> {
    name: &'a str,
    host: Option<&'a str>,
}

struct Words {
    title: &'static str,
    website: &'static str,
    confirm: &'static str,
    pick: &'static str,
    deny: &'static str,
    confirmed: &'static str,
    denied: &'static str,
    over: &'static str,
}

static CHINESE: Words = Words {
    title: "是你本人在登录吗？",
    website: "网站",
    confirm: "确认登录",
    pick: "请选择网页上显示的数字",
    deny: "不是我",
    confirmed: "登录已确认，可以关闭这个页面了。",
    denied: "登录已取消，可以关闭这个页面了。",
    over: "这次登录已经失效。请在网页上刷新二维码，再扫一次。",
};

static ENGLISH: Words = Words {
    title: "Is this you logging in?",
    website: "Website",
    confirm: "Confirm login",
    pick: "Choose the number that the web page shows",
    deny: "This wasn't me",
    confirmed: "The login is confirmed. You can close this page.",
    denied: "The login was cancelled. You can close this page.",
    over: "This login is no longer valid. Refresh the QR code on the web page, and scan again.",
};

/// The page, and the Content-Security-Policy under which it works and nothing else does.
pub(super) fn render(config: &Config, confirmable: Option<&Confirmable>) -> (String, String) {
    let language = language_of(confirmable.and_then(|known| known.created.request.ui_locales.as_deref()));
    let words = match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    };
    let stage = confirmable.map_or(ConfirmStage::Over, |known| known.stage);
    let nonce = STANDARD.encode(random_bytes::<16>());
    let client = confirmable.and_then(|known| config.client(&known.created.client));
    let page = ConfirmPage {
        lang: match language {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        },
        words,
        nonce: &nonce,
        site: client.map(|client| Site { name: &client.name, host: host(client) }),
        is_open: stage == ConfirmStage::Open,
        numbers: confirmable.and_then(|known| known.numbers),
        outcome: match stage {
            ConfirmStage::Open => "",
            ConfirmStage::Confirmed => words.confirmed,
            ConfirmStage::Denied => words.denied,
            ConfirmStage::Over => words.over,
        },
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    (page.render().unwrap_or_default(), policy)
}

/// Where the website is, as far as its registration says.
fn host(client: &Client) -> Option<&str> {
    let registered = client.origins.first().map(|origin| origin.as_str());
    let url = registered.or(client.redirect_uris.first().map(|uri| uri.as_str()))?;
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}
