//! The log that an auditor can trust, as its operator and its attacker meet it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use scan_login::domain::{DenyReason, Event, Recorded};
use scan_login::store::{self, EventStore};
use scan_login::tlog::{InclusionProof, leaf_hash};
use scan_login::vault::{self, OpenVault};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Checkpoint, Hash};

use crate::support::*;

/// How a command ended, its standard output and standard error.
async fn audit(world: &World, arguments: &str) -> (ExitStatus, String, String) {
    let output = world.command(&format!("audit {arguments}")).stdin(Stdio::null()).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

/// One that must find something.
async fn found(world: &World, arguments: &str) -> String {
    let (status, out, told) = audit(world, arguments).await;
    assert_eq!((status.code(), out.as_str()), (Some(1), ""), "{told}");
    assert!(told.contains("\n    "), "it gives no cure: {told}");
    told
}

/// One that must find nothing.
async fn whole(world: &World, arguments: &str) -> String {
    let (status, out, told) = audit(world, arguments).await;
    assert!(status.success(), "{told}");
    assert!(out.starts_with("the log is whole: "), "{out}");
    out
}

/// Logins of which some end; the checkpoint that is printed then goes to a file of its own.
async fn some_logins(world: &World, keep_as: &str) -> PathBuf {
    for openid in ["oAlice", "oBob"] {
        let page = world.create().await;
        world.scan(&page.qr_content, openid).await;
        page.wait_for("confirmed").await;
    }
    let (status, checkpoint, told) = audit(world, "checkpoint").await;
    assert!(status.success(), "{told}");
    let file = world.folder.path().join(keep_as);
    std::fs::write(&file, checkpoint).unwrap();
    file
}

fn data(world: &World) -> PathBuf {
    world.folder.path().join("data")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() { copy(&from, &to) } else { drop(std::fs::copy(&from, &to)) }
    }
}

/// Every file of the store and the keys, to see whether it is touched; but for what opening a store always writes.
fn files(world: &World) -> Vec<(PathBuf, Vec<u8>)> {
    let below = [files_below(&data(world)), files_below(&world.folder.path().join("keys"))].concat();
    let ours = ["TREE", "CHECKPOINTS", "checkpoint.last", "checkpoint.key", "derivation.key", "LAYOUT"];
    let is_ours = |path: &PathBuf| ours.iter().any(|name| path.ends_with(name));
    let mut found: Vec<_> =
        below.into_iter().filter(is_ours).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    found.sort();
    found
}

/// The daemon's own keys of persons.
fn vault_of(world: &World) -> impl OpenVault + use<> {
    let keys = world.folder.path().join("keys");
    move || vault::open_existing(&keys)
}

/// Writes the store anew, as somebody does who knows its format and all its checksums: with `change` made to its events.
async fn rewrite(world: &World, change: impl FnOnce(&mut Vec<Recorded>)) {
    let old = store::open_existing(data(world), vault_of(world)).unwrap();
    let mut events = old.read(1, usize::MAX).await.unwrap();
    old.close().await;
    drop(old);
    change(&mut events);
    let written = world.folder.path().join("written");
    let new = store::open_or_create(written.clone(), vault_of(world)).unwrap();
    for event in events {
        new.append(&event.scene, event.scene_seq - 1, event.at, vec![event.event]).await.unwrap();
    }
    new.close().await;
    drop(new);
    for name in ["TREE", "CHECKPOINTS"] {
        std::fs::copy(data(world).join(name), written.join(name)).unwrap();
    }
    std::fs::remove_dir_all(data(world)).unwrap();
    std::fs::rename(written, data(world)).unwrap();
}

#[tokio::test]
async fn a_log_that_nobody_touched_verifies_beside_a_daemon_and_without_one() {
    let mut world = World::start().await;
    let early = some_logins(&world, "early").await;
    let told = whole(&world, "verify").await;
    assert!(told.contains(" fit, the last of "), "{told}");
    some_logins(&world, "late").await;
    let against = format!("verify --against {}", early.display());
    let told = whole(&world, &against).await;
    assert!(told.contains("it extends "), "{told}");
    world.terminate().await;
    assert_eq!(whole(&world, &against).await, whole(&world, &against).await);
    world.run().await;
    whole(&world, &against).await;
    world.kill_and_restart().await;
    whole(&world, &against).await;
}

#[tokio::test]
async fn where_a_journal_was_signed_a_start_makes_no_empty_one() {
    let mut world = World::start().await;
    some_logins(&world, "kept").await;
    world.terminate().await;
    let elsewhere = world.folder.path().join("elsewhere");
    std::fs::rename(data(&world), &elsewhere).unwrap();
    let output = world.command("serve").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("there is no journal in ") && told.contains("its disk is mounted"), "{told}");
    assert!(!data(&world).exists(), "it made one");
    std::fs::rename(&elsewhere, data(&world)).unwrap();
    world.run().await;
    world.terminate().await;
    std::fs::remove_dir_all(data(&world)).unwrap();
    world.run_with("serve --accept-fork").await;
    whole(&world, "verify").await;
}

