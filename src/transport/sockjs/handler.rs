//! One request: which resource it asks for, whether it may, and what every answer of that resource bears.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use super::answer::{Common, PLAIN, answer, empty, method_not_allowed, no_cache, not_found, preflight};
use super::iframe::IframePage;
use super::info;
use super::route::{Route, Transport};
use super::table::Sessions;
use super::transports::{eventsource, htmlfile, jsonp, raw_websocket, stream, websocket, xhr, xhr_streaming};

/// What one router serves.
pub(super) struct Serving {
    pub(super) prefix: Box<str>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) iframe: Option<IframePage>,
}

impl Serving {
    /// Whether the options turn the resource off: it is then not found.
    fn is_off(&self, route: Route) -> bool {
        route.is_websocket() && !self.sessions.options.websocket || route == Route::Iframe && self.iframe.is_none()
    }
}

pub(super) async fn handle(State(serving): State<Arc<Serving>>, request: Request) -> Response {
    let uri = request.uri().clone();
    let route = uri.path().strip_prefix(&*serving.prefix).and_then(Route::of);
    let Some(route) = route.filter(|route| !serving.is_off(*route)) else { return not_found() };
    let common = Common::of(&serving.sessions.options, request.headers());
    let mut response = if !route.allows(request.method()) {
        method_not_allowed(route.methods())
    } else if request.method() == Method::OPTIONS {
        preflight(route.methods())
    } else if route.needs_origin() && !common.is_allowed() {
        // Browsers let every page send, and hold no WebSocket to CORS at all: the server has to look at the origin itself
        // (Fetch §3.2, RFC 6455 §10.2).
        empty(StatusCode::FORBIDDEN)
    } else {
        serve(&serving, route, request).await.unwrap_or_else(|refusal| refusal)
    };
    dress(&mut response, route, &common);
    response
}

async fn serve(serving: &Serving, route: Route<'_>, request: Request) -> Result<Response, Response> {
    let Serving { sessions, iframe, .. } = serving;
    let (parts, body) = request.into_parts();
    let (id, transport) = match route {
        Route::Greeting => return Ok(answer(StatusCode::OK, PLAIN, "Welcome to SockJS!\n")),
        Route::Info => return Ok(info::info(&sessions.options)),
        Route::Iframe => return iframe.as_ref().map(|page| page.serve(&parts.headers)).ok_or_else(not_found),
        Route::RawWebSocket => return Ok(raw_websocket::upgrade(sessions, parts)),
        Route::Session { id, transport } => (id, transport),
    };
    let form = match transport {
        Transport::WebSocket => return Ok(websocket::upgrade(sessions, parts)),
        Transport::Xhr => return xhr::receive(sessions, id, parts, body).await,
        Transport::XhrSend => return xhr::send(sessions, id, parts, body).await,
        Transport::Jsonp => return jsonp::receive(sessions, id, parts, body).await,
        Transport::JsonpSend => return jsonp::send(sessions, id, parts, body).await,
        Transport::XhrStreaming => xhr_streaming::form(),
        Transport::EventSource => eventsource::form(),
        Transport::HtmlFile => htmlfile::form(parts.uri.query()).map_err(IntoResponse::into_response)?,
    };
    Ok(stream::stream(sessions, id, parts, body, form).await)
}

/// What all answers of the resource bear, refusals too: a client of another origin must be able to read them.
fn dress(response: &mut Response, route: Route, common: &Common) {
    let (is_cached, has_cors, has_cookie) = match route {
        Route::Greeting | Route::Iframe => (true, false, false),
        Route::Info => (false, true, false),
        Route::RawWebSocket | Route::Session { transport: Transport::WebSocket, .. } => (false, false, false),
        Route::Session { transport: Transport::HtmlFile | Transport::Jsonp | Transport::JsonpSend, .. } => {
            (false, false, true)
        }
        Route::Session { .. } => (false, true, true),
    };
    if !is_cached {
        no_cache(response);
    }
    if has_cors {
        common.cors(response);
    }
    if has_cookie {
        common.cookie(response);
    }
}
