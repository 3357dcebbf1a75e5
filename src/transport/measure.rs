//! What is counted of every request: how long it took, by route, and why it was refused.

use std::task::{Context, Poll};

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Layer, Service};

use crate::actors::{Moments, Watch};
use crate::metrics::{Metrics, OTHER_ROUTE};
use crate::traces::{Span, SpanName, Step, Traces};

/// Beside an answer that is a refusal: why. Whoever counts reads it there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(pub(super) &'static str);

/// Counts each request and its answer. The path itself is a stranger's word: only its route's template is told.
#[derive(Clone)]
pub(super) struct Counting(pub(super) Metrics);

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.0.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request> for Counted<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (began, metrics) = (Instant::now(), self.metrics.clone());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let counted = move |response: &Response| {
            let route = route.as_ref().map_or(OTHER_ROUTE, MatchedPath::as_str);
            metrics.http().answered(route, response.status().as_u16(), began.elapsed());
            if let Some(Refused(reason)) = response.extensions().get() {
                metrics.logins().refused(reason);
            }
        };
        let answered = self.inner.call(request);
        async move { answered.await.inspect(counted) }.boxed()
    }
}

/// The messages that `watch` handed out last have left for their browser.
pub(super) fn pushed(metrics: &Metrics, traces: &Traces, watch: &Watch) {
    let Some(Moments { scene, created, durable, callback }) = watch.moments() else { return };
    metrics.logins().pushed(durable.elapsed(), callback.map(|callback| callback.arrived.elapsed()));
    let parent = callback.map(|callback| SpanName(callback.name));
    let push = Span { created: Some(created), parent, ..Span::until_now(Step::Push, scene, "sent", *durable) };
    traces.ended(&push);
}
