//! `cgi-bin/token` and `cgi-bin/stable_token`: two kinds of access token that know nothing of each other.

use std::time::Duration;

use serde_json::json;

use super::{Answered, Ask, Refusal};
use crate::domain::{AppId, Timestamp};
use crate::simulator::wechat::faults::Call;
use crate::simulator::wechat::{Account, SimulatedWeChat, World, random_text};

/// How long an access token lives.
const LIFETIME: Duration = Duration::from_secs(7200);

/// In the last five minutes of a stable token the next one is handed out, and both work; and so long an ordinary one goes
/// on after the next was made.
const OVERLAP: Duration = Duration::from_secs(300);

/// Forced refreshes that come faster than this have no effect.
const FORCE_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct AccessToken {
    value: String,
    expires_at: Timestamp,
}

/// The tokens of an account that work, or have lately worked.
#[derive(Default)]
pub(in super::super) struct Tokens {
    /// The stable one that is handed out.
    stable: Option<AccessToken>,
    /// The one before it, which works until its own end.
    stable_before: Option<AccessToken>,
    forced_at: Option<Timestamp>,
    ordinary: Option<AccessToken>,
    ordinary_before: Option<AccessToken>,
}

pub(super) fn stable(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let request = ask.posted()?;
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let credentials = Credentials { grant_type: text("grant_type"), app_id: text("appid"), secret: text("secret") };
    let force = request["force_refresh"].as_bool().unwrap_or_default();
    wechat.grant(ask, &credentials, Call::StableToken, |tokens, now| tokens.stable(now, force))
}

pub(super) fn ordinary(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let credentials = Credentials {
        grant_type: ask.parameter("grant_type"),
        app_id: ask.parameter("appid"),
        secret: ask.parameter("secret"),
    };
    wechat.grant(ask, &credentials, Call::Token, Tokens::ordinary)
}

struct Credentials<'a> {
    grant_type: &'a str,
    app_id: &'a str,
    secret: &'a str,
}

impl SimulatedWeChat {
    fn grant(
        &self,
        ask: &Ask,
        credentials: &Credentials<'_>,
        call: Call,
        take: impl FnOnce(&mut Tokens, Timestamp) -> AccessToken,
    ) -> Answered {
        if credentials.grant_type != "client_credential" {
            return Err((40002, "invalid grant_type").into());
        }
        let now = self.now();
        let mut world = self.world();
        let account = world.authenticated(credentials.app_id, credentials.secret)?;
        account.check_whitelist(ask)?;
        account.spend(call, now)?;
        let token = take(&mut account.tokens, now);
        Ok(json!({"access_token": token.value, "expires_in": now.until(token.expires_at).as_secs()}))
    }

    /// Kills all access tokens, as somebody else's forced refresh would: the next call with one gets 40001.
    pub fn invalidate_tokens(&self) {
        for account in &mut self.world().accounts {
            account.tokens = Tokens::default();
        }
    }
}

impl World {
    /// The account whose id and secret these are.
    pub(in super::super) fn authenticated(&mut self, app_id: &str, secret: &str) -> Result<&mut Account, Refusal> {
        if app_id.is_empty() {
            return Err((41002, "appid missing").into());
        }
        if secret.is_empty() {
            return Err((41004, "appsecret missing").into());
        }
        let app_id = AppId::new(app_id).map_err(|_| (40013, "invalid appid"))?;
        let account = self.account(&app_id).ok_or((40013, "invalid appid"))?;
        if account.about.app_secret != secret {
            return Err((40125, "invalid appsecret").into());
        }
        if account.is_frozen {
            return Err((40243, "appsecret has been frozen").into());
        }
        Ok(account)
    }

    pub(super) fn owner_of(&self, token: &str, now: Timestamp) -> Result<AppId, Refusal> {
        if token.is_empty() {
            return Err((41001, "access_token missing").into());
        }
        let held = self.accounts.iter().find_map(|account| Some((account, account.tokens.find(token)?)));
        let (account, held) = held.ok_or((40001, "invalid credential, access_token is invalid or not latest"))?;
        if now >= held.expires_at {
            return Err((42001, "access_token expired").into());
        }
        Ok(account.about.app_id.clone())
    }
}

impl Account {
    fn check_whitelist(&self, ask: &Ask) -> Result<(), Refusal> {
        let ip = ask.caller;
        let is_listed = self.whitelist.as_ref().is_none_or(|whitelist| whitelist.contains(&ip));
        let mapped = if ip.is_ipv4() { format!("::ffff:{ip}") } else { ip.to_string() };
        if is_listed { Ok(()) } else { Err((40164, format!("invalid ip {ip} ipv6 {mapped}, not in whitelist")).into()) }
    }
}

impl Tokens {
    fn find(&self, value: &str) -> Option<&AccessToken> {
        let all = [&self.stable, &self.stable_before, &self.ordinary, &self.ordinary_before];
        all.into_iter().flatten().find(|token| token.value == value)
    }

    fn stable(&mut self, now: Timestamp, force: bool) -> AccessToken {
        let may_force = self.forced_at.is_none_or(|at| at.until(now) >= FORCE_INTERVAL);
        match &self.stable {
            Some(_) if force && may_force => {
                self.forced_at = Some(now);
                self.stable_before = None;
            }
            Some(token) if now.until(token.expires_at) > OVERLAP => return token.clone(),
            _ => self.stable_before = self.stable.take(),
        }
        self.stable.insert(AccessToken::new(now)).clone()
    }

    /// Every call makes a new one and ends the one before it.
    fn ordinary(&mut self, now: Timestamp) -> AccessToken {
        self.ordinary_before = self
            .ordinary
            .take()
            .map(|token| AccessToken { expires_at: token.expires_at.min(now.after(OVERLAP)), ..token });
        self.ordinary.insert(AccessToken::new(now)).clone()
    }
}

impl AccessToken {
    fn new(now: Timestamp) -> Self {
        Self { value: format!("72_{}", random_text::<96>()), expires_at: now.after(LIFETIME) }
    }
}
