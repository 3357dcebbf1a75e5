//! People read what these pages answer: a refusal is a page, too, in their browser's language.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use super::super::headers::of_page;
use super::super::language::language_of_browser;
use super::super::measure::Refused;
use super::page;

/// Says in words what would be said in JSON.
pub(super) async fn in_words(request: Request, next: Next) -> Response {
    let language = language_of_browser(request.headers());
    let response = next.run(request).await;
    if response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/problem+json") {
        return response;
    }
    let (html, policy) = page::refusal(response.status(), language);
    let mut page = (response.status(), of_page(policy), html).into_response();
    if let Some(refused) = response.extensions().get::<Refused>() {
        page.extensions_mut().insert(*refused);
    }
    if let Some(wait) = response.headers().get(RETRY_AFTER) {
        page.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    page
}
