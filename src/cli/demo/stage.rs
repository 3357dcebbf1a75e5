use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tokio::net::TcpListener;
use url::Url;

use super::super::Exit;
use super::Failure;
use super::daemon::{Life, outliving};
use crate::app::Listeners;
use crate::clock::{Clock, random_bytes};
use crate::config::Config;
use crate::domain::AppId;
use crate::simulator::{
    Hooks, Phones, RelyingParty, RelyingPartySettings, SimulatedAccount, SimulatedEncryption, SimulatedWeChat, Tape,
    Website, WebsiteSettings, demo,
};

const ACCOUNT: &str = "demo";
const APP_ID: &str = "wx0123456789abcdef";
const CLIENT: &str = "shop";
/// The shop once more, for logins that are confirmed on the phone.
const CONFIRMING_CLIENT: &str = "shop-tap";
/// And for those that are confirmed in the conversation.
const CHAT_CLIENT: &str = "shop-chat";

/// A website with the widget, one that sends its visitors to the login page, and the original page.
const WIDGET_CLIENT: &str = "shop-widget";
const OIDC_CLIENT: &str = "shop-oidc";
const ORIGINAL_CLIENT: &str = "legacy";

/// The demo, built and bound, not yet running.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) listeners: Listeners,
    /// What stands beside the daemon's own routes.
    pub(super) mounts: Router,
    pub(super) public_url: Url,
    pub(super) website: Website,
    pub(super) phones: Phones,
    pub(super) tape: Tape,
    pub(super) life: Life,
}

/// Made anew at each start: nobody else needs to know them.
struct Secrets {
    app_secret: String,
    callback_token: String,
    encoding_aes_key: String,
    client_secret: String,
    confirming_secret: String,
    chat_secret: String,
    widget_secret: String,
    oidc_secret: String,
    original_secret: String,
    webhook_secret: String,
}

impl Secrets {
    fn random() -> Self {
        Self {
            app_secret: random_text(),
            callback_token: u64::from_be_bytes(random_bytes()).to_string(),
            // 43 letters and digits, as WeChat's console makes them.
            encoding_aes_key: STANDARD_NO_PAD.encode(random_bytes::<32>()).replace(['+', '/'], "x"),
            client_secret: random_text(),
            confirming_secret: random_text(),
            chat_secret: random_text(),
            widget_secret: random_text(),
            oidc_secret: random_text(),
            original_secret: random_text(),
            webhook_secret: format!("whsec_{}", STANDARD.encode(random_bytes::<32>())),
        }
    }
}

impl Stage {
    /// Binds the ports and writes what an operator would have written.
    pub(super) async fn build(listen: SocketAddr, data: &Path) -> Result<Self, Failure> {
        if !listen.ip().is_loopback() && !listen.ip().is_unspecified() {
            let what = format!("{listen} is beyond this machine, and the demo guards nothing");
            let cure = "listen on 127.0.0.1, or on 0.0.0.0 inside a container".into();
            return Err(Failure { exit: Exit::Usage, what, cure });
        }
        let data = make_folder(data)?;
        let public = bind(listen).await?;
        let admin = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let local = public.local_addr().map_err(|error| unusable(listen, &error))?;
        let base = format!("http://{}", SocketAddr::new(called(local.ip()), local.port()));

        let secrets = Secrets::random();
        let (config, _) = Config::from_toml(&configuration(&base, &secrets), &data, [])
            .map_err(|faults| Failure::new(faults.to_string(), "choose other values for --listen and --data"))?;
        let public_url = config.server.public_url.join("/");
        let wechat = simulated_wechat(&config, &secrets)?;
        let phones = Phones::new(wechat.clone(), &app_id()?, public_url.clone());
        let website = |client_id: &str, client_secret| {
            let token_url = config.server.public_url.join("/oauth/token");
            Website::new(WebsiteSettings { client_id: client_id.into(), client_secret, token_url })
        };
        let confirming = website(CONFIRMING_CLIENT, secrets.confirming_secret);
        let chat = website(CHAT_CLIENT, secrets.chat_secret);
        let original = website(ORIGINAL_CLIENT, secrets.original_secret);
        let website = website(CLIENT, secrets.client_secret);
        let party = |client_id: &str, client_secret, callback: &str| {
            RelyingParty::new(RelyingPartySettings {
                issuer: config.server.public_url.as_str().to_owned(),
                client_id: client_id.into(),
                client_secret,
                redirect_uri: config.server.public_url.join(callback),
            })
        };
        let widget = party(WIDGET_CLIENT, secrets.widget_secret, "/demo/widget/callback");
        let oidc = party(OIDC_CLIENT, secrets.oidc_secret, "/demo/oidc/callback");
        let tape = Tape::new(config.admin.socket.clone(), wechat.clone());
        let hooks = Hooks::new(&secrets.webhook_secret, Clock::system());
        let websites = [&website, &confirming, &chat, &original];
        let life = Life::default();
        let mounts = demo::router(public_url.clone(), websites, [&widget, &oidc], &hooks, &phones, &tape)
            .merge(life.router())
            .nest("/demo/wechat", wechat.router());
        let (mounts, listeners) = (outliving(mounts), Listeners { public, admin });
        Ok(Self { config, listeners, mounts, public_url, website, phones, tape, life })
    }
}

