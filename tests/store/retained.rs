//! A journal whose front retention has removed is the same journal wherever it is carried.

use std::sync::Arc;
use std::time::Duration;

use scan_login::audit::{Checkpointer, IfOther, Setup};
use scan_login::cli::Exit;
use scan_login::cli::audit::{Around, AuditCommand, VerifyArgs, audit};
use scan_login::cli::store::{ExportArgs, StoreCommand};
use scan_login::clock::Clock;
use scan_login::domain::{Event, SceneId, Timestamp};
use scan_login::retention::Retention;
use scan_login::store::{self, ArchiveLimits, EventStore, Journal, RawRecord};

use crate::support::*;
use crate::world::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn setup(place: &Place, journal: Arc<Journal>, clock: Clock) -> Setup {
    Setup {
        store: journal,
        folder: place.store(),
        keys: place.config.keys.path.clone(),
        key: place.config.keys.checkpoint_key_file.clone(),
        site: "login.example.com".into(),
        clock,
    }
}

/// 600 sessions, of which retention has removed the first 512; and what is left.
async fn cut(place: &Place) -> Vec<RawRecord> {
    let clock = Clock::simulated(at(0));
    let limits = ArchiveLimits { file_records: 256, young_records: 0, ..ArchiveLimits::default() };
    let journal = Arc::new(store::open_with(place.store(), limits, place.vault()).unwrap());
    let checkpointer = Checkpointer::start(setup(place, journal.clone(), clock.clone()), IfOther::Refuse).await;
    let checkpointer = Arc::new(checkpointer.unwrap());
    for number in 0..600_u64 {
        let scene = SceneId::new(format!("sl-{number:0>22}")).unwrap();
        let day = if number < 512 { 1 } else { 100 };
        journal.append(&scene, 0, at(0).after(DAY * day), vec![Event::Expired]).await.unwrap();
        journal.retire(&scene);
        if number == 300 {
            checkpointer.checkpoint().await.unwrap();
        }
    }
    journal.settled().await.unwrap();
    journal.archived().wait_for(|archived| *archived >= 512).await.unwrap();
    let mut retention = Retention::new(journal.clone(), checkpointer, clock, 180 * DAY);
    tokio::time::advance(190 * DAY).await;
    retention.look().await.unwrap();
    tokio::time::advance(HOUR).await;
    retention.look().await.unwrap();
    let left = journal.read_raw(1, usize::MAX).await.unwrap();
    assert_eq!((left.first().unwrap().seq, left.len()), (513, 88));
    journal.close().await;
    left
}

