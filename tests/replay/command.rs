//! The command, with its output in memory, over a real store and a real socket.

use std::io::{self, Write};
use std::time::Duration;

use scan_login::cli::Exit;
use scan_login::cli::replay::{Format, ReplayArgs, Screen, replay};
use scan_login::domain::{Event, EventKind};
use scan_login::store::{self, MemoryMedium};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::asking::*;
use super::support::*;

fn types(jsonl: &str) -> Vec<String> {
    let kind = |line: &str| serde_json::from_str::<Value>(line).unwrap()["type"].as_str().unwrap().to_owned();
    jsonl.lines().map(kind).collect()
}

const ALL: [&str; 6] = ["created", "created", "scanned", "confirmed", "scanned", "denied"];

#[tokio::test]
async fn the_store_and_the_daemon_tell_the_same() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let (exit, from_store, err) = replayed(&config, asked()).await;
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert_eq!(types(&from_store), ALL);

    let journal = store::open_existing(config.store.path.clone(), vault(&config)).unwrap();
    let daemon = Daemon::start(journal, &config.admin.socket).await;
    let (exit, from_daemon, err) = replayed(&config, asked()).await;
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert_eq!(from_daemon, from_store);

    for secret in ["digest-of-the", "646967657374", "100,105,103", "ZGlnZXN0LW9m", STATE] {
        assert!(!from_store.contains(secret), "{secret} is in {from_store}");
    }
    let narrowed = ReplayArgs { scene: Some("123451".into()), kinds: vec![EventKind::Confirmed], ..asked() };
    let (_, beside, _) = replayed(&config, narrowed.clone()).await;
    daemon.stop().await;
    let (_, without, _) = replayed(&config, narrowed).await;
    assert_eq!((types(&beside), beside), (vec!["confirmed".to_owned()], without));
}

#[tokio::test]
async fn a_terminal_gets_a_table() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let args = ReplayArgs { since: Some("57s".into()), until: Some("56s".into()), ..asked() };
    let screen = Some(Screen { width: 120, colour: false });
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(replay(&args, &config, &around(screen), &mut out, &mut err).await, Exit::Done);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "seq  time (Asia/Shanghai)     scene                      type       details\n  \
         3  2026-01-02 11:04:08.000  sl-000000000000000000000a  scanned    openid=alice account=main\n  \
         4  2026-01-02 11:04:08.000  sl-000000000000000000000a  confirmed  code_expires_at=11:05:08\n  \
         5  2026-01-02 11:04:09.000  sl-000000000000000000000b  scanned    openid=bob account=main\n"
    );

    let nobody = ReplayArgs { openid: Some("carol".into()), format: Some(Format::Table), ..asked() };
    let (exit, out, err) = replayed(&config, nobody).await;
    assert_eq!((exit, out.lines().count(), err.as_str()), (Exit::Done, 1, "no event matches\n"));
}

#[tokio::test]
async fn an_account_that_is_mistyped_is_told() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    for (account, told) in [("main", ""), ("mian", "the configuration has no account `mian`\n")] {
        let at = [None, Some("1s".to_owned())];
        for at in at {
            let args = ReplayArgs { openid: Some("alice".into()), account: Some(account.into()), at, ..asked() };
            let (exit, out, err) = replayed(&config, args).await;
            assert_eq!((exit, out.is_empty(), err.as_str()), (Exit::Done, !told.is_empty(), told));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_told_in_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let shown = |text: &str| text.replace(folder.path().to_str().unwrap(), "DIR");

    let (exit, out, err) = replayed(&config, asked()).await;
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
    assert!(shown(&err).starts_with("there is no journal in DIR/data\n    give the configuration"), "{err}");
    assert!(!config.store.path.exists(), "nothing was made");

    let journal = store::open_or_create(config.store.path.clone(), vault(&config)).unwrap();
    let (exit, _, err) = replayed(&config, asked()).await;
    assert_eq!(exit, Exit::Failed);
    let told = "the journal in DIR/data is in use by another process, and no daemon answers at DIR/admin.sock\n";
    assert!(shown(&err).starts_with(told), "{err}");
    assert_eq!(err.lines().count(), 2);
    store::EventStore::close(&journal).await;

    for args in [
        ReplayArgs { since: Some("soon".into()), ..asked() },
        ReplayArgs { scene: Some("a b".into()), ..asked() },
        ReplayArgs { since: Some("1h".into()), until: Some("2h".into()), ..asked() },
    ] {
        let (exit, out, err) = replayed(&config, args).await;
        assert_eq!((exit, out.as_str(), err.lines().count()), (Exit::Usage, "", 2), "{err}");
    }
}

#[tokio::test]
async fn without_a_daemon_there_is_nothing_to_follow() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    // What a killed daemon leaves.
    drop(std::os::unix::net::UnixListener::bind(&config.admin.socket).unwrap());
    let (exit, out, err) = replayed(&config, ReplayArgs { follow: true, ..asked() }).await;
    assert_eq!((exit, types(&out).len()), (Exit::Failed, 6), "what is there is printed");
    assert!(err.contains("no daemon answers at"), "{err}");
    assert!(err.contains("scan-login serve"), "{err}");
}

