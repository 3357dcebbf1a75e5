//! What was written -> what is valid.
//!
//! A file in TOML, with the environment laid over it, becomes a table that remembers where everything stands; the table
//! is then read key by key into a [`Config`] of typed values. Reading never stops at a fault: all of them are told at
//! once, each with key, value, reason and cure. What is valid but weak, or not built in this version, is a [`Warning`].
//! Nothing here shows a secret, neither in messages nor in `Debug`. Nobody else reads environment variables.

mod account;
mod client;
mod conversation;
mod environment;
mod fault;
mod files;
mod log;
mod raw;
mod reference;
mod running;
mod section;
mod seed_page;
mod server;
mod store;
mod texts;
mod tls;
mod unbuilt;
mod urls;
mod validity;
mod values;
mod written;

use std::io;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

pub use account::{Account, AccountKind, Encryption, ForwardMode, TokenSource, WebOauth};
pub use client::{Client, Confirm, ConfirmVia, IdTokenAlgorithm, Pkce, Qr, Scope, Subject};
pub use conversation::{Conversation, Keyword, KeywordMatch, Language, Replies};
pub use fault::{Complaint, Fault, Faults, Place, Warning};
pub use log::{Log, LogFormat};
pub use reference::{ReferenceLanguage, default_file, reference};
pub use running::Taken;
pub use seed_page::{SeedBind, SeedMessage, SeedPage};
pub use server::{Admin, Limits, Rate, Server};
pub use store::{Engine, Keys, Session, Store};
pub use texts::Texts;
pub use tls::Tls;
pub use urls::{BaseUrl, ProxyUrl};
pub use values::Choice;

use crate::domain::{AccountName, ClientId};
use fault::{Report, Spot};
use raw::{Node, Raw, Table};
use written::Written;

/// A valid configuration. Fields are named after the keys.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener.
    pub server: Server,
    /// How much of what.
    pub limits: Limits,
    /// The operator's listener.
    pub admin: Admin,
    /// What must not stand in the journal.
    pub keys: Keys,
    /// The journal.
    pub store: Store,
    /// How long things live.
    pub session: Session,
    /// What is told on standard error.
    pub log: Log,
    /// At least one, with names and app ids of their own.
    pub accounts: Vec<Account>,
    /// At least one, with ids of their own and accounts that exist.
    pub clients: Vec<Client>,
    /// The original page's interface, where it is on.
    pub seed_page: Option<SeedPage>,
    written: Written,
}

/// The sections of a file, in the order of its documentation.
const SECTIONS: [&str; 10] =
    ["server", "limits", "admin", "keys", "store", "session", "log", "account", "client", "seed_page"];

/// The variables of this process that are meant for us. What is not UTF-8 in them is told as a fault later.
pub fn from_process_env() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| environment::is_ours(name))
        .collect()
}

