//! What is counted of every request: how long it took, by route, and why it was refused.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::actors::Watch;
use crate::metrics::{Metrics, OTHER_ROUTE};

/// Beside an answer that is a refusal: why. Whoever counts reads it there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(pub(super) &'static str);

/// Counts a request and its answer. The path itself is a stranger's word: only its route's template is told.
pub(super) async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(OTHER_ROUTE, MatchedPath::as_str);
    metrics.http().answered(route, response.status().as_u16(), began.elapsed());
    if let Some(Refused(reason)) = response.extensions().get() {
        metrics.logins().refused(reason);
    }
    response
}

/// The messages that `watch` handed out last have left for their browser.
pub(super) fn pushed(metrics: &Metrics, watch: &Watch) {
    if let Some(moments) = watch.moments() {
        metrics.logins().pushed(moments.durable.elapsed(), moments.callback.map(|arrived| arrived.elapsed()));
    }
}
