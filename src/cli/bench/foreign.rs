use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpStream;
use url::{Host, Url};

use super::super::simulate::{called, simulated};
use super::{BenchArgs, Failure};
use crate::bench::machine::Machine;
use crate::bench::target::{Ask, Credentials, Page, SceneSource, Target};
use crate::bench::{BenchError, Process};
use crate::config::{Client, Config, Confirm, Qr, Scope, SeedBind, SeedMessage};

/// A daemon that runs already.
pub(super) struct Foreign {
    pub(super) target: Target,
    pub(super) is_with_id_token: bool,
    pub(super) machine: Machine,
}

impl Foreign {
    /// The daemon of the configuration at `path`.
    pub(super) async fn find(path: &Path, args: &BenchArgs) -> Result<Self, Failure> {
        // What the warnings are about is the daemon's business.
        let Some((config, _)) = super::super::load(path) else { return Err(Failure::Told) };
        let mut target = target(&config, args.at)?;
        TcpStream::connect(target.address).await.map_err(|error| {
            let what = format!("nobody listens on {}: {error}", target.address);
            unfit(what, format!("start it: scan-login --config {} serve; or say where it is with --at", path.display()))
        })?;
        target.process = args.pid.map(|id| Process { id });
        if let Some(process) = target.process {
            process.resident_bytes().and_then(|_| process.cpu()).map_err(|error| {
                let cure = "give the daemon's process id, as a user who may look at it";
                unfit(format!("process {} cannot be looked at: {error}", process.id), cure)
            })?;
            // What may not be looked at is believed.
            if process.listens_on(target.address.port()).is_ok_and(|listens| !listens) {
                let what = format!("process {} does not listen on {}", process.id, target.address);
                let cure =
                    "give the daemon's own process id, not that of a shell, of sudo or of a proxy in front of it";
                return Err(unfit(what, cure).into());
            }
        }
        Ok(Self {
            target,
            is_with_id_token: driven(&config)?.scopes.contains(&Scope::Openid),
            machine: Machine::this(),
        })
    }
}

fn target(config: &Config, at: Option<SocketAddr>) -> Result<Target, BenchError> {
    if config.server.tls.is_some() {
        let cure = "measure it without tls_certificate_file: TLS costs a handshake a connection more";
        return Err(unfit("the daemon speaks TLS, and this does not", cure));
    }
    let client = driven(config)?;
    let account = config.client_account(client);
    let api = account.api_base.join("");
    if is_wechats(&api) {
        let what =
            format!("account {}: the daemon asks WeChat itself for QR codes, of which a day has few", account.name);
        return Err(unfit(what, "let api_base lead to `scan-login simulate`"));
    }
    let public_url = config.server.public_url.join("");
    Ok(Target {
        address: at.unwrap_or_else(|| called(config.server.listen)),
        host: authority(&public_url),
        base: config.server.public_url.path().to_owned(),
        account: simulated(config, account),
        website: credentials(client),
        page: page(config),
        process: None,
    })
}

/// Whose logins end without a person who confirms.
fn driven(config: &Config) -> Result<&Client, BenchError> {
    let client = config.clients.iter().find(|client| client.confirm == Confirm::Auto && client.qr == Qr::Scene);
    client.ok_or_else(|| {
        let cure = "give one [[client]] confirm = \"auto\", in a configuration for measuring";
        unfit("every client's logins wait for a person who confirms", cure)
    })
}

/// The original page, where its logins can be followed to their end.
fn page(config: &Config) -> Option<Page> {
    let seed_page = config.seed_page.as_ref()?;
    if seed_page.confirm != Confirm::Auto
        || seed_page.message != SeedMessage::Code
        || seed_page.bind != SeedBind::Address
    {
        return None;
    }
    // The page asks for nothing but its QR code.
    let website = Credentials { ask: Ask::default(), ..credentials(config.client(&seed_page.client_id)?) };
    Some(Page { website, scenes: SceneSource::Journal(config.admin.socket.clone()) })
}

fn credentials(client: &Client) -> Credentials {
    Credentials {
        client_id: client.client_id.to_string(),
        client_secret: client.client_secret.clone(),
        origin: client.origins.first().cloned(),
        ask: Ask { scope: None, redirect_uri: client.redirect_uris.first().cloned(), is_with_pkce: true },
    }
}

/// Whether calls go to Tencent's own machines.
fn is_wechats(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(domain)) if domain == "qq.com" || domain.ends_with(".qq.com"))
}

/// `Host`, as a browser sends it.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn unfit(what: impl Into<String>, cure: impl Into<String>) -> BenchError {
    BenchError::Unfit { what: what.into(), cure: cure.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(server: &str, account: &str, client: &str) -> Config {
        let text = format!(
            r#"
            [server]
            public_url = "https://login.example.com/base"
            {server}
            [[account]]
            name = "main"
            app_id = "wx1"
            app_secret = "secret"
            token = "AAAAA"
            encoding_aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
            {account}
            [[client]]
            client_id = "shop"
            client_secret = "shop-secret"
            name = "Shop"
            origins = ["https://shop.example.com"]
            {client}
            "#
        );
        Config::from_toml(&text, Path::new("/data"), []).unwrap().0
    }

    const SIMULATED: &str = "api_base = \"http://127.0.0.1:8090\"";
    const AUTO: &str = "confirm = \"auto\"";

    #[test]
    fn a_daemon_behind_a_proxy_is_driven_at_its_listener_under_its_own_name() {
        let target = target(&config("listen = \"0.0.0.0:8080\"", SIMULATED, AUTO), None).unwrap();
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!((&*target.host, &*target.base), ("login.example.com", "/base"));
        assert_eq!(target.account.callback_url.path(), "/base/wechat/main");
        assert_eq!(target.website.origin.as_deref(), Some("https://shop.example.com"));
    }

    #[test]
    fn what_cannot_be_driven_is_refused_with_its_cure() {
        let cure = |account, client| target(&config("", account, client), None).unwrap_err().cure().to_owned();
        assert!(cure(SIMULATED, "confirm = \"tap\"").contains("confirm = \"auto\""));
        assert!(cure("", AUTO).contains("scan-login simulate"), "the real WeChat's quota is not for measuring");
    }

    #[test]
    fn the_original_page_is_driven_where_its_logins_come_to_a_code() {
        let page = |more| page(&config("", SIMULATED, &format!("{AUTO}\n[seed_page]\nclient_id = \"shop\"\n{more}")));
        assert!(page(AUTO).is_some());
        assert!(page("confirm = \"tap\"").is_none());
        assert!(page("confirm = \"auto\"\nmessage = \"openid\"").is_none());
        assert!(page("confirm = \"auto\"\nbind = \"cookie\"").is_none());
    }
}
