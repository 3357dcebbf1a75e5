//! `scan-login bench` against the real program: what is measured is small, and told as it was asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use scan_login::bench::Driver;
use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::bench::login::{Steps, begin, redeem, scan};
use scan_login::bench::target::Protocol;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::Instant;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const PROGRAM: &str = env!("CARGO_BIN_EXE_scan-login");

/// What `bench` with these arguments prints, what it complains of, and its exit status.
async fn bench(arguments: &str) -> (Vec<Value>, String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    command.arg("bench").args(arguments.split_whitespace()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let told = text(output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (told, text(output.stderr), output.status.code())
}

/// The one object of a scenario that went well.
async fn figures(arguments: &str) -> Value {
    let (mut told, complaint, status) = bench(arguments).await;
    assert_eq!((told.len(), &*complaint, status), (1, "", Some(0)), "{told:?}");
    let figures = told.remove(0);
    assert_eq!(figures["scenario"].as_str(), arguments.split(' ').next());
    figures
}

/// A daemon that runs by itself, as an operator's does.
async fn running() -> Daemon {
    let program = PathBuf::from(PROGRAM);
    let dir = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let checks = Checks::All;
    let settings = DaemonSettings { program, dir, checks, pinning: None, is_socket_held: false, unset: Vec::new() };
    Daemon::start(settings).await.unwrap()
}

/// Of how long something took there are so many, and their quantiles are in order.
fn assert_times(times: &Value, count: u64) {
    assert_eq!(times["count"], count, "{times}");
    let quantiles = ["p50", "p90", "p99", "p99_9", "max"].map(|name| times[name].as_f64().unwrap());
    assert!(quantiles.is_sorted() && quantiles[0] > 0.0, "{times}");
}

#[tokio::test]
async fn whole_logins_are_measured_step_by_step_in_both_protocols() {
    for protocol in ["native", "original"] {
        let told = figures(&format!("login --logins 30 --lanes 4 --protocol {protocol}")).await;
        assert_eq!((&told["logins"], &told["lost"], &told["lanes"]), (&30.into(), &0.into(), &4.into()), "{told}");
        assert_eq!((&told["daemon"], &told["protocol"]), (&"own".into(), &protocol.into()));
        for step in ["create_ms", "attach_ms", "push_ms", "callback_ms", "redeem_ms", "login_ms"] {
            assert_times(&told[step], 30);
        }
        assert!(told["logins_per_s"].as_f64().unwrap() > 0.0 && told["daemon_cpu_us_a_login"].as_f64().unwrap() > 0.0);
        assert!(told["machine"]["cores"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn under_load_logins_come_at_the_rate_that_is_asked_for() {
    let told = figures("callback --logins 20 --lanes 2 --rate 50").await;
    let loaded = &told["loaded"];
    assert_times(&told["unloaded"]["push_ms"], 20);
    assert_times(&loaded["push_ms"], 20);
    assert_eq!(loaded["late_ms"]["count"], 20);
    let offered = loaded["offered_per_s"].as_f64().unwrap();
    assert!((20.0..100.0).contains(&offered), "the visitors of a fixed seed come at about that rate: {offered}");
    assert_eq!(told["max_logins_per_s"], Value::Null, "nobody asked for it");
}

#[tokio::test]
async fn what_is_sent_late_counts_from_when_it_was_due() {
    let daemon = running().await;
    let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
    let steps = Steps::default();
    let browser = begin(&driver, &steps).await.unwrap();
    let due = Instant::now() - Duration::from_secs(5);
    let code = scan(&driver, browser, due, &steps).await.unwrap();
    redeem(&driver, code, &steps).await.unwrap();
    for times in [&steps.push, &steps.callback] {
        assert!(times.quantile_ms(0.0) >= 5000.0, "{}", times.quantile_ms(0.0));
    }
    assert!(steps.attach.quantile_ms(1.0) < 5000.0);
}

#[tokio::test]
async fn logins_that_wait_are_weighed_and_what_one_costs_beside_them() {
    for protocol in ["native", "original"] {
        let asked = format!("idle --pending 60 --sockets 40 --logins 10 --lanes 4 --seconds 1 --protocol {protocol}");
        let told = figures(&asked).await;
        assert_eq!((&told["pending"], &told["sockets"], &told["lost"]), (&60.into(), &40.into(), &0.into()), "{told}");
        assert_eq!((&told["few_pending"], &told["sockets_gone"]), (&10.into(), &0.into()));
        assert!(told["resident_bytes"].as_u64().unwrap() > 1 << 20);
        assert!(told["idle_cpu_percent"].as_f64().unwrap() >= 0.0 && told["cost_times"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn in_a_storm_all_come_back_and_can_still_log_in() {
    for protocol in ["native", "original"] {
        let told = figures(&format!("storm --sockets 50 --logins 20 --lanes 4 --protocol {protocol}")).await;
        assert_eq!((&told["browsers"], &told["back"], &told["lost"]), (&50.into(), &50.into(), &0.into()), "{told}");
        assert_eq!(told["logins_afterwards"], 20);
        assert_times(&told["back_ms"], 50);
        let seconds = |name: &str| told[name].as_f64().unwrap();
        assert!(seconds("back_s") >= seconds("down_s") && seconds("down_s") > 0.0);
    }
}

#[tokio::test]
async fn a_journal_is_read_back_by_each_command_that_can() {
    let told = figures("replay --logins 20 --lanes 4").await;
    // Created, scanned, confirmed, redeemed.
    assert_eq!((&told["logins"], &told["lost"], &told["events"]), (&20.into(), &0.into(), &80.into()), "{told}");
    for command in ["replay", "export", "import"] {
        let speed = &told[command];
        assert!(speed["events_per_s"].as_f64().unwrap() > 0.0, "{told}");
        assert!(speed["peak_resident_bytes"].as_u64().unwrap() > 1 << 20, "{told}");
    }
    for bytes in ["journal_bytes_an_event", "line_bytes_an_event", "export_bytes_an_event"] {
        assert!(told[bytes].as_f64().unwrap() > 100.0, "{told}");
    }
}

#[tokio::test]
async fn after_kill_what_is_pending_is_back_and_can_still_log_in() {
    for protocol in ["native", "original"] {
        let told = figures(&format!("recover --logins 10 --pending 30 --lanes 4 --protocol {protocol}")).await;
        assert_eq!((&told["pending"], &told["back"], &told["lost"]), (&30.into(), &30.into(), &0.into()), "{told}");
        assert_eq!((&told["events"], &told["logins_afterwards"]), (&70.into(), &30.into()));
        let seconds = |name: &str| told[name].as_f64().unwrap();
        assert!(seconds("ready_s") > 0.0 && seconds("ready_max_s") >= seconds("ready_s"));
        assert!(seconds("ready_empty_s") > 0.0 && told["resident_bytes"].as_u64().unwrap() > 1 << 20);
    }
}

#[tokio::test]
async fn a_running_daemon_is_driven_by_its_configuration() {
    let daemon = running().await;
    let told = figures(&format!("login --logins 10 --config {}", daemon.config().display())).await;
    assert_eq!((&told["logins"], &told["daemon"]), (&10.into(), &daemon.target().address.to_string().into()));
    assert_eq!(told["daemon_cpu_us_a_login"], Value::Null, "nobody said which process it is");
    let (config, pid) = (daemon.config(), daemon.process().id);
    let asked = format!("login --logins 10 --protocol original --config {} --pid {pid}", config.display());
    assert!(figures(&asked).await["daemon_cpu_us_a_login"].as_f64().unwrap() > 0.0);

    for stopped in ["storm", "replay", "recover"] {
        let (told, complaint, status) = bench(&format!("{stopped} --config {}", config.display())).await;
        assert_eq!((told.len(), status), (0, Some(2)));
        assert!(complaint.contains(stopped) && complaint.contains("leave --config away"), "{complaint}");
    }
}

#[tokio::test]
async fn a_login_that_is_lost_is_told_with_its_reason() {
    let mut daemon = running().await;
    daemon.stop().await.unwrap();
    let text = std::fs::read_to_string(daemon.config()).unwrap();
    std::fs::write(daemon.config(), text.replace("[server]", "[server]\nmax_sessions = 1")).unwrap();
    daemon.start_again().await.unwrap();
    let (told, complaint, status) =
        bench(&format!("login --logins 40 --lanes 8 --config {}", daemon.config().display())).await;
    assert_eq!((&*complaint, status), ("", Some(0)));
    let (done, lost) = (told[0]["logins"].as_u64().unwrap(), told[0]["lost"].as_u64().unwrap());
    assert!(done > 0 && lost > 0 && done + lost == 40, "{told:?}");
    let because = told[0]["lost_because"].as_object().unwrap();
    assert_eq!(because.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), lost);
    assert!(because.keys().all(|why| why.starts_with("create: 503 ")), "{because:?}");
}

#[tokio::test]
async fn where_no_login_comes_to_its_end_there_are_no_figures() {
    let daemon = running().await;
    let text = std::fs::read_to_string(daemon.config()).unwrap();
    let other = daemon.folder().join("other.toml");
    std::fs::write(&other, text.replace("callbacktoken", "anothertoken")).unwrap();
    let (told, complaint, status) = bench(&format!("login --logins 3 --config {}", other.display())).await;
    assert_eq!((told.len(), status), (0, Some(1)));
    assert!(complaint.contains("callback: 403") && complaint.contains("same configuration"), "{complaint}");
    assert!(!complaint.contains("anothertoken"), "{complaint}");
}

#[tokio::test]
async fn who_does_not_listen_is_told_with_a_cure() {
    let mut daemon = running().await;
    daemon.stop().await.unwrap();
    let (told, complaint, status) = bench(&format!("login --config {}", daemon.config().display())).await;
    assert_eq!((told.len(), status, complaint.lines().count()), (0, Some(2), 2), "{complaint}");
    assert!(complaint.contains(&daemon.target().address.to_string()) && complaint.contains("--at"), "{complaint}");
    let (_, complaint, status) = bench("login --at 127.0.0.1:1").await;
    assert!(status == Some(2) && complaint.contains("--config"), "{complaint}");
    for wrong in
        ["login --lanes 0", "login --logins 0", "callback --rate 0", "callback --rate 1e9", "storm --sockets -1"]
    {
        assert_eq!(bench(wrong).await.2, Some(2), "{wrong}");
    }
    let (_, complaint, status) = bench("login --dir /nowhere").await;
    assert!(status == Some(1) && complaint.contains("no folder can be made"), "{complaint}");
}

#[tokio::test]
async fn who_has_had_enough_leaves_no_daemon_and_no_folder_behind() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["bench", "login", "--seconds", "100", "--dir"]).arg(folder.path());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let inside = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).next();
    let socket = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(socket) = inside().map(|inside| inside.join("admin.sock")).filter(|socket| socket.exists()) {
                return socket;
            }
            tokio::task::yield_now().await;
        }
    });
    let socket = socket.await.unwrap();
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!((ended.code(), inside()), (Some(1), None));
    assert!(std::os::unix::net::UnixStream::connect(socket).is_err());
}
