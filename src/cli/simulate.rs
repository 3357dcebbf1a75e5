//! `simulate`: the simulated WeChat and phones by themselves, for a daemon that runs elsewhere.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use super::{Exit, complain};
use crate::config::{Account, AccountKind, Config, Encryption, WebOauth};
use crate::simulator::{SimulatedAccount, SimulatedEncryption, SimulatedKind, Standalone};

/// A simulated WeChat with two phones, for the accounts of the configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The daemon comes here when its accounts say so:
  [[account]]
  api_base = \"http://127.0.0.1:8090\"
  oauth_base = \"http://127.0.0.1:8090\"

Example:
  scan-login simulate &      # then open the address that it prints
  scan-login serve &
  curl http://127.0.0.1:8090/simulate/state
  curl http://127.0.0.1:8090/simulate/text --json '{\"person\": \"alice\", \"text\": \"hello\"}'")]
pub struct SimulateArgs {
    /// Where to listen: on loopback, or on 0.0.0.0 in a container
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)))]
    listen: SocketAddr,
}

/// Simulates until it is told to stop.
pub fn run(args: &SimulateArgs, path: &Path) -> Exit {
    if !args.listen.ip().is_loopback() && !args.listen.ip().is_unspecified() {
        let what = format!("{} is beyond this machine, and the simulation guards nothing", args.listen);
        complain(&what, "listen on 127.0.0.1, or on 0.0.0.0 inside a container");
        return Exit::Usage;
    }
    // What the warnings are about is the daemon's business.
    let Some((config, _)) = super::load(path) else { return Exit::Usage };
    super::block_on(simulate(args.listen, config))
}

async fn simulate(listen: SocketAddr, config: Config) -> Exit {
    match serve(listen, &config).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            let what = format!("{listen} cannot be served on: {error}");
            complain(&what, "let the system choose a port: scan-login simulate --listen 127.0.0.1:0");
            Exit::Failed
        }
    }
}

async fn serve(listen: SocketAddr, config: &Config) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let base = format!("http://{}", called(listener.local_addr()?));
    let accounts = config.accounts.iter().map(|account| (account.name.to_string(), simulated(config, account)));
    let standalone = Standalone::new(accounts.collect());
    let shutdown = super::serve::until_told()?;
    for hint in config.accounts.iter().filter_map(|account| hint(account, &base)) {
        tracing::warn!("{hint}");
    }
    let mut out = io::stdout().lock();
    // In one piece: who reads only the first line is no reason to fail at the second.
    out.write_all(format!("open     {base}/\nstop     with Ctrl-C\n").as_bytes())?;
    out.flush()?;
    drop(out);
    let service = standalone.router().into_make_service_with_connect_info::<SocketAddr>();
    // Nobody's work is lost with a simulation, so nobody is waited for.
    tokio::select! {
        served = async { axum::serve(listener, service).await } => served,
        () = shutdown.cancelled() => Ok(()),
    }
}

/// How this machine reaches an address that is listened on.
pub(super) fn called(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// The account as WeChat's console would show it, had the operator entered what stands in the configuration.
pub(super) fn simulated(config: &Config, account: &Account) -> SimulatedAccount {
    let callback_url = config.server.public_url.join(&format!("/wechat/{}", account.name));
    let host = callback_url.host_str().map(str::to_owned);
    SimulatedAccount {
        app_secret: account.app_secret.expose_secret().to_owned(),
        token: account.token.expose_secret().to_owned(),
        encryption: match account.encryption {
            Encryption::Plain => SimulatedEncryption::Plain,
            Encryption::Compatible => SimulatedEncryption::Compatible,
            Encryption::Safe => SimulatedEncryption::Safe,
        },
        encoding_aes_key: account.encoding_aes_key.as_ref().map(|key| key.expose_secret().to_owned()),
        kind: match account.kind {
            AccountKind::Service => SimulatedKind::Service,
            AccountKind::Subscription => SimulatedKind::Subscription,
        },
        has_unionid: account.unionid,
        oauth_domains: host.filter(|_| account.web_oauth != WebOauth::Off).into_iter().collect(),
        ..SimulatedAccount::new(account.app_id.clone(), callback_url)
    }
}

/// What keeps the daemon from coming here.
fn hint(account: &Account, base: &str) -> Option<String> {
    let mut elsewhere = Vec::new();
    if account.api_base.as_str() != base {
        elsewhere.push("api_base");
    }
    if account.web_oauth != WebOauth::Off && account.oauth_base.as_str() != base {
        elsewhere.push("oauth_base");
    }
    if elsewhere.is_empty() {
        return None;
    }
    let keys = elsewhere.join(" and ");
    Some(format!("account {}: {keys} lead elsewhere; for this WeChat write \"{base}\" there", account.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration whose account goes on with these lines.
    fn config(account: &str) -> Config {
        let text = format!(
            r#"
            [server]
            public_url = "http://localhost:8080/login"
            [[account]]
            name = "main"
            app_id = "wx1"
            app_secret = "secret"
            token = "AAAAA"
            {account}
            [[client]]
            client_id = "shop"
            client_secret = "shop-secret"
            name = "Shop"
            confirm = "auto"
            "#
        );
        Config::from_toml(&text, Path::new("/data"), []).unwrap().0
    }

    #[test]
    fn an_account_is_known_to_wechat_as_it_stands_in_the_configuration() {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
        let config = config(&format!("encoding_aes_key = \"{key}\"\nweb_oauth = \"base\""));
        let account = simulated(&config, &config.accounts[0]);
        assert_eq!(account.callback_url.as_str(), "http://localhost:8080/login/wechat/main");
        assert_eq!((&*account.app_secret, &*account.token), ("secret", "AAAAA"));
        assert_eq!(account.encryption, SimulatedEncryption::Safe);
        assert_eq!(account.encoding_aes_key.as_deref(), Some(key));
        assert_eq!(account.kind, SimulatedKind::Service);
        assert_eq!(account.oauth_domains, ["localhost"]);
    }

    #[test]
    fn a_daemon_that_asks_the_real_wechat_is_hinted_at() {
        let base = "http://127.0.0.1:8090";
        let elsewhere = config("encryption = \"plain\"");
        let said = hint(&elsewhere.accounts[0], base).unwrap();
        assert!(said.contains("main: api_base") && said.contains(base), "{said}");
        let here = config(&format!("encryption = \"plain\"\napi_base = \"{base}\""));
        assert_eq!(hint(&here.accounts[0], base), None);
    }
}
