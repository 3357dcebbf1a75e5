//! A backup is the journal at one moment, and comes back as that.

use scan_login::domain::Incarnation;
use scan_login::keys::{Keys, Purpose};
use scan_login::store::{self, EventStore, MemoryMedium};

use crate::support::*;
use crate::world::*;

#[tokio::test]
async fn a_running_daemon_is_backed_up_and_comes_back() {
    let (place, other) = (Place::new(), Place::new());
    let daemon = Daemon::start(place.create(), &place.config.admin.socket).await;
    two_logins(&*daemon.store).await;
    // It goes on meanwhile.
    let appending = async {
        for number in 0..300 {
            append(&*daemon.store, &format!("m{number}"), 0, 9, vec![created(None), scanned("carol")]).await;
        }
    };
    let to = place.file("backup");
    let (told, ()) = tokio::join!(place.told(backup(to.clone(), false)), appending);
    told.done();
    assert!(told.err.contains("it does not hold the keys (DIR/keys): codes"), "{}", told.err);
    let stored = daemon.store.read_raw(1, usize::MAX).await.unwrap();
    daemon.stop().await;

    let told = other.told(restore(to, false)).await;
    told.done();
    assert!(told.err.contains("there are no keys in DIR/keys: a start makes new ones"), "{}", told.err);
    let restored = other.records().await;
    assert!(restored.len() >= 6, "what was there before is gone");
    assert_eq!(restored, stored[..restored.len()], "it is not the journal at one moment");
    let journal = store::open_existing(other.store(), other.vault()).unwrap();
    append(&journal, "z", 0, 10, vec![created(None)]).await;
    journal.close().await;
}

#[tokio::test]
async fn a_backup_is_for_its_owner_alone_and_holds_no_key() {
    let place = Place::with_store().await;
    Keys::open_or_create(&place.config.keys.path).unwrap();
    let key = std::fs::read(place.config.keys.path.join("derivation.key")).unwrap();
    let to = place.file("backup");
    place.told(backup(to.clone(), false)).await.done();
    assert_eq!(mode(&to), 0o700);
    for (path, bytes) in content(&to) {
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        assert!(!bytes.windows(key.len()).any(|window| window == key), "{} holds the key", path.display());
    }
    let label: serde_json::Value = serde_json::from_slice(&std::fs::read(to.join("BACKUP")).unwrap()).unwrap();
    assert_eq!((&label["records"], &label["keys"]), (&6.into(), &false.into()));
    assert!(label["made_at"].as_str().unwrap().starts_with("2026-01-02T04:04:05."), "{label}");
    // A daemon can open it as it is, too.
    let journal = store::open_existing(to.join("store"), place.vault()).unwrap();
    assert_eq!(journal.head().borrow().seq, 6);
    journal.close().await;
}

#[tokio::test]
async fn keys_come_back_where_both_sides_ask_for_them() {
    let (place, other) = (Place::with_store().await, Place::new());
    let derived = |keys: &Keys| keys.derive(Purpose::Code, &scene("a"), Incarnation(1));
    let before = derived(&Keys::open_or_create(&place.config.keys.path).unwrap());
    let (with, without) = (place.file("with"), place.file("without"));
    let told = place.told(backup(with.clone(), true)).await;
    told.done();
    assert!(told.err.contains("it holds the keys"), "{}", told.err);
    place.told(backup(without.clone(), false)).await.done();

    other.told(restore(without, true)).await.failed("the backup holds no keys");
    assert!(!other.store().exists(), "it was refused, and made a store");
    other.told(restore(with.clone(), false)).await.done();
    assert!(!other.config.keys.path.exists(), "keys that nobody asked for");
    std::fs::remove_dir_all(other.store()).unwrap();
    other.told(restore(with.clone(), true)).await.done();
    assert_eq!(mode(&other.config.keys.path), 0o700);
    assert_eq!(derived(&Keys::open_or_create(&other.config.keys.path).unwrap()), before);

    std::fs::remove_dir_all(other.store()).unwrap();
    other.told(restore(with, true)).await.failed("there are keys in DIR/keys already");
    assert!(!other.store().exists(), "it was refused, and made a store");
}

