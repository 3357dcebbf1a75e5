//! `/openapi.json`: what the public listener offers, for programs (OpenAPI 3.1).

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use super::site::Shared;

const DESCRIPTION: &str = include_str!("../../web/openapi/openapi.json");

/// The route below the public URL.
pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/openapi.json", get(openapi))
}

async fn openapi(State(site): State<Shared>) -> Response {
    // No character of a URL of ours is one that JSON escapes.
    let text = DESCRIPTION.replace("{public_url}", site.config.server.public_url.as_str());
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
