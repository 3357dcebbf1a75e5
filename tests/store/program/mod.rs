//! The real program in a place of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::support::Place;

/// A file system that is mounted read-only, from the folder on that `READ_ONLY` names.
pub fn read_only() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("read_only"))
}

/// Kills the program before the change to a file that has the number `DIE_AT`.
pub fn dying() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| compiled("dying"))
}

/// A library to preload, made by the C compiler that Rust links with.
fn compiled(name: &str) -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.so", std::process::id()));
    let source = format!("{}/tests/store/program/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([&source, "-ldl"]);
    assert!(compiler.status().unwrap().success());
    library
}

impl Place {
    /// The program with this place's configuration, on ports that nobody has, waiting for no lock.
    pub fn command(&self, subcommand: &str) -> Command {
        self.set_up(Command::new(env!("CARGO_BIN_EXE_scan-login")), subcommand)
    }

    /// The same by a user whom the modes of files bind, as they do not bind root.
    pub fn bound_command(&self, subcommand: &str) -> Command {
        if !rustix::process::geteuid().is_root() {
            return self.command(subcommand);
        }
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", env!("CARGO_BIN_EXE_scan-login")]);
        self.set_up(command, subcommand)
    }

    fn set_up(&self, mut command: Command, subcommand: &str) -> Command {
        command.arg("--config").arg(self.file("scan-login.toml")).args(subcommand.split_whitespace());
        command.env("SCAN_LOGIN__SERVER__LISTEN", "127.0.0.1:0").env("SCAN_LOGIN__ADMIN__LISTEN", "127.0.0.1:0");
        command.env("SCAN_LOGIN__STORE__LOCK_WAIT", "0s").env("NO_COLOR", "1");
        command
    }
}

/// It ended with this status, and its last two lines are what is wrong and the cure.
pub fn failed(output: &Output, status: i32, what: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{told}");
    assert!(output.stdout.is_empty(), "something was printed");
    assert!(!told.contains("panicked"), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    let [.., line, cure] = lines[..] else { panic!("{told}") };
    assert!(line.contains(what), "{told}");
    assert!(cure.starts_with("    "), "{told}");
}
