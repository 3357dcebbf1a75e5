//! Samples of configuration are taken by the program: whole ones as they are, others laid over what they leave out.

use std::path::Path;
use std::sync::LazyLock;

use scan_login::config::Config;
use toml::{Table, Value};

use crate::pages::{Sample, samples_in};

/// What a sample may leave out.
const BELOW: &str = r#"
    [server]
    public_url = "https://login.example.com"
    [[account]]
    name = "main"
    app_id = "wx0123456789abcdef"
    app_secret = "secret"
    token = "token"
    encoding_aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    [[client]]
    client_id = "shop"
    client_secret = "secret"
    name = "Example Shop"
    [[client]]
    client_id = "legacy"
    client_secret = "secret"
    name = "Old Shop"
    confirm = "tap"
"#;

/// A certificate and its key.
static PAIR: LazyLock<(String, String)> = LazyLock::new(|| {
    let pair = rcgen::generate_simple_self_signed(["login.example.com".to_owned()]).unwrap();
    (pair.cert.pem(), pair.signing_key.serialize_pem())
});

/// Whether a sample says all that must be said.
fn is_whole(sample: &Table) -> bool {
    ["server", "account", "client"].iter().all(|section| sample.contains_key(*section))
}

/// `above`, and of `below` what it leaves out. Of a list the tables that have the same name are laid over each other.
fn laid_over(above: Table, below: &Table) -> Table {
    let mut result = below.clone();
    for (key, value) in above {
        let merged = match (value, below.get(&key)) {
            (Value::Table(above), Some(Value::Table(below))) => Value::Table(laid_over(above, below)),
            // `[account.replies]` is about the account above it.
            (Value::Table(above), Some(Value::Array(below))) => {
                Value::Array(vec![Value::Table(laid_over(above, below[0].as_table().unwrap()))])
            }
            (Value::Array(above), Some(Value::Array(below))) if below.iter().all(Value::is_table) => {
                Value::Array(above.into_iter().map(|table| named(table, below)).collect())
            }
            (value, _) => value,
        };
        // A secret that stands in a file stands nowhere else.
        if let Some(secret) = key.strip_suffix("_file") {
            result.remove(secret);
        }
        result.insert(key, merged);
    }
    result
}

fn named(above: Value, below: &[Value]) -> Value {
    let name = |table: &Value| ["name", "client_id"].map(|key| table.get(key).cloned());
    let same = below.iter().find(|below| name(below)[1] == name(&above)[1] && above.get("client_id").is_some());
    let same = same.or_else(|| below.iter().find(|below| name(below) == name(&above)));
    match (above, same) {
        (Value::Table(above), Some(Value::Table(below))) => Value::Table(laid_over(above, below)),
        (above, _) => above,
    }
}

/// Writes each file that the configuration names and that is read with it; those for TLS stand elsewhere on the reader's machine.
fn write_files(table: &mut Table, folder: &Path) {
    for (key, value) in table {
        match value {
            Value::String(name) if key.starts_with("tls_") => {
                *name = folder.join(key).to_str().unwrap().to_owned();
                std::fs::write(name, if key == "tls_key_file" { &PAIR.1 } else { &PAIR.0 }).unwrap();
            }
            Value::String(name) if key.ends_with("_file") && Path::new(name).is_relative() => {
                std::fs::write(folder.join(name), "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG").unwrap();
            }
            Value::Table(table) => write_files(table, folder),
            Value::Array(tables) => {
                tables.iter_mut().filter_map(Value::as_table_mut).for_each(|table| write_files(table, folder));
            }
            _ => {}
        }
    }
}

fn check(sample: &Sample) -> bool {
    let mut table: Table = sample.text.parse().unwrap_or_else(|error| panic!("{}: {error}", sample.place));
    let is_whole = is_whole(&table);
    if !is_whole {
        table = laid_over(table, &BELOW.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    write_files(&mut table, folder.path());
    let text = if is_whole { sample.text.clone() } else { toml::to_string(&table).unwrap() };
    if let Err(faults) = Config::from_toml(&text, folder.path(), []) {
        panic!("{}: {faults}", sample.place);
    }
    is_whole
}

#[test]
fn every_sample_of_configuration_is_taken() {
    let samples = samples_in(&["toml"]);
    let whole = samples.iter().filter(|sample| check(sample)).count();
    assert!(whole >= 2, "a book without one whole configuration");
}

#[test]
fn the_configuration_of_the_first_page_is_as_whole_as_it_says() {
    let start = include_str!("../../docs/en/start.md");
    let sample = samples_in(&["toml"]).into_iter().find(|sample| sample.place.contains("en/start.md")).unwrap();
    let (config, warnings) = Config::from_toml(&sample.text, Path::new(""), []).unwrap();
    assert_eq!((config.accounts.len(), config.clients.len(), warnings.len()), (1, 1, 1), "{warnings:?}");
    assert!(start.contains("scan-login.toml: 1 account, 1 client: no faults (1 warning)"));
}
