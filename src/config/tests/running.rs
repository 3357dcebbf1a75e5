//! What a running daemon takes of another configuration.

use crate::config::{Config, Taken};

use super::SMALL;

fn config(text: &str) -> Config {
    Config::from_toml(text, std::path::Path::new("/etc"), []).unwrap().0
}

fn taken(text: &str) -> Taken {
    config(text).taken_by(&config(SMALL))
}

#[test]
fn of_the_same_configuration_nothing_is_different() {
    let Taken { changed, at_the_next_start, .. } = taken(&format!("# a comment\n\n{SMALL}"));
    assert!(changed.is_empty() && at_the_next_start.is_empty(), "{changed:?} {at_the_next_start:?}");
}

#[test]
fn keys_are_told_by_their_whole_path_and_a_new_one_too() {
    let text = SMALL.replacen("[server]", "[server]\nlogins = false\nverify_dir = \"elsewhere\"", 1);
    let taken = taken(&text);
    assert_eq!(taken.changed, ["server.logins", "server.verify_dir"]);
    assert!(!taken.config.server.logins);
}

#[test]
fn what_is_fixed_stays_and_is_told_again_until_the_next_start() {
    let text = SMALL.replacen(
        "[server]",
        "[store]\npath = \"/elsewhere\"\n[keys]\npath = \"/k\"\n[server]\nlisten = \"127.0.0.1:81\"",
        1,
    );
    let running = config(SMALL);
    let first = config(&text).taken_by(&running);
    let again = config(&text).taken_by(&first.config);
    for taken in [&first, &again] {
        assert_eq!(taken.at_the_next_start, ["keys.path", "server.listen", "store.path"]);
        assert!(taken.changed.is_empty(), "{:?}", taken.changed);
        assert_eq!(taken.config.store.path, running.store.path);
        assert_eq!(taken.config.server.listen, running.server.listen);
    }
    let back = config(SMALL).taken_by(&again.config);
    assert!(back.at_the_next_start.is_empty());
}

#[test]
fn another_content_of_a_secrets_file_is_another_value_and_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    let text = format!("{SMALL}\nprevious_client_secret_file = \"{}\"", secret.display());
    std::fs::write(&secret, "first-secret").unwrap();
    let running = config(&text);
    std::fs::write(&secret, "second-secret").unwrap();
    let Taken { config, changed, .. } = config(&text).taken_by(&running);
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].ends_with(".previous_client_secret_file"), "{changed:?}");
    assert!(!format!("{config:?}").contains("second-secret"));
}
