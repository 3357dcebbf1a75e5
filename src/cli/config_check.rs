//! `config check`: every fault of a configuration at once, then what is worth a warning.

use std::io::{self, Write};
use std::path::Path;

use super::Exit;
use crate::clock::Clock;
use crate::config::{self, Config, Warning};

/// Checks the file at `path` together with this process's environment: faults and warnings go to standard error, one
/// line to standard output where there is no fault.
pub fn run(path: &Path) -> Exit {
    let checked = check(path, config::from_process_env(), &mut io::stdout().lock(), &mut io::stderr().lock());
    match checked {
        Ok(exit) => exit,
        // Whoever reads has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(_) => Exit::Failed,
    }
}

fn check(
    path: &Path,
    env: impl IntoIterator<Item = (String, String)>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    match Config::load(path, env) {
        Ok((config, mut warnings)) => {
            warnings.extend(config.weak_at(Clock::system().now()));
            write_warnings(&warnings, err)?;
            let accounts = counted(config.accounts.len(), "account");
            let clients = counted(config.clients.len(), "client");
            let warned = counted(warnings.len(), "warning");
            writeln!(out, "{}: {accounts}, {clients}: no faults ({warned})", path.display())?;
            Ok(Exit::Done)
        }
        Err(faults) => {
            writeln!(err, "{faults}")?;
            write_warnings(faults.warnings(), err)?;
            Ok(Exit::Usage)
        }
    }
}

fn write_warnings(warnings: &[Warning], err: &mut impl Write) -> io::Result<()> {
    warnings.iter().try_for_each(|warning| writeln!(err, "warning: {warning}"))
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
        [server]
        public_url = "https://login.example.com"
        [[account]]
        name = "main"
        app_id = "wx0"
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

    fn checked(text: &str) -> (Exit, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan-login.toml");
        std::fs::write(&path, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(&path, [], &mut out, &mut err).unwrap();
        let shorten = |bytes| String::from_utf8(bytes).unwrap().replace(path.to_str().unwrap(), "FILE");
        (exit, shorten(out), shorten(err))
    }

    #[test]
    fn a_valid_file_gets_one_line_and_its_warnings() {
        let (exit, out, err) = checked(VALID);
        assert_eq!(exit, Exit::Done);
        assert_eq!(out, "FILE: 1 account, 1 client: no faults (2 warnings)\n");
        assert_eq!(err.lines().count(), 2, "{err}");
        assert!(err.lines().all(|line| line.starts_with("warning: ")), "{err}");
    }

    #[test]
    fn every_fault_gets_two_lines() {
        let (exit, out, err) =
            checked(&VALID.replace("\"token\"", "\"to ken\"").replace("[server]", "[server]\nlisen = 1"));
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
        let lines: Vec<_> = err.lines().collect();
        assert_eq!(lines[0], "FILE:3: server.lisen is not a known key");
        assert_eq!(lines[1], "    the nearest known one is server.listen; else remove it");
        assert_eq!(lines[2], "FILE:9: account.main.token = (secret) is not 3 to 32 letters and digits");
        assert!(lines[3].starts_with("    copy "));
        assert_eq!(lines.len(), 6, "two faults, two warnings: {err}");
    }

    #[test]
    fn a_missing_file_is_a_fault_with_its_cure() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(Path::new("/nowhere/scan-login.toml"), [], &mut out, &mut err).unwrap();
        let err = String::from_utf8(err).unwrap();
        assert_eq!((exit, err.lines().count()), (Exit::Usage, 2), "{err}");
        assert!(err.starts_with("/nowhere/scan-login.toml: cannot be read"), "{err}");
        assert!(err.contains("scan-login demo") && err.contains("--config"), "{err}");
    }
}
