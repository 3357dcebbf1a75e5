//! The Debian package's files; that it is built, installed and run is `deploy/try`'s.

use super::{check, deploy, read};

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
