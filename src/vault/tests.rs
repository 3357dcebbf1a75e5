//! What is sealed opens in its place alone, and what was forgotten nowhere, wherever a forgetting is interrupted.

use std::path::Path;

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretBox};

use super::cipher::Secret;
use super::epoch::Step;
use super::*;

const NOON: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// All, in their order.
pub(super) const STEPS: [Step; 10] = [
    Step::LedgerWritten,
    Step::TableWritten,
    Step::TableSynced,
    Step::KeyWritten,
    Step::OldKeyOverwritten,
    Step::OldKeyRemoved,
    Step::OldTableOverwritten,
    Step::OldTableRemoved,
    Step::OldLogOverwritten,
    Step::OldLogRemoved,
];

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

fn main_account() -> AccountName {
    AccountName::new("main").unwrap()
}

fn openid(name: &str) -> OpenId {
    OpenId::new(name).unwrap()
}

fn place(scene: &SceneId) -> Place<'_> {
    Place { scene, scene_seq: 2, field: Field::OpenId }
}

fn person(vault: &FileVault, name: &str) -> PersonHandle {
    vault.person(&main_account(), &openid(name))
}

pub(super) fn handle(vault: &FileVault, name: &str) -> Handle {
    Handle::of_person(person(vault, name))
}

pub(super) fn try_seal(vault: &FileVault, name: &str) -> Result<Vec<u8>, VaultError> {
    vault.seal(handle(vault, name), place(&scene(name)), name.as_bytes())
}

pub(super) fn seal(vault: &FileVault, name: &str) -> Vec<u8> {
    try_seal(vault, name).unwrap()
}

pub(super) fn open(vault: &FileVault, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    vault.open(handle(vault, name), place(&scene(name)), sealed).unwrap()
}

fn forget(vault: &FileVault, name: &str) -> Result<usize, VaultError> {
    vault.forget(Forgetting { person: person(vault, name), scenes: &[], at: NOON })
}

pub(super) fn vault(folder: &Path) -> FileVault {
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    FileVault::open_or_create(folder).unwrap()
}

pub(super) fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn what_was_sealed_opens_after_a_restart_and_in_its_place_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    assert!(first.is_new() && !first.is_behind());
    let sealed = seal(&first, "alice");
    assert_eq!(sealed.len(), "alice".len() + 16);
    assert!(first.is_behind());
    first.sync().unwrap();
    assert!(!first.is_behind());
    seal(&first, "alice");
    assert!(!first.is_behind(), "a key is made once");
    drop(first);

    let again = vault(folder.path());
    assert!(!again.is_new());
    assert_eq!(open(&again, "alice", &sealed).unwrap(), b"alice");
    let (handle, here) = (Handle::of_person(person(&again, "alice")), scene("alice"));
    let elsewhere = scene("bob");
    for other in [
        Place { scene: &elsewhere, ..place(&here) },
        Place { scene_seq: 3, ..place(&here) },
        Place { field: Field::Visitor, ..place(&here) },
    ] {
        assert_eq!(again.open(handle, other, &sealed).unwrap(), None, "{other:?}");
    }
    let bob = Handle::of_person(person(&again, "bob"));
    assert_eq!(again.open(bob, place(&here), &sealed).unwrap(), None);
}

#[test]
fn a_person_is_another_one_for_another_account_and_another_blinding_key() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (vault(one.path()), vault(other.path()));
    let alice = person(&one, "alice");
    assert_eq!(alice, person(&one, "alice"));
    assert_ne!(alice, person(&one, "bob"));
    assert_ne!(alice, one.person(&AccountName::new("second").unwrap(), &openid("alice")));
    assert_ne!(alice, person(&other, "alice"));
}

/// Computed by Python's `hmac`: records name people by it.
#[test]
fn under_one_blinding_key_a_person_is_this_one_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    crate::keys::write_key(&folder.path().join("blind.key"), &std::array::from_fn::<u8, 32, _>(|at| at as u8)).unwrap();
    let handle = vault(folder.path()).person(&AccountName::new("main").unwrap(), &openid("oAlice"));
    assert_eq!(handle.0, [25, 131, 192, 146, 252, 148, 240, 151, 187, 63, 208, 182, 112, 96, 244, 38]);
}

