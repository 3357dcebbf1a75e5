use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::clock::random_bytes;
use crate::config::Language;

use super::super::language::{language_of, language_of_browser};
use super::super::oauth::AuthorizationRequest;
use super::super::site::Site;

/// The page with its panel; escaping is askama's.
#[derive(Template)]
#[template(path = "login/page.html")]
struct LoginPage<'a> {
    lang: &'static str,
    nonce: &'a str,
    title: &'a str,
    /// What the page's script needs to know, as JSON. Nothing in it is secret.
    data: &'a str,
    style: &'static str,
    script: &'static str,
}

/// What can be said where nobody can be sent back.
#[derive(Template)]
#[template(path = "login/refusal.html")]
struct RefusalPage<'a> {
    lang: &'static str,
    nonce: &'a str,
    title: &'static str,
    what: &'static str,
    detail: &'static str,
    style: &'static str,
}

const STYLE: &str = include_str!("../../../web/login/page.css");
const SCRIPT: &str = concat!(
    "(function () {\n'use strict';\n",
    include_str!("../../../web/panel/texts.js"),
    include_str!("../../../web/panel/session.js"),
    include_str!("../../../web/panel/panel.js"),
    include_str!("../../../web/login/page.js"),
    "}());\n",
);

/// The page for a request that has been judged.
pub(super) fn login(site: &Site, headers: &HeaderMap, request: &AuthorizationRequest<'_>) -> Response {
    let language = match request.login.ui_locales.as_deref() {
        Some(locales) => language_of(Some(locales)),
        None => language_of_browser(headers),
    };
    let client = request.client;
    let redirect_uri = request.login.redirect_uri.as_deref().and_then(|uri| Url::parse(uri).ok());
    let host = redirect_uri.as_ref().and_then(Url::host_str).unwrap_or_default();
    let data = serde_json::json!({
        "session": site.config.server.public_url.join("login/session").path(),
        "request": request.encoded(),
        "name": client.name,
        "host": host,
        "lang": tag(language),
        "maxRenewals": site.config.session.max_renewals,
        "isPaused": !site.config.server.logins,
    });
    let nonce = STANDARD.encode(random_bytes::<16>());
    // JSON in a script element: the one thing that could end it must not stand in it.
    let data = data.to_string().replace('<', "\\u003c");
    let page = LoginPage {
        lang: tag(language),
        nonce: &nonce,
        title: &client.name,
        data: &data,
        style: STYLE,
        script: SCRIPT,
    };
    answer(StatusCode::OK, &nonce, page.render())
}

/// The page that says why nobody is sent anywhere.
pub(super) fn refusal(headers: &HeaderMap, detail: &'static str) -> Response {
    let language = language_of_browser(headers);
    let (title, what) = match language {
        Language::Chinese => ("无法登录", "这个登录链接有误。请回到网站重新登录，或把下面这句话告诉网站的开发者："),
        Language::English => (
            "This login cannot begin",
            "The link that led here is wrong. Go back to the website and try again, or tell its developers:",
        ),
    };
    let nonce = STANDARD.encode(random_bytes::<16>());
    let page = RefusalPage { lang: tag(language), nonce: &nonce, title, what, detail, style: STYLE };
    answer(StatusCode::BAD_REQUEST, &nonce, page.render())
}

fn tag(language: Language) -> &'static str {
    match language {
        Language::Chinese => "zh-CN",
        Language::English => "en",
    }
}

/// Under a policy by which the page works, and nothing else does. It speaks to its own origin only.
fn answer(status: StatusCode, nonce: &str, html: askama::Result<String>) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data: blob:; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::X_FRAME_OPTIONS, "DENY".to_owned()),
    ];
    (status, headers, html.unwrap_or_default()).into_response()
}
