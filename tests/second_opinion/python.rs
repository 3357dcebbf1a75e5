//! Python with the packages of a folder's `requirements.txt`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Python finds them; made once for each list of versions. Tests that run at the same time each make their own,
/// and the first that is whole stays.
pub fn virtual_environment(folder: &Path) -> PathBuf {
    let requirements = folder.join("requirements.txt");
    let versions = crc32fast::hash(&std::fs::read(&requirements).unwrap());
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let place = parent.join(format!("python-{versions:08x}"));
    if place.is_dir() {
        return place;
    }
    let making = tempfile::Builder::new().prefix("python-").tempdir_in(parent).unwrap();
    let python = making.path().join("bin/python");
    run(Command::new("python3").args(["-m", "venv"]).arg(making.path()));
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    run(Command::new(python).args(install).arg(&requirements));
    // Where another test was faster, its environment is as good.
    if std::fs::rename(making.path(), &place).is_ok() {
        let _ = making.keep();
    }
    place
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?} ended with {status}");
}