#[test]
fn the_files_are_their_users_alone_and_hold_no_key_in_clear() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    seal(&vault, "alice");
    forget(&vault, "bob").unwrap();
    for name in files(folder.path()) {
        let mode = std::fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!holds(folder.path(), b"alice"));
    assert_eq!(format!("{vault:?} {:?}", Handle([7; 16])), "FileVault(…) Handle(…)");
}

#[test]
fn who_was_forgotten_is_gone_and_nobody_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
    assert!(!first.has_forgotten(person(&first, "alice"), NOON).unwrap());
    assert_eq!(forget(&first, "alice").unwrap(), 1);
    assert_eq!(forget(&first, "alice").unwrap(), 0, "a second time there is nothing left");
    assert!(first.has_forgotten(person(&first, "alice"), NOON).unwrap());
    assert_eq!((open(&first, "alice", &alice), open(&first, "bob", &bob).unwrap()), (None, b"bob".to_vec()));
    drop(first);
    let again = vault(folder.path());
    assert_eq!((open(&again, "alice", &alice), open(&again, "bob", &bob).unwrap()), (None, b"bob".to_vec()));
    assert_eq!(
        files(folder.path()),
        ["blind.key", "forgotten", "vault-00000002.key", "vault-00000002.log", "vault-00000002.tab"]
    );
}

/// A file that is unlinked is still there under another name, as its bytes are on the disk.
#[test]
fn what_an_epoch_leaves_behind_is_overwritten_before_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir_in(folder.path()).unwrap();
    let vault = vault(folder.path());
    seal(&vault, "alice");
    seal(&vault, "bob");
    vault.sync().unwrap();
    let names = ["vault-00000001.key", "vault-00000001.tab", "vault-00000001.log"];
    for name in names {
        std::fs::hard_link(folder.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    forget(&vault, "alice").unwrap();
    for name in names {
        assert!(!folder.path().join(name).exists());
        let left = std::fs::read(elsewhere.path().join(name)).unwrap();
        assert!(!left.is_empty() && left.iter().all(|byte| *byte == 0), "{name}");
    }
}

/// On a full disk, whatever is left over would be missing to the journal.
#[test]
fn an_epoch_that_cannot_be_made_leaves_nothing_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let sealed = [seal(&vault, "alice"), seal(&vault, "bob")];
    vault.sync().unwrap();
    for (in_the_way, other) in [("tab", "log"), ("log", "tab")] {
        let in_the_way = folder.path().join("vault-00000002").with_extension(in_the_way);
        std::fs::create_dir(&in_the_way).unwrap();
        assert!(forget(&vault, "alice").is_err());
        assert!(!in_the_way.with_extension(other).exists());
        assert_eq!(open(&vault, "bob", &sealed[1]).unwrap(), b"bob");
        std::fs::remove_dir(&in_the_way).unwrap();
    }
    assert_eq!(forget(&vault, "alice").unwrap(), 1);
    assert_eq!(open(&vault, "alice", &sealed[0]), None);
    assert_eq!(open(&vault, "bob", &sealed[1]).unwrap(), b"bob");
}

#[test]
fn who_comes_back_has_a_new_key_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let before = seal(&first, "alice");
    forget(&first, "alice").unwrap();
    let after = seal(&first, "alice");
    first.sync().unwrap();
    drop(first);
    let again = vault(folder.path());
    assert_eq!((open(&again, "alice", &before), open(&again, "alice", &after).unwrap()), (None, b"alice".to_vec()));
}

#[test]
fn a_forgetting_is_finished_or_never_began_wherever_it_is_interrupted() {
    for step in STEPS {
        let folder = tempfile::tempdir().unwrap();
        let first = vault(folder.path());
        let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
        first.sync().unwrap();
        let key = std::fs::read(folder.path().join("vault-00000001.key")).unwrap();
        *first.shared.stop_behind.lock().unwrap() = Some(step);
        forget(&first, "alice").unwrap_err();
        drop(first);

        let again = vault(folder.path());
        // The ledger came first, so each start goes to the end of it.
        assert_eq!(open(&again, "alice", &alice), None, "{step:?}");
        assert_eq!(open(&again, "bob", &bob).unwrap(), b"bob", "{step:?}");
        assert!(!holds(folder.path(), &key), "{step:?}");
        assert_eq!(files(folder.path()).len(), 5, "{step:?}: {:?}", files(folder.path()));
        assert_eq!(forget(&again, "alice").unwrap(), 0, "{step:?}");
    }
}