/// The scan itself confirms, so that one press shows a whole login; and the shop twice more, whose visitors confirm on a page or
/// in the conversation. In safe mode, where WeChat's word is signed, the link or the question stands in the reply to the scan.
fn configuration(base: &str, secrets: &Secrets) -> String {
    let Secrets { app_secret, callback_token, encoding_aes_key, client_secret, confirming_secret, .. } = secrets;
    let Secrets { chat_secret, widget_secret, oidc_secret, original_secret, webhook_secret, .. } = secrets;
    format!(
        r#"
        [server]
        public_url = "{base}"
        [admin]
        listen = "127.0.0.1:0"
        socket = "admin.sock"
        [keys]
        path = "keys"
        [store]
        path = "journal"
        lock_wait = "1s"
        [[account]]
        name = "{ACCOUNT}"
        app_id = "{APP_ID}"
        app_secret = "{app_secret}"
        token = "{callback_token}"
        encoding_aes_key = "{encoding_aes_key}"
        api_base = "{base}/demo/wechat"
        [[client]]
        client_id = "{CLIENT}"
        client_secret = "{client_secret}"
        name = "Example Shop"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "auto"
        webhook_url = "{base}/demo/hooks"
        webhook_secret = "{webhook_secret}"
        [[client]]
        client_id = "{CONFIRMING_CLIENT}"
        client_secret = "{confirming_secret}"
        name = "Example Shop"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "tap"
        webhook_url = "{base}/demo/hooks"
        webhook_secret = "{webhook_secret}"
        [[client]]
        client_id = "{CHAT_CLIENT}"
        client_secret = "{chat_secret}"
        name = "Example Shop"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "number"
        confirm_via = "chat"
        webhook_url = "{base}/demo/hooks"
        webhook_secret = "{webhook_secret}"
        [[client]]
        client_id = "{WIDGET_CLIENT}"
        client_secret = "{widget_secret}"
        name = "Website with the widget"
        origins = ["{base}"]
        redirect_uris = ["{base}/demo/widget/callback"]
        confirm = "auto"
        [[client]]
        client_id = "{OIDC_CLIENT}"
        client_secret = "{oidc_secret}"
        name = "Website with OpenID Connect"
        redirect_uris = ["{base}/demo/oidc/callback"]
        confirm = "auto"
        [[client]]
        client_id = "{ORIGINAL_CLIENT}"
        client_secret = "{original_secret}"
        name = "The original page"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "auto"
        pkce = "optional"
        [seed_page]
        client_id = "{ORIGINAL_CLIENT}"
        confirm = "auto"
        "#
    )
}

fn simulated_wechat(config: &Config, secrets: &Secrets) -> Result<SimulatedWeChat, Failure> {
    let callback_url = config.server.public_url.join(&format!("/wechat/{ACCOUNT}"));
    let account = SimulatedAccount {
        app_secret: secrets.app_secret.clone(),
        token: secrets.callback_token.clone(),
        encryption: SimulatedEncryption::Safe,
        encoding_aes_key: Some(secrets.encoding_aes_key.clone()),
        ..SimulatedAccount::new(app_id()?, callback_url)
    };
    Ok(SimulatedWeChat::new(vec![account]))
}

fn app_id() -> Result<AppId, Failure> {
    AppId::new(APP_ID).map_err(|error| Failure::new(error.to_string(), "report this"))
}

fn make_folder(data: &Path) -> Result<std::path::PathBuf, Failure> {
    std::fs::create_dir_all(data)
        .and_then(|()| data.canonicalize())
        .map_err(|error| Failure::new(format!("{}: {error}", data.display()), "name another folder with --data DIR"))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| unusable(address, &error))
}

fn unusable(address: SocketAddr, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => format!("{address} is taken by another program"),
        _ => format!("{address} cannot be listened on: {error}"),
    };
    Failure::new(what, "let the system choose a port: scan-login demo --listen 127.0.0.1:0")
}

/// How a browser on this machine reaches an address that is listened on.
fn called(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<24>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_valid_and_stays_in_its_folder() {
        let text = configuration("http://127.0.0.1:8080", &Secrets::random());
        let (config, _) = Config::from_toml(&text, Path::new("/data"), []).unwrap();
        assert_eq!(config.store.path, Path::new("/data/journal"));
        assert_eq!(config.keys.path, Path::new("/data/keys"));
        assert_eq!(config.admin.socket, Path::new("/data/admin.sock"));
        assert_eq!(config.accounts[0].api_base.as_str(), "http://127.0.0.1:8080/demo/wechat");
    }

    #[test]
    fn every_address_on_this_machine_makes_a_valid_one_for_browsers() {
        for (listens, browser) in
            [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")]
        {
            let ip = called(listens.parse().unwrap());
            assert_eq!(ip, browser.parse::<IpAddr>().unwrap());
            let base = format!("http://{}", SocketAddr::new(ip, 8080));
            let config = Config::from_toml(&configuration(&base, &Secrets::random()), Path::new("/data"), []);
            assert!(config.is_ok(), "{base}: {config:?}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let failure = Stage::build(taken.local_addr().unwrap(), folder.path()).await.err().unwrap();
        assert!(failure.what.ends_with("is taken by another program"), "{failure:?}");
        assert!(failure.cure.contains("--listen 127.0.0.1:0"), "{failure:?}");
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[tokio::test]
    async fn the_demo_does_not_listen_to_other_machines() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Stage::build("192.0.2.1:8080".parse().unwrap(), folder.path()).await.err().unwrap();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