/// Hands on what is written, at once.
struct Reader(mpsc::UnboundedSender<String>);

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.send(text).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_follower_sees_events_as_they_happen_until_the_daemon_stops() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &config.admin.socket).await;
    two_logins(&*daemon.store).await;
    let (written, mut read) = mpsc::unbounded_channel();
    let (mut out, mut err) = (Reader(written), Vec::new());
    let (args, around) = (ReplayArgs { follow: true, ..asked() }, around(None));
    let follower = replay(&args, &config, &around, &mut out, &mut err);
    let story = async {
        assert_eq!(types(&read.recv().await.unwrap()), ALL);
        append(&*daemon.store, "c", 0, 6, vec![created(None)]).await;
        assert_eq!(types(&read.recv().await.unwrap()), ["created"]);
        append(&*daemon.store, "c", 1, 7, vec![Event::Expired]).await;
        assert_eq!(types(&read.recv().await.unwrap()), ["expired"]);
        daemon.stop().await;
    };
    let (exit, ()) = tokio::join!(follower, story);
    let err = String::from_utf8(err).unwrap();
    assert_eq!((exit, err.lines().next()), (Exit::Failed, Some("the daemon has stopped, so nothing more is to come")));
}

/// Fails as the system does.
struct Failing(io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_has_had_enough_is_no_fault_and_a_full_disk_is() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let replayed_to = async |kind, follow| {
        let mut err = Vec::new();
        let args = ReplayArgs { follow, ..asked() };
        let exit = replay(&args, &config, &around(None), &mut Failing(kind), &mut err).await;
        (exit, String::from_utf8(err).unwrap())
    };
    assert_eq!(replayed_to(io::ErrorKind::BrokenPipe, false).await, (Exit::Done, String::new()));
    let (exit, err) = replayed_to(io::ErrorKind::StorageFull, false).await;
    assert_eq!((exit, err.lines().count()), (Exit::Failed, 2), "{err}");

    let daemon =
        Daemon::start(store::open_existing(config.store.path.clone(), vault(&config)).unwrap(), &config.admin.socket)
            .await;
    assert_eq!(replayed_to(io::ErrorKind::BrokenPipe, true).await, (Exit::Done, String::new()));
    assert_eq!(replayed_to(io::ErrorKind::StorageFull, true).await.0, Exit::Failed);
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_that_meets_damage_says_so_after_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let medium = MemoryMedium::new();
    let daemon = Daemon::start(medium.open().unwrap(), &config.admin.socket).await;
    two_logins(&*daemon.store).await;
    medium.flip_bit(1, 40);
    let (exit, _, err) = replayed(&config, asked()).await;
    assert_eq!((exit, err.lines().count()), (Exit::Failed, 2), "{err}");
    assert!(err.starts_with("the daemon cannot read on: the journal is damaged: "), "{err}");
    daemon.stop().await;
}