#[test]
fn keys_that_nobody_needs_go_and_one_that_is_used_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let sealed = ["alice", "bob", "carol"].map(|name| seal(&first, name));
    let handle = |name| Handle::of_person(person(&first, name));
    let (unneeded, unknown) = ([handle("alice"), handle("bob")], [handle("nobody")]);
    assert_eq!(first.destroy_unused(&unneeded).unwrap(), 0, "nobody has watched who is in use");
    first.watch();
    seal(&first, "bob");
    assert_eq!(first.destroy_unused(&unneeded).unwrap(), 1);
    first.watch();
    assert_eq!(first.destroy_unused(&unknown).unwrap(), 0);
    let left = ["blind.key", "vault-00000002.key", "vault-00000002.log", "vault-00000002.tab"];
    assert_eq!(files(folder.path()), left, "and no ledger");
    let after = seal(&first, "alice");
    first.sync().unwrap();
    drop(first);
    let again = vault(folder.path());
    let opened =
        ["alice", "bob", "carol"].iter().zip(&sealed).map(|(name, sealed)| open(&again, name, sealed).is_some());
    assert_eq!(opened.collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(open(&again, "alice", &after).unwrap(), b"alice", "who comes back has a new key");
}

#[test]
fn a_destruction_of_unneeded_keys_is_whole_or_can_be_asked_for_again() {
    let steps = [Step::TableWritten, Step::TableSynced, Step::KeyWritten, Step::OldKeyRemoved, Step::OldTableRemoved];
    for step in steps.into_iter().chain([Step::OldLogOverwritten, Step::OldLogRemoved]) {
        let folder = tempfile::tempdir().unwrap();
        let first = vault(folder.path());
        let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
        first.sync().unwrap();
        let unneeded = [Handle::of_person(person(&first, "alice"))];
        *first.shared.stop_behind.lock().unwrap() = Some(step);
        first.watch();
        first.destroy_unused(&unneeded).unwrap_err();
        drop(first);
        let again = vault(folder.path());
        again.watch();
        again.destroy_unused(&unneeded).unwrap();
        assert_eq!(open(&again, "alice", &alice), None, "{step:?}");
        assert_eq!(open(&again, "bob", &bob).unwrap(), b"bob", "{step:?}");
        assert_eq!(files(folder.path()).len(), 4, "{step:?}: {:?}", files(folder.path()));
    }
}

#[test]
fn a_ledger_takes_from_another_what_it_does_not_have() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = vault(one.path());
    seal(&first, "alice");
    forget(&first, "alice").unwrap();
    std::fs::copy(one.path().join(FORGOTTEN), two.path().join(FORGOTTEN)).unwrap();
    seal(&first, "bob");
    forget(&first, "bob").unwrap();
    let handles = |folder: &Path| forgotten(folder).unwrap().into_iter().map(|(handle, _)| handle).collect::<Vec<_>>();
    let both = ["alice", "bob"].map(|name| Handle::of_person(person(&first, name)));
    for _ in 0..2 {
        join_forgotten(two.path(), one.path()).unwrap();
        assert_eq!(handles(two.path()), both);
    }
    join_forgotten(one.path(), two.path()).unwrap();
    assert_eq!(handles(one.path()), both);
    join_forgotten(one.path(), &two.path().join("nowhere")).unwrap();
}

#[test]
fn a_backup_of_older_keys_does_not_bring_back_who_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
    first.sync().unwrap();
    let backup = ["vault-00000001.key", "vault-00000001.tab"]
        .map(|name| (folder.path().join(name), std::fs::read(folder.path().join(name)).unwrap()));
    forget(&first, "alice").unwrap();
    drop(first);
    std::fs::remove_file(folder.path().join("vault-00000002.key")).unwrap();
    std::fs::remove_file(folder.path().join("vault-00000002.tab")).unwrap();
    for (path, bytes) in backup {
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let again = vault(folder.path());
    assert_eq!((open(&again, "alice", &alice), open(&again, "bob", &bob).unwrap()), (None, b"bob".to_vec()));
}

