use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scan_login::cli::Exit;
use scan_login::cli::store::{BackupArgs, ExportArgs, ImportArgs, RestoreArgs, StoreCommand, Streams, store};
use scan_login::clock::Clock;
use scan_login::config::Config;
use scan_login::store::{self, EventStore, Journal, RawRecord};
use scan_login::vault::{self, OpenVault};
use tempfile::TempDir;

use crate::world::*;

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

/// A folder with a configuration, and what the commands say there.
pub struct Place {
    pub folder: TempDir,
    pub config: Config,
}

/// How a command ended, and what it wrote.
pub struct Told {
    pub exit: Exit,
    pub out: Vec<u8>,
    pub err: String,
}

impl Place {
    /// Without a store.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("scan-login.toml"), CONFIGURATION).unwrap();
        let config = Config::from_toml(CONFIGURATION, folder.path(), []).unwrap().0;
        Self { folder, config }
    }

    /// With a store of two logins.
    pub async fn with_store() -> Self {
        let place = Self::new();
        let journal = place.create();
        two_logins(&journal).await;
        journal.close().await;
        place
    }

    pub fn create(&self) -> Journal {
        store::open_or_create(self.store(), self.vault()).unwrap()
    }

    /// The keys of persons, made where there are none.
    pub fn vault(&self) -> impl OpenVault + use<> {
        let keys = self.config.keys.path.clone();
        move || vault::open_or_create(&keys)
    }

    pub fn store(&self) -> PathBuf {
        self.config.store.path.clone()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn told(&self, command: StoreCommand) -> Told {
        self.told_of(command, &[]).await
    }

    pub async fn told_of(&self, command: StoreCommand, mut input: &[u8]) -> Told {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err };
        let exit = store(&command, &self.config, &Clock::simulated(at(3600)), &mut streams).await;
        let err = String::from_utf8(err).unwrap().replace(self.folder.path().to_str().unwrap(), "DIR");
        Told { exit, out, err }
    }

    /// What `store export` writes.
    pub async fn exported(&self) -> Vec<u8> {
        let told = self.told(StoreCommand::Export(ExportArgs::default())).await;
        assert_eq!(told.exit, Exit::Done, "{}", told.err);
        told.out
    }

    pub async fn records(&self) -> Vec<RawRecord> {
        let journal = store::open_existing(self.store(), self.vault()).unwrap();
        let records = journal.read_raw(1, usize::MAX).await.unwrap();
        journal.close().await;
        records
    }

    /// Everything in the folder.
    pub fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        content(self.folder.path())
    }
}

impl Told {
    /// It failed, in two lines, of which the first begins like this.
    pub fn failed(&self, what: &str) {
        assert_eq!(self.exit, Exit::Failed, "{}", self.err);
        let lines: Vec<&str> = self.err.lines().collect();
        let [.., told, cure] = lines[..] else { panic!("{}", self.err) };
        assert!(told.starts_with(what), "{}", self.err);
        assert!(cure.starts_with("    "), "{}", self.err);
    }

    pub fn done(&self) {
        assert_eq!(self.exit, Exit::Done, "{}", self.err);
    }
}

/// Every file below, and every folder as an empty one.
pub fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(content(&path));
            found.insert(path, Vec::new());
        } else if path.is_file() {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub fn import(file: &Path) -> StoreCommand {
    StoreCommand::Import(ImportArgs { file: file.to_owned(), until_gap: false })
}

pub fn backup(to: PathBuf, keys: bool) -> StoreCommand {
    StoreCommand::Backup(BackupArgs { to, keys })
}

pub fn restore(from: PathBuf, keys: bool) -> StoreCommand {
    StoreCommand::Restore(RestoreArgs { from, keys })
}
