use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use crate::config::Language;

use super::super::super::headers::of_page;
use super::super::super::language::{language_of_browser, tag};

/// Nothing but our own files, and nothing inline. Who frames the page, or is framed, gets nothing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The page before its script has filled it; escaping is askama's.
#[derive(Template)]
#[template(path = "dashboard/page.html")]
struct DashboardPage {
    lang: &'static str,
    noscript: &'static str,
}

/// `GET /`.
pub(super) async fn page(headers: HeaderMap) -> Response {
    let language = language_of_browser(&headers);
    let noscript = match language {
        Language::Chinese => "这个页面需要 JavaScript。同样的数据也在 /metrics 上。",
        Language::English => "This page needs JavaScript. The same figures are at /metrics.",
    };
    let page = DashboardPage { lang: tag(language), noscript };
    let framed = [(header::X_FRAME_OPTIONS, "DENY")];
    (of_page(POLICY.to_owned()), framed, page.render().unwrap_or_default()).into_response()
}
