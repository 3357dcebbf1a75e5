use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;
use url::Url;

use super::super::Exit;
use super::Failure;
use crate::app::Listeners;
use crate::clock::random_bytes;
use crate::config::Config;
use crate::domain::AppId;
use crate::simulator::{Phones, SimulatedAccount, SimulatedWeChat, Tape, Website, WebsiteSettings, demo};

const ACCOUNT: &str = "demo";
const APP_ID: &str = "wx0123456789abcdef";
const CLIENT: &str = "shop";

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
}

/// Made anew at each start: nobody else needs to know them.
struct Secrets {
    app_secret: String,
    callback_token: String,
    client_secret: String,
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

        let secrets = Secrets {
            app_secret: random_text(),
            callback_token: u64::from_be_bytes(random_bytes()).to_string(),
            client_secret: random_text(),
        };
        let (config, _) = Config::from_toml(&configuration(&base, &secrets), &data, [])
            .map_err(|faults| Failure::new(faults.to_string(), "choose other values for --listen and --data"))?;
        let public_url = config.server.public_url.join("/");
        let wechat = simulated_wechat(&config, secrets.callback_token, secrets.app_secret)?;
        let phones = Phones::new(wechat.clone(), &app_id()?);
        let website = Website::new(WebsiteSettings {
            client_id: CLIENT.into(),
            client_secret: secrets.client_secret,
            token_url: config.server.public_url.join("/oauth/token"),
        });
        let tape = Tape::new(config.admin.socket.clone(), wechat.clone());
        let mounts = demo::router(public_url.clone(), &website, &phones, &tape).nest("/demo/wechat", wechat.router());
        Ok(Self { config, listeners: Listeners { public, admin }, mounts, public_url, website, phones, tape })
    }
}

/// The scan itself confirms, so that one press shows a whole login.
fn configuration(base: &str, secrets: &Secrets) -> String {
    let Secrets { app_secret, callback_token, client_secret } = secrets;
    let legacy_secret = random_text();
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
        encryption = "plain"
        api_base = "{base}/demo/wechat"
        [[client]]
        client_id = "{CLIENT}"
        client_secret = "{client_secret}"
        name = "Example Shop"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "auto"
        [[client]]
        client_id = "legacy"
        client_secret = "{legacy_secret}"
        name = "The original page"
        origins = ["{base}"]
        scopes = ["wechat"]
        confirm = "auto"
        pkce = "optional"
        [seed_page]
        client_id = "legacy"
        confirm = "auto"
        "#
    )
}

fn simulated_wechat(config: &Config, token: String, app_secret: String) -> Result<SimulatedWeChat, Failure> {
    let callback_url = config.server.public_url.join(&format!("/wechat/{ACCOUNT}"));
    let account = SimulatedAccount { app_secret, token, ..SimulatedAccount::new(app_id()?, callback_url) };
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

    fn secrets() -> Secrets {
        Secrets { app_secret: "app".into(), callback_token: "123".into(), client_secret: "client".into() }
    }

    #[test]
    fn the_configuration_is_valid_and_stays_in_its_folder() {
        let text = configuration("http://127.0.0.1:8080", &secrets());
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
            let config = Config::from_toml(&configuration(&base, &secrets()), Path::new("/data"), []);
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
