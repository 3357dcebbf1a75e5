//! What `deploy/` holds, as far as it can be held against something without a machine to install it on; `deploy/try` does the rest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod debian;
mod kubernetes;
mod systemd;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(deploy().join(path)).unwrap()
}

fn output(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// What `config check` says of this configuration, with secrets of the right form in `secrets`.
fn check(configuration: &str, secrets: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for secret in secrets {
        let text = if secret.contains("aes") {
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
        } else {
            "a-secret-of-32-characters-or-more"
        };
        std::fs::write(folder.path().join(secret), text).unwrap();
    }
    let file = folder.path().join("scan-login.toml");
    std::fs::write(&file, configuration).unwrap();
    let program = env!("CARGO_BIN_EXE_scan-login");
    output(Command::new(program).arg("--config").arg(&file).args(["config", "check"]).env("NO_COLOR", "1"))
}
