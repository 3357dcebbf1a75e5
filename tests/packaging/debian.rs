//! The Debian package's files; that it is built, installed and run is `deploy/try`'s.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{check, deploy, output, read};

#[test]
fn the_packages_configuration_is_taken_as_it_is() {
    let (is_taken, told) = check(&read("debian/scan-login.toml"), &["app-secret", "encoding-aes-key", "shop-secret"]);
    assert!(is_taken && told.contains("no faults (0 warnings)"), "{told}");
}

/// Files that the package's description names, and who else is named there, exist.
#[test]
fn what_the_package_holds_exists() {
    let manifest = std::fs::read_to_string(deploy().join("../Cargo.toml")).unwrap();
    let (_, deb) = manifest.split_once("[package.metadata.deb]").expect("the package is described");
    let assets: Vec<_> = deb.lines().filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next()).collect();
    assert!(assets.len() > 5, "{assets:?}");
    for asset in assets.iter().filter(|asset| !asset.starts_with("target/")) {
        let path = deploy().join("..").join(asset.trim_end_matches("/*"));
        assert!(path.exists(), "{asset} is not there");
    }
}

/// What `postinst configure` with these arguments calls, each with its arguments, in a system whose configuration is in `etc`.
fn called(arguments: &[&str], etc: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    for name in ["chown", "chmod", "systemctl", "deb-systemd-invoke"] {
        let stub = folder.path().join(name);
        std::fs::write(&stub, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n", log.display())).unwrap();
        std::fs::set_permissions(&stub, Permissions::from_mode(0o755)).unwrap();
    }
    let script = read("debian/postinst")
        .replace("/etc/scan-login", etc.to_str().unwrap())
        .replace("/run/systemd/system", folder.path().to_str().unwrap());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, "postinst", "configure"]).args(arguments).env("PATH", folder.path());
    let (is_done, told) = output(&mut command);
    assert!(is_done, "{told}");
    std::fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn an_upgrade_restarts_the_service_and_leaves_its_socket_open() {
    let etc = tempfile::tempdir().unwrap();
    let restarts = |calls: Vec<String>| calls.into_iter().filter(|call| call.contains("restart")).collect::<Vec<_>>();
    assert_eq!(restarts(called(&[], etc.path())), [""; 0], "a fresh installation");
    assert_eq!(restarts(called(&["0.1.0-1"], etc.path())), ["deb-systemd-invoke try-restart scan-login.service"]);
    let manifest = std::fs::read_to_string(deploy().join("../Cargo.toml")).unwrap();
    assert!(
        manifest.contains("restart-after-upgrade = false, stop-on-upgrade = false"),
        "cargo-deb would restart both"
    );
}

#[test]
fn whoever_removed_the_example_can_upgrade() {
    let etc = tempfile::tempdir().unwrap();
    let is_touched = |calls: Vec<String>| calls.iter().any(|call| call.contains("scan-login.toml"));
    assert!(!is_touched(called(&["0.1.0-1"], etc.path())));
    std::fs::write(etc.path().join("scan-login.toml"), "").unwrap();
    assert!(is_touched(called(&["0.1.0-1"], etc.path())));
}
