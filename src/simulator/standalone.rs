//! The simulated WeChat by itself, for a daemon that runs elsewhere: WeChat's interface at the root, a page with two phones
//! at `/`, and below `/simulate` what the page and scripts drive it with.

mod control;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;

use super::demo::{STYLE, asset, guarded};
use super::{SimulatedAccount, SimulatedWeChat};
use crate::domain::{AppId, OpenId};
use control::Faults;

const INDEX: &str = include_str!("../../web/simulate/index.html");
const OWN_STYLE: &str = include_str!("../../web/simulate/simulate.css");
const SCRIPT: &str = include_str!("../../web/simulate/simulate.js");
const ICON: &str = include_str!("../../web/demo/icon.svg");

/// The two people, the same at each start, so that a daemon knows them again. Alice follows every account from the
/// beginning, Bob none.
const PEOPLE: [(&str, &str); 2] = [("alice", "oSimulated_Alice_00000000001"), ("bob", "oSimulated_Bob_0000000000002")];

/// A handle. Clone it freely.
#[derive(Clone)]
pub struct Standalone(Arc<Inner>);

struct Inner {
    wechat: SimulatedWeChat,
    /// Names and app ids; the first is meant where nobody says another.
    accounts: Vec<(String, AppId)>,
    faults: Mutex<Faults>,
}

impl std::fmt::Debug for Standalone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Standalone")
    }
}

impl Standalone {
    /// A WeChat with these accounts, by their names.
    pub fn new(accounts: Vec<(String, SimulatedAccount)>) -> Self {
        let names = accounts.iter().map(|(name, account)| (name.clone(), account.app_id.clone())).collect();
        let wechat = SimulatedWeChat::new(accounts.into_iter().map(|(_, account)| account).collect());
        let standalone = Self(Arc::new(Inner { wechat, accounts: names, faults: Mutex::default() }));
        for (name, openid) in people() {
            standalone.0.wechat.name_person(name, &openid);
        }
        for (_, app_id) in &standalone.0.accounts {
            if let Some((_, alice)) = people().next() {
                standalone.0.wechat.follow(app_id, &alice);
            }
        }
        standalone
    }

    /// Everything that is served.
    pub fn router(&self) -> Router {
        let page = Router::new()
            .route("/", get(async || asset("text/html; charset=utf-8", INDEX)))
            .route("/simulate/demo.css", get(async || asset("text/css; charset=utf-8", STYLE)))
            .route("/simulate/simulate.css", get(async || asset("text/css; charset=utf-8", OWN_STYLE)))
            .route("/simulate/simulate.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
            .route("/simulate/icon.svg", get(async || asset("image/svg+xml", ICON)))
            .merge(control::router(self))
            .layer(axum::middleware::map_response(guarded));
        self.0.wechat.router().merge(page)
    }
}

fn people() -> impl Iterator<Item = (&'static str, OpenId)> {
    PEOPLE.into_iter().filter_map(|(name, openid)| Some((name, OpenId::new(openid).ok()?)))
}

#[cfg(test)]
mod tests;
