use askama::Template;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::clock::random_bytes;
use crate::config::Language;

use super::super::headers::of_page;
use super::super::language::{language_of, language_of_browser, tag};
use super::super::measure::Refused;
use super::super::oauth::AuthorizationRequest;
use super::super::site::Site;
use super::scripts;

/// The page with its panel; escaping is askama's.
#[derive(Template)]
#[template(path = "login/page.html")]
struct LoginPage<'a> {
    lang: &'static str,
    nonce: &'a str,
    title: &'a str,
    /// The website's name, and the host that its visitors come back to.
    name: &'a str,
    host: &'a str,
    noscript: &'static str,
    /// What the page's script needs to know, as JSON. Nothing in it is secret.
    data: &'a str,
    style: &'a str,
    script: &'a str,
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
    style: &'a str,
}

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
        "lang": tag(language),
        "maxRenewals": site.config.session.max_renewals,
    });
    let (title, noscript) = match language {
        Language::Chinese => {
            (format!("登录 {}", client.name), "这个登录页面需要 JavaScript。请在浏览器设置中允许它，然后重新加载本页。")
        }
        Language::English => (
            format!("Log in to {}", client.name),
            "This login page needs JavaScript. Allow it in your browser's settings, then load the page again.",
        ),
    };
    let nonce = STANDARD.encode(random_bytes::<16>());
    // JSON in a script element: the one thing that could end it must not stand in it.
    let data = data.to_string().replace('<', "\\u003c");
    let page = LoginPage {
        lang: tag(language),
        nonce: &nonce,
        title: &title,
        name: &client.name,
        host,
        noscript,
        data: &data,
        style: &scripts::PAGE_STYLE,
        script: &scripts::PAGE,
    };
    answer(StatusCode::OK, &nonce, &sockets_origin(site), page.render())
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
    let page = RefusalPage { lang: tag(language), nonce: &nonce, title, what, detail, style: &scripts::PAGE_STYLE };
    let mut answer = answer(StatusCode::BAD_REQUEST, &nonce, "", page.render());
    answer.extensions_mut().insert(Refused("invalid_login_link"));
    answer
}

/// Where WebSockets of ours are: not every browser takes `'self'` for them, too (CSP Level 3 §6.7.2.8).
fn sockets_origin(site: &Site) -> String {
    site.config.server.public_url.origin().replacen("http", "ws", 1)
}

/// Under a policy by which the page works, and nothing else does. It speaks to its own origin only.
fn answer(status: StatusCode, nonce: &str, sockets: &str, html: askama::Result<String>) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; \
         connect-src 'self' {sockets}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    let framed = [(header::X_FRAME_OPTIONS, "DENY")];
    (status, of_page(policy), framed, html.unwrap_or_default()).into_response()
}
