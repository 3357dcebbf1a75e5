//! Most of the journal is in the archive, where a time is found by an index: what is told is the same.

use std::time::Duration;

use scan_login::cli::Exit;
use scan_login::cli::replay::{ReplayArgs, Surroundings, replay};
use scan_login::clock::rfc3339_micros;
use scan_login::config::Config;
use scan_login::domain::{Confirmed, Event, Redeemed};
use scan_login::store::{self, ArchiveLimits, EventStore};
use serde_json::Value;

use super::asking::*;
use super::support::*;

const LIMITS: ArchiveLimits =
    ArchiveLimits { file_records: 512, young_records: 300, most_age: Duration::from_secs(1_000_000) };

/// 600 logins of four events each, one every ten seconds. Each is scanned 25 s after it was created, and redeemed after 50 s
/// by one of 20 people; every tenth was opened by the original page under one id.
async fn fill(config: &Config) {
    let journal = store::open_with(config.store.path.clone(), LIMITS, vault(config)).unwrap();
    for slot in 0..610 {
        let login = |back: u64| (slot >= back && slot - back < 600).then(|| (slot - back, 10 * slot));
        if let Some((number, seconds)) = login(0) {
            let page = (number % 10 == 7).then_some("123451");
            append(&journal, &format!("{number}"), 0, seconds, vec![created(page)]).await;
        }
        if let Some((number, seconds)) = login(3) {
            let seconds = seconds - 5;
            let confirmed = Event::Confirmed(Confirmed { code_expires_at: at(seconds + 60) });
            let events = vec![scanned(&format!("person-{}", number % 20)), confirmed];
            append(&journal, &format!("{number}"), 1, seconds, events).await;
        }
        if let Some((number, seconds)) = login(5) {
            let redeemed = Event::Redeemed(Redeemed { access_token_expires_at: at(seconds + 600) });
            append(&journal, &format!("{number}"), 3, seconds, vec![redeemed]).await;
            journal.retire(&scene(&format!("{number}")));
        }
    }
    journal.archived().wait_for(|archived| *archived == 2048).await.unwrap();
    journal.close().await;
}

/// What of all that was told is of the time asked for.
fn within(told: &str, since: u64, until: u64) -> String {
    let (since, until) = (rfc3339_micros(at(since)), rfc3339_micros(at(until)));
    let of_that_time = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let at = line["at"].as_str().unwrap();
        *since <= *at && *at <= *until
    };
    told.lines().filter(of_that_time).map(|line| format!("{line}\n")).collect()
}

async fn told(config: &Config, args: ReplayArgs) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let around = Surroundings { now: at(1_000_000), ..around(None) };
    let exit = replay(&args, config, &around, &mut out, &mut err).await;
    assert_eq!((exit, String::from_utf8(err).unwrap().as_str()), (Exit::Done, ""));
    String::from_utf8(out).unwrap()
}

async fn a_time_tells_what_all_told_of_it(config: &Config) {
    let by_openid = ReplayArgs { openid: Some("person-7".into()), ..asked() };
    let by_page = ReplayArgs { scene: Some("123451".into()), ..asked() };
    for (args, least) in [(asked(), 200), (by_openid, 6), (by_page, 16)] {
        let all = told(config, args.clone()).await;
        for (since, until) in [(1000, 2000), (3025, 4030), (5500, 9000), (0, 900)] {
            let time = |seconds| Some(rfc3339_micros(at(seconds)));
            let narrowed = ReplayArgs { since: time(since), until: time(until), ..args.clone() };
            let expected = within(&all, since, until);
            assert!(expected.lines().count() >= least, "{} lines", expected.lines().count());
            assert_eq!(told(config, narrowed).await, expected, "{args:?}, {since} to {until}");
        }
        let never = ReplayArgs { since: Some(rfc3339_micros(at(100_000))), ..args };
        assert_eq!(told(config, never).await, "");
    }
}

#[tokio::test]
async fn the_store_tells_the_same_of_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    fill(&config).await;
    a_time_tells_what_all_told_of_it(&config).await;
}

#[tokio::test]
async fn the_daemon_tells_the_same_of_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    fill(&config).await;
    let journal = store::open_existing(config.store.path.clone(), vault(&config)).unwrap();
    let daemon = Daemon::start(journal, &config.admin.socket).await;
    a_time_tells_what_all_told_of_it(&config).await;
    daemon.stop().await;
}