#[tokio::test]
async fn what_lies_beside_the_log_comes_along() {
    let (place, other) = (Place::with_store().await, Place::new());
    std::fs::write(place.store().join("CHECKPOINTS"), "signed").unwrap();
    place.told(backup(place.file("backup"), false)).await.done();
    let told = other.told(restore(place.file("backup"), false)).await;
    told.done();
    assert!(told.err.contains("--accept-fork"), "{}", told.err);
    assert_eq!(std::fs::read_to_string(other.store().join("CHECKPOINTS")).unwrap(), "signed");
}

#[tokio::test]
async fn a_backup_is_never_changed_by_being_restored() {
    let (place, other) = (Place::with_store().await, Place::new());
    place.told(backup(place.file("backup"), false)).await.done();
    let before = content(&place.file("backup"));
    other.told(restore(place.file("backup"), false)).await.done();
    assert!(content(&place.file("backup")) == before, "something was changed");
}

#[tokio::test]
async fn nothing_that_is_there_is_overwritten() {
    let place = Place::with_store().await;
    let to = place.file("backup");
    place.told(backup(to.clone(), false)).await.done();
    let before = place.content();
    place.told(backup(to.clone(), false)).await.failed("DIR/backup is there already, and not empty");
    let told = place.told(restore(to, false)).await;
    told.failed("DIR/data is not empty");
    assert!(told.err.contains("move it away first"), "{}", told.err);
    assert!(place.content() == before, "something was touched");
}

#[tokio::test]
async fn what_is_no_whole_backup_is_not_restored() {
    let (place, other) = (Place::with_store().await, Place::new());
    let to = place.file("backup");
    place.told(backup(to.clone(), false)).await.done();
    let db = to.join("store/db");
    let whole = std::fs::read(&db).unwrap();
    let label = std::fs::read_to_string(to.join("BACKUP")).unwrap();
    let refused = async |told: &str| {
        other.told(restore(to.clone(), false)).await.failed(told);
        let names: Vec<_> = content(other.folder.path()).into_keys().collect();
        assert_eq!(names, [other.file("scan-login.toml")], "{told}: something was left behind");
    };
    let body = whole.windows(6).rposition(|window| window == b"sl-000").unwrap();
    let mut flipped = whole.clone();
    flipped.iter_mut().skip(body).take(3).for_each(|byte| *byte ^= 1);
    std::fs::write(&db, &flipped).unwrap();
    refused(&format!("the backup in {} does not hold the 6 records", to.display())).await;
    std::fs::write(&db, &whole).unwrap();
    std::fs::write(to.join("BACKUP"), label.replace("\"records\": 6", "\"records\": 5")).unwrap();
    refused(&format!("the backup in {} does not hold the 5 records", to.display())).await;
    // As many records, and each of them whole, but others.
    std::fs::rename(to.join("store"), to.join("aside")).unwrap();
    let others = Place::with_store().await;
    others.told(backup(others.file("backup"), false)).await.done();
    std::fs::rename(others.file("backup").join("store"), to.join("store")).unwrap();
    std::fs::write(to.join("BACKUP"), &label).unwrap();
    refused(&format!("the backup in {} does not hold the 6 records", to.display())).await;
    std::fs::remove_dir_all(to.join("store")).unwrap();
    std::fs::rename(to.join("aside"), to.join("store")).unwrap();
    std::fs::write(to.join("BACKUP"), label.replace("\"version\": 1", "\"version\": 2")).unwrap();
    refused("the backup has version 2, and this program knows version 1").await;
    std::fs::write(to.join("BACKUP"), "{}").unwrap();
    refused(&format!("{} is not a backup", to.display())).await;
    std::fs::remove_file(to.join("BACKUP")).unwrap();
    refused(&format!("{} is not a backup", to.display())).await;
}

#[tokio::test]
async fn a_daemon_that_cannot_read_on_gives_no_backup() {
    let place = Place::new();
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &place.config.admin.socket).await;
    two_logins(&*daemon.store).await;
    medium.flip_bit(1, 40);
    place.told(backup(place.file("backup"), false)).await.failed("the daemon cannot read on: the journal is damaged");
    assert!(content(&place.file("backup")).is_empty(), "something was left behind");
    daemon.stop().await;
}
