//! The public listener's routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use http::{Method, Uri};

use super::measure::Counting;
use super::problem::Problem;
use super::site::{Shared, Site};
use super::{hosted, oauth, openapi, phone, seed_page, sessions, verify, wechat};

/// Most bytes of a body, where a route does not say otherwise.
const MAX_BODY: usize = 16 * 1024;

/// All routes; `mounts` beside them.
///
/// Where the public URL has a path, everything is served below it as well as without it: some proxies take the path away,
/// some do not. One operator has one proxy, so only one of the two has visitors.
pub fn router(site: Arc<Site>, mounts: Router) -> Router {
    let base = site.config.server.public_url.path().to_owned();
    let counting = Counting(site.metrics.clone());
    let mut router = routes("", &site);
    if !base.is_empty() {
        router = router.merge(routes(&base, &site));
    }
    router
        .with_state(site.clone())
        .fallback(async move |method: Method, uri: Uri| verify::file(&site, &method, uri.path()).await)
        .method_not_allowed_fallback(method_not_allowed)
        // At once, since each call of `layer` boxes all that is below it.
        .layer((counting.clone(), DefaultBodyLimit::max(MAX_BODY)))
        .merge(mounts.method_not_allowed_fallback(method_not_allowed).layer(counting))
}

fn routes(base: &str, site: &Arc<Site>) -> Router<Shared> {
    let api = Router::new()
        .merge(sessions::routes(site))
        .merge(wechat::callback::routes())
        .merge(oauth::routes())
        .merge(hosted::routes())
        .merge(openapi::routes())
        .merge(phone::routes());
    let api = if base.is_empty() { api } else { Router::new().nest(base, api) };
    let api = if base.is_empty() { api } else { api.merge(oauth::routes_at_the_root(base)) };
    api.merge(seed_page::routes(base, site))
}

async fn method_not_allowed() -> Response {
    Problem::method_not_allowed().into_response()
}
