//! The manifests, held against Kubernetes' own schemas.

use std::process::Command;

use super::{check, deploy, output, read};

#[path = "../second_opinion/python.rs"]
mod python;

/// The version that most run, and one that is new.
const VERSIONS: [&str; 2] = ["1.29.0", "1.37.0"];

#[test]
fn the_manifests_are_what_kubernetes_takes() {
    let tests = deploy().join("../tests/packaging");
    let python = python::virtual_environment(&tests).join("bin/python");
    for version in VERSIONS {
        let mut command = Command::new(&python);
        command.args(["-m", "kubernetes_validate", "--strict", "--kubernetes-version", version]);
        let (is_valid, told) = output(command.arg(deploy().join("kubernetes/scan-login.yaml")));
        assert!(is_valid, "{told}");
        assert!(told.contains("statefulset/scan-login"), "{told}");
    }
}

#[test]
fn their_configuration_is_taken() {
    let manifests = read("kubernetes/scan-login.yaml");
    let (_, rest) = manifests.split_once("scan-login.toml: |\n").unwrap();
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let configuration: String =
        lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or_default())).collect();
    assert!(configuration.contains("/run/secrets/scan-login/"), "{configuration}");
    let here = configuration.replace("/run/secrets/scan-login/", "");
    let (is_taken, told) = check(&here, &["admin-token", "app-secret", "encoding-aes-key", "shop-secret"]);
    assert!(is_taken, "{told}");
}
