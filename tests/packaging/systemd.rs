//! The units, as systemd's own tools see them.

use std::process::Command;

use super::{deploy, output, read};

#[test]
fn the_unit_is_exposed_to_less_than_three_of_ten() {
    let unit = deploy().join("systemd/scan-login.service");
    let analyze = ["security", "--offline=true", "--threshold=29", "--no-pager"];
    let (is_below, told) = output(Command::new("systemd-analyze").args(analyze).arg(unit));
    assert!(is_below, "{told}");
    assert!(told.contains("Overall exposure level for scan-login.service"), "{told}");
}

#[test]
fn the_units_are_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_scan-login");
    let service = |path| read(path).replace("/usr/bin/scan-login", program);
    let units = [
        ("scan-login.service", service("systemd/scan-login.service")),
        ("scan-login.socket", read("systemd/scan-login.socket")),
        ("scan-login-backup.service", service("backup/scan-login-backup.service")),
        ("scan-login-backup.timer", read("backup/scan-login-backup.timer")),
    ];
    for (name, text) in &units {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let verify = || {
        let mut command = Command::new("systemd-analyze");
        command.args(["verify", "--man=no", "--recursive-errors=no"]);
        output(command.args(units.iter().map(|(name, _)| folder.path().join(name))))
    };
    let (is_well, told) = verify();
    assert!(is_well && !told.contains("scan-login"), "{told}");

    // It would be told.
    std::fs::write(folder.path().join("scan-login.service"), units[0].1.replace("ProtectHome=yes", "ProtectHom=yes"))
        .unwrap();
    assert!(verify().1.contains("ProtectHom"), "a misspelt key is not told");
}
