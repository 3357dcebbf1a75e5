//! `--at`: where sessions stood.

use scan_login::cli::Exit;
use scan_login::cli::replay::{Format, ReplayArgs, Screen, replay};
use scan_login::config::Config;
use scan_login::store;
use serde_json::Value;

use super::asking::*;
use super::support::*;

/// What the command tells of the moment so many seconds after the start.
fn at_second(seconds: u64) -> ReplayArgs {
    ReplayArgs { at: Some(format!("{}s", 60 - seconds)), ..asked() }
}

fn states(jsonl: &str) -> Vec<(String, String)> {
    let object = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of = |line: &str| (text(&object(line)["scene_id"]), text(&object(line)["state"]));
    let mut states: Vec<_> = jsonl.lines().map(of).collect();
    states.sort();
    states
}

async fn state_names(config: &Config, args: ReplayArgs) -> Vec<String> {
    let (exit, out, err) = replayed(config, args).await;
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    states(&out).into_iter().map(|(_, state)| state).collect()
}

#[tokio::test]
async fn each_moment_has_its_states_without_a_daemon_and_beside_one() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let story: [(u64, &[&str]); 5] = [
        (0, &[]),
        (1, &["pending"]),
        (3, &["confirmed", "pending"]),
        (4, &["confirmed", "scanned"]),
        (5, &["confirmed", "denied"]),
    ];
    for (seconds, told) in story {
        assert_eq!(state_names(&config, at_second(seconds)).await, told, "{seconds}");
    }
    let (_, from_store, _) = replayed(&config, at_second(4)).await;
    let daemon =
        Daemon::start(store::open_existing(config.store.path.clone(), vault(&config)).unwrap(), &config.admin.socket)
            .await;
    for (seconds, told) in story {
        assert_eq!(state_names(&config, at_second(seconds)).await, told, "{seconds}");
    }
    assert_eq!(replayed(&config, at_second(4)).await.1, from_store);
    daemon.stop().await;
}

#[tokio::test]
async fn a_moment_is_narrowed_to_a_session_a_page_a_person_and_an_age() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let asked_at = |seconds| ReplayArgs { ..at_second(seconds) };
    let by_scene = ReplayArgs { scene: Some(scene("b").to_string()), ..asked_at(4) };
    assert_eq!(state_names(&config, by_scene).await, ["scanned"]);
    let by_page = ReplayArgs { scene: Some("123451".into()), ..asked_at(4) };
    assert_eq!(state_names(&config, by_page).await, ["confirmed"]);
    let by_person = |name: &str| ReplayArgs { openid: Some(name.into()), ..asked_at(5) };
    assert_eq!(state_names(&config, by_person("bob")).await, ["denied"]);
    assert_eq!(state_names(&config, by_person("carol")).await, [] as [&str; 0]);
    let young = ReplayArgs { since: Some("58s".into()), ..asked_at(4) };
    assert_eq!(state_names(&config, young).await, ["scanned"], "b was created two seconds after the start");
}

#[tokio::test]
async fn eyes_get_those_that_were_open_and_the_numbers_of_all() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let seen = async |args| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let screen = Some(Screen { width: 140, colour: false });
        assert_eq!(replay(&args, &config, &around(screen), &mut out, &mut err).await, Exit::Done);
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (out, err) = seen(at_second(5)).await;
    assert_eq!(
        out,
        "state      since (Asia/Shanghai)  scene                      client  account  openid\n\
         confirmed  2026-01-02 11:04:08    sl-000000000000000000000a  shop    main     alice   until 11:05:08 page=123451\n"
    );
    assert_eq!(
        err,
        "at 2026-01-02 11:04:10 (Asia/Shanghai) open: 1 confirmed\n\
         over by then: 1 denied   (--format jsonl tells them, too)\n"
    );
    let (out, err) = seen(ReplayArgs { openid: Some("bob".into()), ..at_second(5) }).await;
    assert!(out.lines().nth(1).unwrap().ends_with("bob     user"), "{out}");
    assert_eq!(err, "at 2026-01-02 11:04:10 (Asia/Shanghai) open: none\nover by then: 1 denied\n");
    let (out, err) = seen(at_second(0)).await;
    assert_eq!(
        (out.as_str(), err.as_str()),
        ("", "at 2026-01-02 11:04:05 (Asia/Shanghai) there was no such session\n")
    );
}

#[tokio::test]
async fn a_moment_that_makes_no_sense_is_refused_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let moment = |text: &str| ReplayArgs { at: Some(text.into()), ..asked() };
    for args in [
        moment("soon"),
        moment("2026-02-30"),
        moment("0001-01-01"),
        moment("2027-01-01"),
        ReplayArgs { follow: true, ..moment("1h") },
        ReplayArgs { until: Some("1h".into()), ..moment("1h") },
        ReplayArgs { account: Some("main".into()), ..moment("1h") },
    ] {
        let (exit, out, err) = replayed(&config, args).await;
        assert_eq!((exit, out.as_str(), err.lines().count()), (Exit::Usage, "", 2), "{err}");
    }
    assert!(!config.store.path.exists(), "nothing was made");
}

#[tokio::test]
async fn a_reader_of_a_moment_may_leave_early() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    for format in [Format::Jsonl, Format::Table] {
        let args = ReplayArgs { format: Some(format), ..at_second(4) };
        let mut err = Vec::new();
        assert_eq!(replay(&args, &config, &around(None), &mut Gone, &mut err).await, Exit::Done);
        assert!(err.is_empty());
    }
}