#[tokio::test]
async fn a_daemon_answers_nothing_of_its_journal_to_who_means_another() {
    let world = World::start().await;
    some_logins(&world, "kept").await;
    let text = std::fs::read_to_string(world.config_file()).unwrap();
    let socket = data(&world).join("admin.sock");
    let other = text.replacen("[admin]", &format!("[store]\npath = \"other\"\n[admin]\nsocket = {socket:?}"), 1);
    let other_file = world.folder.path().join("other.toml");
    std::fs::write(&other_file, other).unwrap();
    for arguments in
        ["audit verify", "audit checkpoint", "audit forget --openid oBob --account main", "replay", "store export"]
    {
        let asked = world.command(&format!("{arguments} --config {}", other_file.display()));
        let output = { asked }.output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{arguments}: {told}");
        assert!(told.contains("it has another journal than [store] path of this configuration"), "{arguments}: {told}");
    }
    whole(&world, "verify").await;
}

#[tokio::test]
async fn the_key_is_told_at_the_start_and_with_each_checkpoint() {
    let mut world = World::start().await;
    let kept = some_logins(&world, "kept").await;
    let (_, checkpoint, told) = audit(&world, "checkpoint").await;
    let key = told.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(key.contains('+'), "{told}");
    let (_, log) = world.terminate().await;
    assert!(log.contains(&key), "{key} is not in {log}");
    let (_, offline, told) = audit(&world, "checkpoint").await;
    assert!(told.contains(&key), "{told}");
    assert_eq!(offline, checkpoint, "the head is the same, and so is what is signed");
    // Whoever has the public key needs no other.
    std::fs::remove_file(world.folder.path().join("keys/checkpoint.key")).unwrap();
    let told = found(&world, "verify").await;
    assert!(told.contains("there is no key ") && told.contains("--vkey"), "{told}");
    whole(&world, &format!("verify --vkey {key} --against {}", kept.display())).await;
    let told = found(&world, "checkpoint").await;
    assert!(told.contains("the key ") && told.contains("is missing"), "{told}");
}

#[tokio::test]
async fn a_record_that_was_altered_with_all_its_checksums_is_found_by_the_audit_and_by_the_start() {
    let mut world = World::start().await;
    some_logins(&world, "kept").await;
    world.terminate().await;
    rewrite(&world, |events| {
        let scanned = events.iter_mut().find(|event| matches!(event.event, Event::Scanned(_))).unwrap();
        scanned.event = Event::Denied(DenyReason::User);
    })
    .await;
    let before = files(&world);
    let told = found(&world, "verify").await;
    assert!(told.contains("are not those that were signed"), "{told}");
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("they were altered, or it is a fork") && told.contains("audit verify"), "{told}");
    found(&world, "checkpoint").await;
    found(&world, "prove 1").await;
    assert_eq!(files(&world), before);
}

#[tokio::test]
async fn a_tail_that_was_cut_off_with_all_that_tells_of_it_is_found_by_a_checkpoint_kept_elsewhere() {
    let mut world = World::start().await;
    some_logins(&world, "early").await;
    world.terminate().await;
    let (backup, last) =
        (std::fs::read(data(&world).join("CHECKPOINTS")).unwrap(), world.folder.path().join("keys/checkpoint.last"));
    let early_last = std::fs::read(&last).unwrap();
    let early = store::open_existing(data(&world), vault_of(&world)).unwrap().head().borrow().seq;
    world.run().await;
    let kept = some_logins(&world, "kept").await;
    world.terminate().await;
    rewrite(&world, |events| events.truncate(early as usize)).await;
    let told = found(&world, "verify").await;
    assert!(told.contains("the end of the log was cut off") && told.contains(&format!("{early} are there")), "{told}");
    // Who can write beside the keys as well leaves nothing to tell of it.
    std::fs::write(data(&world).join("CHECKPOINTS"), backup).unwrap();
    std::fs::write(last, early_last).unwrap();
    whole(&world, "verify").await;
    let told = found(&world, &format!("verify --against {}", kept.display())).await;
    assert!(told.contains("the end of the log was cut off"), "{told}");
}

#[tokio::test]
async fn a_restored_backup_is_refused_until_it_is_accepted_as_a_fork() {
    let mut world = World::start().await;
    let early = some_logins(&world, "early").await;
    world.terminate().await;
    let backup = world.folder.path().join("backup");
    copy(&data(&world), &backup);
    world.run().await;
    let late = some_logins(&world, "late").await;
    world.terminate().await;
    std::fs::remove_dir_all(data(&world)).unwrap();
    copy(&backup, &data(&world));
    let before = files(&world);
    let (status, told) = world.refused().await;
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains("was a backup restored?") && told.contains("serve --accept-fork"), "{told}");
    assert_eq!(files(&world), before, "a refusal touches nothing");
    found(&world, "verify").await;

    world.run_with("serve --accept-fork").await;
    let forked = some_logins(&world, "forked").await;
    let told = whole(&world, &format!("verify --against {}", forked.display())).await;
    assert!(told.contains("it was forked"), "{told}");
    whole(&world, &format!("verify --against {}", early.display())).await;
    found(&world, &format!("verify --against {}", late.display())).await;
    let (_, log) = world.terminate().await;
    assert!(log.contains("takes this journal for a new log: a fork"), "{log}");
    let origin = |file: &Path| std::fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
    assert_ne!(origin(&forked), origin(&late));
    let all = std::fs::read_to_string(data(&world).join("CHECKPOINTS")).unwrap();
    assert!(all.contains(&format!("fork of {} behind its checkpoint of ", origin(&late))), "{all}");
    world.run().await;
}

