//! What is not a store that this program can use: told in two lines with the right exit status, and left as it was found.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use scan_login::domain::{Event, Timestamp};
use scan_login::store::{self, Append, EventStore};

use crate::program::*;
use crate::support::*;
use crate::world::*;

const COMMANDS: [&str; 4] = ["serve", "replay", "store export", "store export --whole-only"];

fn refused(place: &Place, commands: &[&str], what: &str) {
    let before = place.content();
    for command in commands {
        let output = place.command(command).output().unwrap();
        failed(&output, 1, what);
        assert!(place.content() == before, "{command}: something was touched");
    }
}

#[tokio::test]
async fn another_programs_folder() {
    let place = Place::with_store().await;
    std::fs::remove_file(place.store().join("LAYOUT")).unwrap();
    refused(&place, &COMMANDS, "holds something that is not a store of scan-login: a database without a LAYOUT file");
    for text in ["another program's", "", "scan-login store, layout one\n"] {
        std::fs::write(place.store().join("LAYOUT"), text).unwrap();
        refused(&place, &COMMANDS, "is not a store of scan-login: its LAYOUT file is not ours");
    }
}

#[test]
fn a_folder_of_other_files() {
    let place = Place::new();
    std::fs::create_dir(place.store()).unwrap();
    std::fs::write(place.store().join("notes.txt"), "somebody's").unwrap();
    refused(&place, &COMMANDS, "holds something that is not a store of scan-login: `notes.txt` without a LAYOUT file");
}

#[tokio::test]
async fn a_newer_programs_store() {
    let place = Place::with_store().await;
    std::fs::write(place.store().join("LAYOUT"), "scan-login store, layout 99\n").unwrap();
    refused(&place, &COMMANDS, "has layout 99, and this program knows layouts up to");
}

#[tokio::test]
async fn a_store_that_another_process_has() {
    let place = Place::with_store().await;
    let journal = store::open_existing(place.store(), place.vault()).unwrap();
    refused(&place, &COMMANDS, "is in use by another process");
    journal.close().await;
}

#[test]
fn a_file_in_the_stores_place() {
    let place = Place::new();
    std::fs::write(place.store(), "a file").unwrap();
    refused(&place, &COMMANDS, "holds something that is not a store of scan-login: it is not a folder");
}

#[test]
fn no_store_at_all() {
    refused(&Place::new(), &COMMANDS[1..], "there is no journal in");
}

/// Sets the mode of the store's folder and of all files in it.
fn set_modes(place: &Place, folder: u32, files: u32) {
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for (path, _) in content(&place.store()).into_iter().rev() {
        set(&path, if path.is_dir() { folder } else { files });
    }
    set(&place.store(), folder);
}

#[tokio::test]
async fn permissions_that_are_wrong() {
    let place = Place::with_store().await;
    // The daemon would make its folders beside the store.
    let before = place.content();
    for (folder, files) in [(0o000, 0o000), (0o700, 0o000), (0o500, 0o400), (0o700, 0o400)] {
        for command in ["serve", "replay", "store export"] {
            set_modes(&place, folder, files);
            let output = place.bound_command(command).output().unwrap();
            set_modes(&place, 0o700, 0o600);
            failed(&output, 1, "ermission denied");
            assert!(place.content() == before, "{command} with {folder:o} and {files:o}: something was touched");
        }
    }
}

#[tokio::test]
async fn a_read_only_file_system() {
    let place = Place::with_store().await;
    let before = place.content();
    let output_of = |command: &str| -> Output {
        let mut command = place.command(command);
        command.env("LD_PRELOAD", read_only()).env("READ_ONLY", place.folder.path()).output().unwrap()
    };
    for command in ["serve", "replay", "store export", "store migrate"] {
        let output = output_of(command);
        failed(&output, 1, "Read-only file system");
        assert!(String::from_utf8_lossy(&output.stderr).contains("store export --whole-only"), "the cure is another");
        assert!(place.content() == before, "{command}: something was touched");
    }
    // Which is where this helps.
    let output = output_of("store export --whole-only");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.content() == before, "something was touched");
    assert_eq!(output.stdout, place.exported().await);
}

#[tokio::test]
async fn times_that_make_no_sense_are_read_all_the_same() {
    let place = Place::new();
    let journal = place.create();
    let times = [i64::MIN, -1, 0, i64::MAX];
    for (number, micros) in (0..).zip(times) {
        let scene = scene(&format!("t{number}"));
        let stored =
            journal.append(&scene, 0, Timestamp::from_micros(micros), vec![created(None), Event::Expired]).await;
        assert!(matches!(stored, Ok(Append::Stored(_))), "{stored:?}");
    }
    journal.close().await;
    drop(journal);
    for command in ["replay", "replay --since 1970-01-01T00:00:00Z --format table", "store export", "store info"] {
        let output = place.command(command).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("panicked"), "{command}: {told}");
        assert!(!output.stdout.is_empty(), "{command}");
    }
    let output = place.command("replay").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2 * times.len());
    for since in ["2026-02-30", "25:00", "9999999999h"] {
        let output = place.command(&format!("replay --since {since}")).output().unwrap();
        failed(&output, 2, since);
    }
}

/// A store whose last crash tore the seventh record, of which nobody was told.
async fn with_a_torn_tail() -> Place {
    let place = Place::with_store().await;
    let head = std::fs::read(place.store().join("HEAD")).unwrap();
    let journal = store::open_existing(place.store(), place.vault()).unwrap();
    append(&journal, "c", 0, 9, vec![created(None)]).await;
    journal.close().await;
    drop(journal);
    std::fs::write(place.store().join("HEAD"), head).unwrap();
    for entry in std::fs::read_dir(place.store()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    let db = place.store().join("db");
    let mut bytes = std::fs::read(&db).unwrap();
    let first = memchr::memmem::find_iter(&bytes, b"SLJ2")
        .find(|at| bytes[at + 8..at + 16] == 7_u64.to_le_bytes())
        .expect("no chunk begins with the seventh record");
    // A byte of its message, and everything behind the chunk.
    let length = usize::from(u16::from_le_bytes([bytes[first + 4], bytes[first + 5]])) + 28;
    bytes[first - 1] ^= 1;
    bytes[first + length..].fill(0);
    std::fs::write(&db, bytes).unwrap();
    place
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_log_names_it() {
    let place = with_a_torn_tail().await;
    let mut daemon = place.command("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(daemon.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("serving") {
        assert!(log.read_line(&mut told).unwrap() > 0, "it did not start: {told}");
    }
    let pid = rustix::process::Pid::from_child(&daemon);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    log.read_to_string(&mut told).unwrap();
    assert!(daemon.wait().unwrap().success(), "{told}");
    let line =
        told.lines().find(|line| line.contains("were torn by the last crash")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("first=7") && line.contains("last=7"), "{line}");
    let records = place.records().await;
    assert!(records.iter().all(|record| record.decode().unwrap().scene != scene("c")), "the torn record is there");
    assert!(records.len() >= 6, "more than the torn record is gone");
}
