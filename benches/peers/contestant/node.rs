//! The servers in Node.

use std::path::Path;
use std::process::Command;
use std::sync::Once;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/node");

/// The server that keeps its events so, at that URL.
pub fn command(keeping: &str, at: Option<&str>) -> Command {
    install();
    let mut command = Command::new("node");
    command.arg(format!("{FOLDER}/server.js")).arg(keeping).args(at).env("NODE_ENV", "production");
    command
}

/// Its packages, as the lock file has them, where they are not there yet.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let folder = Path::new(FOLDER);
        let changed = |file| folder.join(file).metadata().and_then(|file| file.modified()).ok();
        if changed("node_modules/.package-lock.json") > changed("package-lock.json") {
            return;
        }
        let options = ["ci", "--prefix", FOLDER, "--ignore-scripts", "--no-audit", "--no-fund"];
        let status = Command::new("npm").args(options).stdout(std::io::stderr()).status();
        let installed = status.expect("npm is not here: apt-get install npm").success();
        assert!(installed, "npm ci failed in {FOLDER}");
    });
}