#[tokio::test]
async fn what_is_no_checkpoint_of_this_log_is_told_apart() {
    let mut world = World::start().await;
    let kept = some_logins(&world, "kept").await;
    let stranger = World::start().await;
    let other = some_logins(&stranger, "kept").await;
    let before = files(&world);
    let told = found(&world, &format!("verify --against {}", other.display())).await;
    assert!(told.contains("is a checkpoint of another log: "), "{told}");
    let text = std::fs::read_to_string(&kept).unwrap();
    let forged = world.folder.path().join("forged");
    let root = text.lines().nth(2).unwrap();
    std::fs::write(&forged, text.replace(root, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")).unwrap();
    let told = found(&world, &format!("verify --against {}", forged.display())).await;
    assert!(told.contains("does not fit the text"), "{told}");
    let (_, _, key) = audit(&stranger, "checkpoint").await;
    let key = key.trim_end().rsplit(' ').next().unwrap();
    let told = found(&world, &format!("verify --vkey {key}")).await;
    assert!(told.contains("is not what was signed: it is not signed by "), "{told}");
    for (content, word) in
        [("", "empty line"), ("hello\n\nworld\n", "none"), ("hello\n\n\u{2014} a AAAAAAAA\n", "a line is missing")]
    {
        std::fs::write(&forged, content).unwrap();
        let (status, _, told) = audit(&world, &format!("verify --against {}", forged.display())).await;
        assert_eq!(status.code(), Some(2), "{told}");
        assert!(told.contains(word) && told.contains("audit checkpoint"), "{told}");
    }
    for usage in
        ["verify --against /nowhere/kept", "verify --against -", "verify --vkey nonsense", "prove 0", "prove x"]
    {
        let (status, _, told) = audit(&world, usage).await;
        assert_eq!(status.code(), Some(2), "{usage}: {told}");
    }
    let told = found(&world, "prove 1000000").await;
    assert!(told.contains("there is no record 1000000: the log has "), "{told}");
    assert_eq!(files(&world), before);
    world.terminate().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_or_whose_index_is_hurt_does_not_verify() {
    let mut world = World::prepare(|config| config).await;
    let told = found(&world, "verify").await;
    assert!(told.contains("there is no journal in "), "{told}");
    world.run().await;
    some_logins(&world, "kept").await;
    world.terminate().await;
    let whole_one = world.folder.path().join("whole");
    copy(&data(&world), &whole_one);
    for name in ["db", "LAYOUT", "HEAD", "CHECKPOINTS", "TREE"] {
        let path = data(&world).join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        // What is empty gets a content: as if there had been 256 records.
        let damaged = if name == "HEAD" { bytes.len() } else { bytes.len() / 2 };
        bytes.resize(bytes.len().max(32), 1);
        bytes[..damaged].fill(b'?');
        std::fs::write(&path, &bytes).unwrap();
        let told = found(&world, "verify").await;
        assert!(!told.contains("panicked"), "{name}: {told}");
        std::fs::remove_dir_all(data(&world)).unwrap();
        copy(&whole_one, &data(&world));
        whole(&world, "verify").await;
    }
}

/// What anybody can do with what `audit` prints: nothing of ours looks at it here.
#[tokio::test]
async fn somebody_elses_tools_take_our_checkpoints_and_our_proofs() {
    let mut world = World::start().await;
    some_logins(&world, "kept").await;
    for is_running in [true, false] {
        if !is_running {
            world.terminate().await;
        }
        let (_, _, told) = audit(&world, "checkpoint").await;
        let key = told.trim_end().rsplit(' ').next().unwrap().to_owned();
        let (status, text, told) = audit(&world, "prove 2").await;
        assert!(status.success(), "{told}");
        let (head, checkpoint) = text.split_once("\n\n").unwrap();
        let note = Note::from_bytes(checkpoint.as_bytes()).unwrap();
        let verifier = StandardVerifier::new(&key).unwrap();
        assert!(note.verify(&VerifierList::new(vec![Box::new(verifier)])).is_ok());
        let signed = Checkpoint::from_bytes(note.text()).unwrap();
        let proof: Vec<Hash> = head.lines().skip(3).map(|line| Hash::parse_hash(line).unwrap()).collect();
        let body = InclusionProof::parse(&text).unwrap().extra.unwrap();
        let record = Hash(leaf_hash(&body).0);
        tlog_tiles::check_record(&proof, signed.size(), *signed.hash(), 1, record).unwrap();
    }
}
