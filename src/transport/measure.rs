//! What is counted of every request: how long it took, by route, and why it was refused.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::actors::{Moments, Watch};
use crate::metrics::{Metrics, OTHER_ROUTE};
use crate::traces::{Span, SpanName, Step, Traces};

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
pub(super) fn pushed(metrics: &Metrics, traces: &Traces, watch: &Watch) {
    let Some(Moments { scene, created, durable, callback }) = watch.moments() else { return };
    metrics.logins().pushed(durable.elapsed(), callback.map(|callback| callback.arrived.elapsed()));
    let parent = callback.map(|callback| SpanName(callback.name));
    let push = Span { created: Some(created), parent, ..Span::until_now(Step::Push, scene, "sent", *durable) };
    traces.ended(&push);
}