#[tokio::test]
async fn somebody_else_behind_the_socket_is_told() {
    let folder = folder_with_store().await;
    let config = config(folder.path());
    let listener = UnixListener::bind(&config.admin.socket).unwrap();
    let answering = |answer: &'static str| {
        let accept = async |listener: &UnixListener| {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            if !answer.is_empty() {
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let (listener, config) = (&listener, &config);
        async move { tokio::join!(accept(listener), replayed(config, asked())).1 }
    };
    let (exit, _, err) = answering("").await;
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("admin.sock hung up"), "{err}");

    let (_, _, err) = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    assert!(err.starts_with("the daemon refuses: status 404 Not Found\n    see that [admin] socket"), "{err}");

    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nx-journal-head: 2\r\n\r\n{\"seq\":1,\"type\":\"expired\"}\n{";
    let (exit, out, err) = answering(half).await;
    assert_eq!((exit, out.as_str()), (Exit::Failed, "{\"seq\":1,\"type\":\"expired\"}\n"));
    assert!(err.starts_with("the daemon's answer broke off: "), "{err}");

    let worse = "HTTP/1.1 400 Bad Request\r\ncontent-length: 32\r\n\r\n{\"title\":\"no\",\"detail\":\"update\"}\n";
    let (_, _, err) = answering(worse).await;
    assert_eq!(err, "the daemon refuses: no\n    update\n");
}

/// A daemon that takes longer over its journal than people wait without a sign.
async fn slow_daemon(listener: UnixListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let marks = ["{\"progress\":10000}\n", "{\"progress\":20000}\n", "{\"progress\":40000}\n"];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-journal-head: 40000\r\n\r\n",
        marks.iter().map(|mark| mark.len()).sum::<usize>()
    );
    while let Ok((mut stream, _)) = listener.accept().await {
        let answer = head.clone() + marks[0];
        tokio::spawn(async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            for mark in &marks[1..] {
                tokio::time::sleep(Duration::from_millis(600)).await;
                let _ = stream.write_all(mark.as_bytes()).await;
            }
        });
    }
}

/// `script` gives the program a terminal; what it prints there is what a person sees.
#[tokio::test]
async fn a_long_replay_shows_its_progress_on_a_terminal_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scan-login.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    tokio::spawn(slow_daemon(UnixListener::bind(folder.path().join("admin.sock")).unwrap()));
    let command =
        format!("{} --config {} replay --type denied --format jsonl", env!("CARGO_BIN_EXE_scan-login"), file.display());
    let on_terminal = Command::new("script").args(["-qec", &command, "/dev/null"]).output();
    let piped = Command::new("sh").args(["-c", &command]).output();
    let (screen, piped) = tokio::try_join!(on_terminal, piped).unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains("50% of 40,000 events"), "no progress was seen: {screen:?}");
    assert!(piped.status.success());
    assert!(piped.stdout.is_empty() && piped.stderr.is_empty(), "{}", String::from_utf8_lossy(&piped.stderr));
}

/// As `head` does: it reads a line and goes.
#[tokio::test]
async fn whoever_reads_the_pipe_may_leave_whatever_is_asked() {
    let folder = folder_with_store().await;
    let file = folder.path().join("scan-login.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    let page = folder.path().join("page.html");
    for asked in [
        vec!["--format", "jsonl"],
        vec!["--format", "table"],
        vec!["--at", "now", "--format", "jsonl"],
        vec!["--at", "now", "--scene", "123451", "--format", "table"],
        vec!["--report", page.to_str().unwrap()],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scan-login"));
        command.arg("--config").arg(&file).arg("replay").args(&asked);
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let ended = command.stdout(writer).output().await.unwrap();
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{asked:?}: {err}");
        assert!(!err.contains("output"), "{asked:?}: {err}");
    }
    assert!(page.exists(), "a page does not go to the pipe");
}

#[tokio::test]
async fn a_follower_ends_when_its_reader_goes_though_nothing_happens() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scan-login.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    let daemon = Daemon::start(MemoryMedium::new().open().unwrap(), &folder.path().join("admin.sock")).await;
    two_logins(&*daemon.store).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_scan-login"));
    command.arg("--config").arg(&file).args(["replay", "--follow"]).kill_on_drop(true);
    let mut follower = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for _ in ALL {
        assert!(lines.next_line().await.unwrap().is_some(), "what there is comes at once");
    }
    append(&*daemon.store, "c", 0, 6, vec![created(None)]).await;
    assert!(lines.next_line().await.unwrap().is_some(), "while somebody reads it goes on");
    drop(lines);
    let ended = tokio::time::timeout(Duration::from_secs(20), follower.wait()).await;
    assert!(ended.expect("it still waits").unwrap().success());
    daemon.stop().await;
}