#[test]
fn the_table_grows_and_loses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let sealed: Vec<_> = (0..5000).map(|number| seal(&first, &number.to_string())).collect();
    drop(first);
    let again = vault(folder.path());
    for (number, sealed) in sealed.iter().enumerate() {
        let name = number.to_string();
        assert_eq!(open(&again, &name, sealed).unwrap(), name.as_bytes());
    }
    // Twice: behind 2,048 keys and behind 4,096.
    assert_eq!(files(folder.path()), ["blind.key", "vault-00000003.key", "vault-00000003.log", "vault-00000003.tab"]);
}

#[test]
fn keys_that_the_table_lost_with_the_power_come_back_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let table = folder.path().join("vault-00000001.tab");
    let synced = std::fs::read(&table).unwrap();
    let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
    first.sync().unwrap();
    let carol = seal(&first, "carol");
    drop(first);
    std::fs::write(&table, synced).unwrap();
    let again = vault(folder.path());
    assert_eq!(open(&again, "alice", &alice).unwrap(), b"alice");
    assert_eq!(open(&again, "bob", &bob).unwrap(), b"bob");
    assert_eq!(open(&again, "carol", &carol), None, "hers was never durable");
}

#[test]
fn a_torn_entry_of_the_log_opens_nothing_and_hides_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let (table, log) = (folder.path().join("vault-00000001.tab"), folder.path().join("vault-00000001.log"));
    let synced = std::fs::read(&table).unwrap();
    let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
    first.sync().unwrap();
    drop(first);
    std::fs::write(&table, synced).unwrap();
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[40..64].fill(0);
    std::fs::write(&log, bytes).unwrap();
    let again = vault(folder.path());
    assert_eq!((open(&again, "alice", &alice), open(&again, "bob", &bob).unwrap()), (None, b"bob".to_vec()));
    let anew = seal(&again, "alice");
    again.sync().unwrap();
    drop(again);
    assert_eq!(open(&vault(folder.path()), "alice", &anew).unwrap(), b"alice");
}

#[test]
fn a_vault_from_before_there_were_logs_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let alice = seal(&first, "alice");
    drop(first);
    let log = folder.path().join("vault-00000001.log");
    std::fs::remove_file(&log).unwrap();
    let again = vault(folder.path());
    assert_eq!(open(&again, "alice", &alice).unwrap(), b"alice");
    assert!(log.exists());
}

/// At any moment the table may have lost everything behind its last sync, and must get it back.
#[test]
fn the_halves_of_the_log_take_turns_and_lose_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log_path) = (folder.path().join("table"), folder.path().join("log"));
    let key = Secret::new(Box::new([7; 32]));
    let handle = |number: usize| Handle(first_16(&Sha256::digest(number.to_be_bytes())));
    let mut table = table::Table::create(&path, 1, 65_536, &key).unwrap();
    let mut log = log::KeyLog::open(&log_path, &mut table).unwrap();
    // As the table was at the last two turns: of the last one its sync need not have come back.
    let mut durable = [Vec::new(), std::fs::read(&path).unwrap()];
    for group in 0..25 {
        let before = std::fs::read(&path).unwrap();
        for number in group * 1000..(group + 1) * 1000 {
            let table::Found::Vacant(at) = table.find(handle(number)).unwrap() else { panic!("it is there already") };
            log.push(&table.insert(at, handle(number), &key).unwrap());
        }
        let turned = (group + 1) % 8 == 1 && group > 0;
        log.write(&table).unwrap().sync_data().unwrap();
        if turned {
            durable.swap(0, 1);
            durable[1] = before;
        }
        if group % 8 == 7 || turned {
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join("table"), &durable[usize::from(durable[0].is_empty())]).unwrap();
            std::fs::copy(&log_path, copy.path().join("log")).unwrap();
            let mut lost = table::Table::open(&copy.path().join("table"), 1, &key).unwrap().unwrap();
            log::KeyLog::open(&copy.path().join("log"), &mut lost).unwrap();
            for number in 0..(group + 1) * 1000 {
                assert!(matches!(lost.find(handle(number)).unwrap(), table::Found::Key(_)), "{number} after {group}");
            }
        }
    }
}

