//! `--report`: the journal in numbers, as a page.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use scan_login::cli::Exit;
use scan_login::cli::replay::ReplayArgs;
use scan_login::domain::Timestamp;
use scan_login::replay::{Facts, Range, Report, render};
use scan_login::store;

use super::asking::*;
use super::month::month;
use super::support::*;

fn report_to(file: &Path) -> ReplayArgs {
    ReplayArgs { report: Some(file.to_owned()), ..asked() }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "data" && name != "admin.sock")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_page_is_the_same_without_a_daemon_and_beside_one() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let page = folder.path().join("page.html");
    let (exit, out, err) = replayed(&config, report_to(&page)).await;
    assert_eq!((exit, out.as_str()), (Exit::Done, ""));
    assert!(err.starts_with(&format!("{} tells of 2 sessions", page.display())), "{err}");
    let from_store = std::fs::read_to_string(&page).unwrap();
    assert!(from_store.contains("2 January 2026, 11:04 – 2 January 2026, 11:04"), "{from_store}");
    assert!(from_store.contains("Denied: declined on the phone"));
    for personal in ["alice", "bob", "sl-0000", "123451", STATE] {
        assert!(!from_store.contains(personal), "{personal} is on the page");
    }

    let journal = store::open_existing(config.store.path.clone(), vault(&config)).unwrap();
    let daemon = Daemon::start(journal, &config.admin.socket).await;
    assert_eq!(replayed(&config, report_to(&page)).await.0, Exit::Done);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), from_store);
    daemon.stop().await;
    assert_eq!(names(folder.path()), ["keys", "page.html"], "nothing else is left");
    assert_ne!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o044, 0, "others may look at it");
}

#[tokio::test]
async fn only_sessions_of_the_range_count() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let page = folder.path().join("page.html");
    for (since, until, count) in [("59s", "59s", 1), ("59s", "58s", 2), ("58s", "1s", 1), ("57s", "1s", 0)] {
        let args = ReplayArgs { since: Some(since.into()), until: Some(until.into()), ..report_to(&page) };
        let (exit, _, err) = replayed(&config, args).await;
        assert_eq!(exit, Exit::Done);
        assert!(err.contains(&format!("tells of {count} session")), "{since} to {until}: {err}");
    }
    assert!(std::fs::read_to_string(&page).unwrap().contains("No session was created in this time."));
}

#[tokio::test]
async fn what_cannot_be_a_report_is_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let inside = folder.path().join("folder");
    std::fs::create_dir(&inside).unwrap();
    for (file, told) in [
        (inside.clone(), "it is a folder"),
        (PathBuf::from(format!("{}/new/", folder.path().display())), "it names no file"),
        (folder.path().join("nowhere/page.html"), "its folder does not exist"),
        (PathBuf::from("/dev/null"), "something else than a file is there"),
    ] {
        let (exit, out, err) = replayed(&config, report_to(&file)).await;
        assert_eq!((exit, out.as_str(), err.lines().count()), (Exit::Usage, "", 2), "{err}");
        assert!(err.contains(told), "{err}");
    }
    assert_eq!(names(folder.path()), ["folder"]);
}

#[tokio::test]
async fn where_the_journal_cannot_be_read_the_old_report_stays() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let page = folder.path().join("page.html");
    std::fs::write(&page, "of last month").unwrap();
    assert_eq!(replayed(&config, report_to(&page)).await.0, Exit::Failed, "there is no journal");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "of last month");
}

#[tokio::test]
async fn a_link_to_a_report_stays_a_link() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let (page, link) = (folder.path().join("page.html"), folder.path().join("latest.html"));
    std::fs::write(&page, "old").unwrap();
    std::os::unix::fs::symlink(&page, &link).unwrap();
    assert_eq!(replayed(&config, report_to(&link)).await.0, Exit::Done);
    assert!(link.is_symlink());
    assert!(std::fs::read_to_string(&page).unwrap().starts_with("<!doctype html>"));
}

/// Written where it can be looked at.
#[test]
fn a_month_of_three_websites_fits_one_page() {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    // 2026-10-01 and the last moment of 2026-10-31, in Shanghai.
    let start = Timestamp::from_micros(1_790_784_000_000_000);
    let until = Timestamp::from_micros(1_793_462_399_999_999);
    let now = Timestamp::from_micros(1_793_500_000_000_000);
    let events = month(start, 31, 900.0);
    let range = Range { since: Some(start), until: Some(until) };
    let mut report = Report::new(range, now, zone.clone());
    events.iter().for_each(|recorded| report.take(recorded));
    let page = render(&report.finish(), &Facts { range, now, head: events.len() as u64, zone });
    assert!(page.contains("<h1>1 October 2026 – 31 October 2026</h1>"));
    assert!(page.contains("Each bar is one day"));
    assert!(page.len() < 100_000, "{} bytes", page.len());
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("month.html"), page).unwrap();
}
