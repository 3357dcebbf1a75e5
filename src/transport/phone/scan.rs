//! Scanning by opening a link: `/l/{scene}`, in a QR code of a client with `qr = "link"`, and as `links.in_app` for visitors who
//! are inside WeChat already and cannot point its camera at their own screen.
//!
//! WeChat says by web OAuth (`visit`) who opens the page, in place of the callback of a QR code of its own, and the same rules
//! decide: the first scanner wins, and goes on to the page where the login is confirmed. The address holds the scene alone,
//! which is no secret. Asking for it changes nothing until WeChat has said who asks.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::super::extract::PathText;
use super::super::headers::of_page;
use super::super::problem::Problem;
use super::super::qr_codes::{Code, new_scene};
use super::super::site::{Shared, Site};
use super::super::unionids;
use super::super::wechat::api::WebUser;
use super::asked::Asked;
use super::page::{self, Notice};
use super::visit::{self, Nobody, Page, Scope, Visit};
use super::{identity, link, trip};
use crate::actors::{Linked, ScanError, Unavailable};
use crate::config::Account;
use crate::domain::{Confirmation, Created, QrCode, Refusal, SceneId};

fn path(scene: &SceneId) -> String {
    format!("/l/{scene}")
}

fn address(site: &Site, scene: &SceneId) -> String {
    // A scene id needs no escapes in a URL.
    [site.config.server.public_url.as_str(), &path(scene)].concat()
}

/// A QR code with a link, which needs no WeChat to be made and lives as long as its session.
pub(in crate::transport) fn link_code(site: &Site, account: &Account) -> Code {
    let scene = new_scene(&account.scene_prefix);
    let qr = QrCode { content: address(site, &scene), expires_at: site.clock.now().after(site.config.session.ttl) };
    Code { scene, qr }
}

/// The address by which somebody inside WeChat scans; `None` where it would lead nowhere.
pub(in crate::transport) fn in_app(site: &Site, scene: &SceneId, created: &Created) -> Option<String> {
    page_of(site, scene, created).map(|_| address(site, scene))
}

/// The page of a session, where it has one.
///
/// A page anywhere can make a phone open a link, so opening one must not be all that a login takes, unless the operator has put
/// the link into the QR code itself.
fn page_of<'a>(site: &'a Site, scene: &SceneId, created: &Created) -> Option<Page<'a>> {
    let account = site.config.account(&created.account)?;
    let scope = Scope::of(account)?;
    let is_safe = created.confirmation != Confirmation::Auto || created.qr.content == address(site, scene);
    is_safe.then(|| Page { account, path: path(scene), scope })
}

/// `GET /l/{scene}`.
pub(super) async fn open(
    State(site): State<Shared>,
    PathText(scene): PathText,
    asked: Asked,
) -> Result<Response, Problem> {
    let Ok(scene) = SceneId::new(scene) else { return Ok(tell(None, Notice::Over)) };
    let Some(Linked { created, is_over }) = site.logins.linked(&scene).await? else {
        return Ok(tell(None, Notice::Over));
    };
    let Some(page) = page_of(&site, &scene, &created) else { return Ok(tell(None, Notice::Over)) };
    // What is over is not worth a trip, nor a code.
    if is_over {
        return Ok(tell(Some(&created), Notice::Over));
    }
    match Visit::read(&site, &page, &asked).await? {
        Visit::Lead(response) => Ok(*response),
        Visit::Back(Err(Nobody::Unknown)) => Ok(tell(Some(&created), Notice::Unknown)),
        Visit::Back(Err(Nobody::Snapshot)) => Ok(tell(Some(&created), Notice::Snapshot)),
        Visit::Back(Ok(user)) => scan(&site, &scene, &created, &page, user).await,
    }
}

/// Lets who opened the page scan, and sends them on to where they confirm.
async fn scan(
    site: &Shared,
    scene: &SceneId,
    created: &Created,
    page: &Page<'_>,
    user: WebUser,
) -> Result<Response, Problem> {
    let account = page.account;
    if account.unionid && user.unionid.is_some() {
        site.unionids.learn(&account.name, &user.openid, user.unionid);
    }
    let scanner = unionids::scanner(site, account, scene, &user.openid).await;
    match site.logins.scan(scene, &account.name, scanner).await {
        Ok(scanned) => {
            let token = scanned.next.into_token();
            // WeChat has just said who it is: it need not be asked again there.
            let cookies = [identity::proof_cookie(site, &token), trip::end(site, page)];
            Ok(visit::redirect(&link(site, &token), cookies))
        }
        Err(ScanError::NoEffect { refusal, .. }) => {
            site.metrics.logins().scan_refused(&refusal);
            tracing::info!(%scene, ?refusal, "a link that was opened had no effect");
            let notice = if refusal == Refusal::OtherScanner { Notice::Used } else { Notice::Over };
            Ok(tell(Some(created), notice))
        }
        Err(ScanError::Unavailable) => Err(Unavailable.into()),
    }
}

fn tell(created: Option<&Created>, notice: Notice) -> Response {
    let status = if created.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let (html, policy) = page::notice(created, notice);
    (status, of_page(policy), html).into_response()
}
