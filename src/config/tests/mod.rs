//! What a file may say, what it may not, and what it is warned of.

mod bad_inputs;
mod conversation;
mod environment;
mod properties;
mod running;
mod sample;
mod warnings;

use super::*;

/// The least that runs, with one line for each key so that a test can change it.
const SMALL: &str = r#"
[server]
public_url = "https://login.example.com"
[[account]]
name = "main"
app_id = "wx0000000000000000"
app_secret = "an-app-secret"
token = "callbacktoken"
encryption = "plain"
[[client]]
client_id = "shop"
client_secret = "a-client-secret"
name = "Example Shop"
confirm = "auto"
"#;

const SECOND_ACCOUNT: &str = r#"
[[account]]
name = "second"
app_id = "wx1111111111111111"
app_secret = "another-app-secret"
token = "callbacktoken"
encryption = "plain"
"#;

const SEED_PAGE: &str = "[seed_page]\nclient_id = \"shop\"\nconfirm = \"auto\"\n";

fn read(text: &str) -> Result<(Config, Vec<Warning>), Faults> {
    Config::from_toml(text, Path::new("/etc/scan-login"), [])
}

fn read_with(text: &str, env: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), Faults> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_toml(text, Path::new("/etc/scan-login"), env)
}

fn valid(text: &str) -> Config {
    read(text).unwrap_or_else(|faults| panic!("{faults}")).0
}

/// The small file with a line added below a header of it, or at its end where there is no such header.
fn small_with(header: &str, lines: &str) -> String {
    if SMALL.contains(header) {
        SMALL.replace(header, &format!("{header}\n{lines}"))
    } else {
        format!("{SMALL}\n{header}\n{lines}\n")
    }
}

/// The small file without the line of this key.
fn small_without(key: &str) -> String {
    SMALL.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect()
}