#[test]
fn a_torn_slot_counts_as_empty_and_hides_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let (alice, bob) = (seal(&first, "alice"), seal(&first, "bob"));
    let handle = person(&first, "alice").0;
    drop(first);
    let path = folder.path().join("vault-00000001.tab");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(16).position(|window| window == handle).unwrap();
    bytes[at + 40..at + 64].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let again = vault(folder.path());
    assert_eq!(open(&again, "alice", &alice), None);
    assert_eq!(open(&again, "bob", &bob).unwrap(), b"bob");
    let anew = seal(&again, "alice");
    assert_eq!(open(&again, "alice", &anew).unwrap(), b"alice");
}

#[test]
fn a_table_without_its_key_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(vault(folder.path()));
    std::fs::write(folder.path().join("vault-00000001.key"), [7; 32]).unwrap();
    let error = FileVault::open_or_create(folder.path()).unwrap_err();
    assert!(matches!(error, VaultError::Broken(_)), "{error}");
    assert!(error.cure().contains("backup"));
}

#[test]
fn keys_that_lack_the_one_beside_them_are_refused_as_they_were_found() {
    for lost in ["blind.key", "vault-00000001.key"] {
        let folder = tempfile::tempdir().unwrap();
        let first = vault(folder.path());
        let sealed = seal(&first, "alice");
        first.sync().unwrap();
        drop(first);
        let key = std::fs::read(folder.path().join(lost)).unwrap();
        std::fs::remove_file(folder.path().join(lost)).unwrap();
        let before = files(folder.path());
        let error = FileVault::open_or_create(folder.path()).unwrap_err();
        assert!(error.to_string().contains(lost) && error.cure().contains("backup"), "{error}");
        assert_eq!(files(folder.path()), before);
        crate::keys::write_key(&folder.path().join(lost), &key).unwrap();
        assert_eq!(open(&vault(folder.path()), "alice", &sealed).unwrap(), b"alice");
    }
}

#[test]
fn a_first_start_that_was_cut_off_before_the_key_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    drop(vault(folder.path()));
    std::fs::remove_file(folder.path().join("vault-00000001.key")).unwrap();
    let again = vault(folder.path());
    let sealed = seal(&again, "alice");
    assert_eq!(open(&again, "alice", &sealed).unwrap(), b"alice");
}

#[test]
fn a_torn_end_of_the_ledger_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    forget(&vault, "alice").unwrap();
    let path = folder.path().join("forgotten");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[1; 17]);
    std::fs::write(&path, bytes).unwrap();
    forget(&vault, "bob").unwrap();
    for name in ["alice", "bob"] {
        assert!(vault.has_forgotten(person(&vault, name), NOON).unwrap(), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_under_its_key_and_no_other(
        clear in prop::collection::vec(any::<u8>(), 0..400), key: [u8; 32], other: [u8; 32], flipped: usize,
    ) {
        prop_assume!(key != other);
        let (key, other): (Secret, Secret) = (SecretBox::new(Box::new(key)), SecretBox::new(Box::new(other)));
        let (handle, scene) = (Handle([9; 16]), scene("alice"));
        let mut sealed = cipher::seal(&key, handle, place(&scene), &clear);
        prop_assert_eq!(cipher::open(&key, handle, place(&scene), &sealed), Some(clear));
        prop_assert_eq!(cipher::open(&other, handle, place(&scene), &sealed), None);
        let at = flipped % sealed.len();
        sealed[at] ^= 1;
        prop_assert_eq!(cipher::open(&key, handle, place(&scene), &sealed), None);
    }

    #[test]
    fn a_wrapped_key_opens_under_its_epoch_and_handle(key: [u8; 32], epoch: [u8; 32], handle: [u8; 16]) {
        let (key, epoch): (Secret, Secret) = (SecretBox::new(Box::new(key)), SecretBox::new(Box::new(epoch)));
        let wrapper = cipher::Wrapper::new(&epoch);
        let wrapped = wrapper.wrap(Handle(handle), &key);
        let unwrapped = wrapper.unwrap(Handle(handle), &wrapped).unwrap();
        prop_assert_eq!(unwrapped.expose_secret(), key.expose_secret());
        let mut other = handle;
        other[15] ^= 1;
        prop_assert!(wrapper.unwrap(Handle(other), &wrapped).is_none());
    }
}
