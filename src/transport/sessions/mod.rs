//! The browsers' own interface: `/v1/sessions`.
//!
//! `create` begins a session; `poll`, `events` and `socket` tell its numbered messages in three ways, each from any
//! message on, so a lost connection loses nothing; `attached` is what they share, and `message` how a message is written.

mod attached;
mod begun;
mod create;
mod events;
mod message;
mod poll;
mod socket;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Method};

use super::cors;
use super::extract::{Query, Scene};
use super::picture;
use super::problem::Problem;
use super::site::Shared;

pub(super) use begun::Begun;

/// The routes below the public URL.
pub(super) fn routes(site: &Shared) -> Router<Shared> {
    let site = site.clone();
    let let_read = move |headers: HeaderMap, request: Request, next: Next| {
        let site = site.clone();
        async move { cors::let_read(next.run(request).await, &headers, &site.config) }
    };
    Router::new()
        .route("/v1/sessions/{scene}", get(poll::poll).delete(poll::give_up).options(preflight_of_session))
        .route("/v1/sessions/{scene}/events", get(events::events).options(preflight_of_events))
        .layer(middleware::from_fn(let_read))
        .route("/v1/sessions", post(create::create).options(preflight_of_creation))
        .route("/v1/sessions/{scene}/ws", get(socket::connect))
        .route("/v1/sessions/{scene}/qr.svg", get(svg))
        .route("/v1/sessions/{scene}/qr.png", get(png))
}

async fn preflight_of_creation(State(site): State<Shared>, headers: HeaderMap) -> Response {
    cors::preflight(&headers, &[Method::POST], &site.config)
}

async fn preflight_of_session(State(site): State<Shared>, headers: HeaderMap) -> Response {
    cors::preflight(&headers, &[Method::GET, Method::DELETE], &site.config)
}

async fn preflight_of_events(State(site): State<Shared>, headers: HeaderMap) -> Response {
    cors::preflight(&headers, &[Method::GET], &site.config)
}

async fn svg(State(site): State<Shared>, scene: Scene) -> Result<Response, Problem> {
    let svg = picture::svg(&qr_content(&site, &scene).await?).ok_or_else(Problem::not_found)?;
    Ok(picture::response("image/svg+xml", svg))
}

async fn png(State(site): State<Shared>, scene: Scene, query: Query) -> Result<Response, Problem> {
    let size = query.number("size", picture::DEFAULT_SIZE)?;
    if !picture::SIZES.contains(&size) {
        let detail = format!("size is {} to {} pixels", picture::SIZES.start(), picture::SIZES.end());
        return Err(Problem::bad_request("invalid_request", detail));
    }
    let png = picture::png(&qr_content(&site, &scene).await?, size).ok_or_else(Problem::not_found)?;
    Ok(picture::response("image/png", png))
}

async fn qr_content(site: &Shared, Scene(scene): &Scene) -> Result<String, Problem> {
    Ok(site.logins.qr_code(scene).await?.ok_or_else(Problem::not_found)?.content)
}