/// The root of the whole tree, as a daemon signs it.
async fn root(place: &Place) -> (u64, String) {
    let journal = Arc::new(store::open_existing(place.store(), place.vault()).unwrap());
    let setup = setup(place, journal.clone(), Clock::from_fn(|| Timestamp::from_micros(0)));
    let checkpointer = Arc::new(Checkpointer::start(setup, IfOther::Refuse).await.unwrap());
    let note = checkpointer.checkpoint().await.unwrap();
    journal.close().await;
    let mut lines = note.lines().skip(1);
    (lines.next().unwrap().parse().unwrap(), lines.next().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_imported_journal_has_the_root_of_the_one_whose_front_was_removed() {
    let (place, other) = (Place::new(), Place::new());
    let left = cut(&place).await;
    let export = place.exported().await;
    assert!(export.starts_with(b"{\"format\":\"scan-login journal\",\"version\":2,\"first\":513,"));
    std::fs::write(other.file("export"), &export).unwrap();
    let told = other.told(import(&other.file("export"))).await;
    told.done();
    assert!(told.err.contains("imported 88 records"), "{}", told.err);
    assert_eq!(other.records().await, left);
    assert_eq!(root(&other).await, root(&place).await);
    assert_eq!(other.exported().await, export, "it is exported as before");
    // What it needs to hold old checkpoints against removed records it never had, and has no such checkpoint.
    let (exit, said) = audited(&other, AuditCommand::Verify(VerifyArgs::default())).await;
    assert!(exit == Exit::Done && said.contains("the log is whole: 600 records"), "{said}");
    assert!(!said.contains("cannot be held"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_brings_along_what_is_left_and_what_proves_it() {
    let (place, other) = (Place::new(), Place::new());
    let left = cut(&place).await;
    place.told(backup(place.file("backup"), true)).await.done();
    let told = other.told(restore(place.file("backup"), true)).await;
    told.done();
    assert!(told.err.contains("restored 88 records"), "{}", told.err);
    assert_eq!(other.records().await, left);
    for name in ["FIRST", "TREE", "NODES", "CHECKPOINTS"] {
        let [here, there] = [&place, &other].map(|place| std::fs::read(place.store().join(name)).unwrap());
        assert!(here == there, "{name} differs");
    }
    assert_eq!(root(&other).await, root(&place).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_whole_of_it_is_found_and_what_was_removed_is_not_missing() {
    let place = Place::new();
    cut(&place).await;
    let whole = StoreCommand::Export(ExportArgs { whole_only: true, ..ExportArgs::default() });
    let told = place.told(whole).await;
    told.done();
    assert!(told.err.contains("exported 88 of 88 records"), "{}", told.err);
    assert!(told.err.contains("records 1 to 512 had been removed by retention"), "{}", told.err);
    let told = place.told(StoreCommand::Info).await;
    told.done();
    let out = String::from_utf8(told.out).unwrap();
    assert!(out.contains("records    88\n") && out.contains("removed    1 to 512, by retention\n"), "{out}");
}

async fn audited(place: &Place, command: AuditCommand) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let around = Around { out: &mut out, err: &mut err, input: &mut std::io::empty(), shows_progress: false };
    let exit = audit(&command, &place.config, around).await;
    (exit, String::from_utf8([out, err].concat()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_audit_holds_what_is_left_against_all_that_was_signed_and_says_what_is_not_there() {
    let place = Place::new();
    cut(&place).await;
    let (exit, said) = audited(&place, AuditCommand::Verify(VerifyArgs::default())).await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(said.contains("the log is whole: 600 records"), "{said}");
    assert!(said.contains("records 1 to 512 were removed by retention, as was signed"), "{said}");
    assert!(!said.contains("cannot be held"), "{said}");

    // A checkpoint that ends among the removed ones, kept elsewhere.
    let all = std::fs::read_to_string(place.store().join("CHECKPOINTS")).unwrap();
    let begin = all.find("\n301\n").unwrap();
    let begin = all[..begin].rfind('\n').unwrap() + 1;
    let end = begin + all[begin..].find("\n\ncheckpoint").unwrap();
    std::fs::write(place.file("kept"), &all[begin..=end]).unwrap();
    let against = VerifyArgs { against: Some(place.file("kept")), ..VerifyArgs::default() };
    let (exit, said) = audited(&place, AuditCommand::Verify(against.clone())).await;
    assert!(exit == Exit::Done && said.contains("kept, 301 records"), "{said}");
    let nodes = std::fs::read(place.store().join("NODES")).unwrap();
    std::fs::remove_file(place.store().join("NODES")).unwrap();
    let (exit, said) = audited(&place, AuditCommand::Verify(against)).await;
    assert!(exit == Exit::Failed && said.starts_with("nothing can be said of"), "{said}");
    std::fs::write(place.store().join("NODES"), nodes).unwrap();

    let (exit, said) = audited(&place, AuditCommand::Prove { seq: 550 }).await;
    assert!(exit == Exit::Done && said.contains("c2sp.org/tlog-proof"), "{said}");
    let (exit, said) = audited(&place, AuditCommand::Prove { seq: 512 }).await;
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(said.starts_with("record 512 was removed by retention, as all up to 512 were"), "{said}");
}

/// Whoever can write the files, and cannot sign, takes a file away and says that retention did.
#[tokio::test(start_paused = true)]
async fn who_cannot_sign_cannot_pass_off_a_hole_as_retention() {
    let place = Place::new();
    cut(&place).await;
    // What was signed is put back to before.
    let all = place.store().join("CHECKPOINTS");
    let text = std::fs::read_to_string(&all).unwrap();
    let entries = text.trim_end().split("\n\ncheckpoint ").filter(|entry| !entry.contains("without records"));
    let entries: Vec<&str> = entries.map(|entry| entry.trim_start_matches("checkpoint ")).collect();
    let framed = |entry: &&str| format!("checkpoint {entry}\n\n");
    std::fs::write(all, entries.iter().map(framed).collect::<String>()).unwrap();
    std::fs::write(place.config.keys.path.join("checkpoint.last"), framed(entries.last().unwrap())).unwrap();
    let (exit, said) = audited(&place, AuditCommand::Verify(VerifyArgs::default())).await;
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(said.contains("records 1 to 512 are not there, and no checkpoint says that retention removed"), "{said}");
}
