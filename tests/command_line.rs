//! The program as people, shells and packagers call it.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_scan-login");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What bash offers where the tabulator is pressed behind these words.
fn completed(folder: &Path, words: &[&str]) -> Vec<String> {
    let script = folder.join("scan-login.bash");
    std::fs::write(&script, run(&["completions", "bash"]).stdout).unwrap();
    let words = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    // As readline does it: the words and where the cursor stands, then the function that `complete` was told.
    let press = format!(
        "source {} && COMP_WORDS=({words}) && COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && COMPREPLY=() && \
         function_of=$(complete -p scan-login | sed 's/.*-F \\([^ ]*\\).*/\\1/') && \
         {{ $function_of scan-login \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" || true; }} && \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["--norc", "-c", &press]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bash_completes_subcommands_and_their_options() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(completed(folder.path(), &["scan-login", "re"]), ["replay"]);
    assert_eq!(completed(folder.path(), &["scan-login", "sessions", "ex"]), ["expire"]);
    assert_eq!(completed(folder.path(), &["scan-login", "replay", "--fol"]), ["--follow"]);
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("sessions"), "{shell}");
    }
}

#[test]
fn every_subcommand_has_a_manual_page_with_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["man", "--to", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(page("scan-login.1"), text(&run(&["man"]).stdout));
    assert!(page("scan-login-sessions-expire.1").contains(".SH EXAMPLES\n.nf\nscan\\-login sessions expire sl\\-"));
    let mut pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() > 25, "{pages:?}");
    // Where a program that reads manual pages is installed, it has nothing to say.
    for reader in [&["mandoc", "-T", "lint", "-W", "error"][..], &["groff", "-man", "-T", "utf8", "-w", "w", "-z"]] {
        match Command::new(reader[0]).args(&reader[1..]).args(&pages).output() {
            Ok(told) => assert_eq!(
                (told.status.code(), text(&told.stdout), text(&told.stderr)),
                (Some(0), String::new(), String::new())
            ),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
        }
    }
    let refused = run(&["man", "--to", "/nowhere"]);
    assert_eq!((refused.status.code(), text(&refused.stderr).lines().count()), (Some(1), 2));
}

#[test]
fn the_file_to_start_from_is_accepted_and_served_only_with_secrets_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scan-login.toml");
    std::fs::write(&file, run(&["config", "default", "--lang", "zh-CN"]).stdout).unwrap();
    let checked = run(&["--config", file.to_str().unwrap(), "config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).ends_with("1 account, 1 client: no faults (4 warnings)\n"));
    let served = run(&["--config", file.to_str().unwrap(), "serve"]);
    let told = text(&served.stderr);
    assert_eq!((served.status.code(), told.lines().count()), (Some(2), 2), "{told}");
    assert!(told.contains("account.main.app_secret, account.main.token") && told.contains("client.shop.client_secret"));
}

#[test]
fn wrong_usage_ends_with_2_and_what_is_no_terminal_gets_no_colour() {
    for arguments in [&["frobnicate"][..], &["replay", "--type", "begun"], &["sessions", "list", "--state", "x"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.contains(&0x1b), "{arguments:?}");
    }
    let output = run(&["--config", "/nowhere/scan-login.toml", "sessions", "list"]);
    assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(2), 2));
}