impl Config {
    /// Reads the file at `path`, with the variables of `env` laid over it.
    ///
    /// # Errors
    /// All [`Faults`] at once; a file that cannot be read is one, too.
    pub fn load(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<(Self, Vec<Warning>), Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let cure = match error.kind() {
                io::ErrorKind::NotFound => {
                    "give --config FILE; `scan-login config default` prints one to start from, and `scan-login demo` needs none"
                }
                io::ErrorKind::InvalidData => "save the file in UTF-8",
                _ => "let it be a file that this user may read",
            };
            Faults::new(vec![Fault::of_file(None, format!("cannot be read: {error}"), cure)], Vec::new()).in_file(path)
        })?;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        Self::from_toml(&text, base_dir, env).map_err(|faults| faults.in_file(path))
    }

    /// Reads a file's text, with the variables of `env` laid over it. Relative paths start at `base_dir`.
    ///
    /// # Errors
    /// All [`Faults`] at once; where the text is no TOML, only where it is not.
    pub fn from_toml(
        text: &str,
        base_dir: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), Faults> {
        let mut root = raw::parse(text).map_err(|faults| Faults::new(faults, Vec::new()))?;
        let mut report = Report::new(base_dir);
        environment::overlay(&mut root, env, &mut report);
        let config = Self::read(&root, &mut report);
        match config {
            Some(config) if report.faults.is_empty() => Ok((config, report.warnings)),
            _ => Err(Faults::new(report.faults, report.warnings)),
        }
    }

    /// The secrets that are still those of [`default_file`], which everybody knows: the whole paths of their keys.
    pub fn example_secrets(&self) -> Vec<String> {
        let of_account = |account: &Account| {
            let secrets = [
                ("app_secret", Some(&account.app_secret)),
                ("token", Some(&account.token)),
                ("encoding_aes_key", account.encoding_aes_key.as_ref()),
                ("previous_encoding_aes_key", account.previous_encoding_aes_key.as_ref()),
            ];
            examples(&format!("account.{}", account.name), secrets)
        };
        let of_client = |client: &Client| {
            let secrets = [
                ("client_secret", Some(&client.client_secret)),
                ("previous_client_secret", client.previous_client_secret.as_ref()),
                ("webhook_secret", client.webhook_secret.as_ref()),
            ];
            examples(&format!("client.{}", client.client_id), secrets)
        };
        self.accounts.iter().flat_map(of_account).chain(self.clients.iter().flat_map(of_client)).collect()
    }

    /// The account with this name.
    pub fn account(&self, name: &AccountName) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == *name)
    }

    /// The client with this id.
    pub fn client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == *id)
    }

    /// The account of one of these clients.
    ///
    /// # Panics
    /// For a client of another configuration, whose account is not here.
    pub fn client_account(&self, client: &Client) -> &Account {
        self.account(&client.account).expect("a client's account is checked when the configuration is read")
    }

    /// `None` only after a fault was reported.
    fn read(root: &Table, report: &mut Report) -> Option<Self> {
        section::report_unknown(root, "", &SECTIONS.map(str::to_owned), report);
        let server = Server::read(root, report);
        let limits = Limits::read(root, report);
        let admin = Admin::read(root, server.as_ref(), report);
        let store = Store::read(root, report);
        let keys = Keys::read(root, &store, report);
        let session = Session::read(root, report);
        let log = Log::read(root, report);
        let accounts = tables(root, "account", report);
        let accounts: Vec<_> = accounts
            .into_iter()
            .map(|(path, table, node)| account::read(path, table, node.place.clone(), report))
            .collect();
        account::check_unique(&accounts, report);
        if let Some(server) = &server {
            account::check_forward(&accounts, &server.public_url, report);
        }
        let clients: Vec<_> = tables(root, "client", report)
            .into_iter()
            .map(|(path, table, node)| client::read(path, table, node.place.clone(), &accounts, report))
            .collect();
        client::check_unique(&clients, report);
        let seed_page = SeedPage::read(root, &clients, report);
        Some(Self {
            server: server?,
            limits,
            admin,
            keys,
            store,
            session,
            log,
            accounts: accounts.into_iter().map(|draft| draft.account).collect::<Option<_>>()?,
            clients: clients.into_iter().map(|draft| draft.client).collect::<Option<_>>()?,
            seed_page,
            written: Written::of(root, &report.files),
        })
    }
}

fn examples<const N: usize>(path: &str, secrets: [(&str, Option<&SecretString>); N]) -> Vec<String> {
    let is_example = |secret: &SecretString| reference::is_example(secret.expose_secret());
    let found = secrets.into_iter().filter(|(_, secret)| secret.is_some_and(is_example));
    found.map(|(key, _)| format!("{path}.{key}")).collect()
}

/// The tables of a list such as `[[account]]`, each with how people call it.
fn tables<'a>(root: &'a Table, kind: &str, report: &mut Report) -> Vec<(String, &'a Table, &'a Node)> {
    let cure = format!("write [[{kind}]] on a line of its own, its keys below it");
    let spot = |place, value| Spot { key: kind.to_owned(), place, value };
    let nodes = match root.get(kind) {
        Some(Node { raw: Raw::List(nodes), .. }) if !nodes.is_empty() => nodes,
        None | Some(Node { raw: Raw::List(_), .. }) => {
            report.fault(spot(None, None), "is missing: at least one is needed", cure);
            return Vec::new();
        }
        Some(node) => {
            let reason = "is not a list of tables";
            report.fault(spot(Some(node.place.clone()), Some(node.shown())), reason, cure);
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let Raw::Table(table) = &node.raw else {
            report.fault(spot(Some(node.place.clone()), Some(node.shown())), "is not a table", cure.clone());
            continue;
        };
        let path = path_of_table(kind, index, table);
        found.push((path, table, node));
    }
    found
}

/// How people call a table of a list: by its name where it has one, else by its place in the list, from 1.
fn path_of_table(kind: &str, index: usize, table: &Table) -> String {
    let id_key = if kind == "client" { "client_id" } else { "name" };
    let name = table.get(id_key).and_then(|node| node.text().ok()).filter(|name| is_short(name));
    name.map_or_else(|| format!("{kind}[{}]", index + 1), |name| format!("{kind}.{name}"))
}

/// Whether a name can stand in a key's path.
fn is_short(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
