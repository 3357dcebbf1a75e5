//! The command, as the stories ask it.

use std::path::Path;

use jiff::tz::TimeZone;
use scan_login::cli::Exit;
use scan_login::cli::replay::{ReplayArgs, Screen, Surroundings, replay};
use scan_login::config::Config;
use scan_login::store::{self, EventStore};
use scan_login::vault::{self, OpenVault};

use super::support::*;

pub const CONFIGURATION: &str = r#"
        [server]
        public_url = "https://login.example.com"
        [admin]
        socket = "admin.sock"
        [[account]]
        name = "main"
        app_id = "wx1"
        app_secret = "secret"
        token = "token"
        encryption = "plain"
        [[client]]
        client_id = "shop"
        client_secret = "secret"
        name = "Shop"
        confirm = "auto"
        scopes = ["wechat"]
"#;

pub fn config(folder: &Path) -> Config {
    Config::from_toml(CONFIGURATION, folder, []).unwrap().0
}

pub fn around(screen: Option<Screen>) -> Surroundings {
    Surroundings { now: at(60), zone: TimeZone::get("Asia/Shanghai").unwrap(), screen, shows_progress: false }
}

/// How it ended, what went to standard output and what to standard error.
pub async fn replayed(config: &Config, args: ReplayArgs) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = replay(&args, config, &around(None), &mut out, &mut err).await;
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

pub fn asked() -> ReplayArgs {
    ReplayArgs::default()
}

/// The keys of persons that this configuration names.
pub fn vault(config: &Config) -> impl OpenVault + use<> {
    let keys = config.keys.path.clone();
    move || vault::open_or_create(&keys)
}

/// A folder with a store in it that holds two logins, and nobody who runs.
pub async fn folder_with_store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let journal = store::open_or_create(config.store.path.clone(), vault(&config)).unwrap();
    two_logins(&journal).await;
    EventStore::close(&journal).await;
    folder
}

/// The pipe of a reader that has had enough.
pub struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
