//! `scan-login bench` against the real program: what is measured is small, and told as it was asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use scan_login::bench::daemon::{Checks, Daemon, DaemonSettings};
use scan_login::bench::login::{Steps, begin, log_in, redeem, scan};
use scan_login::bench::machine::is_in_memory;
use scan_login::bench::scenario::{Length, callback, storm};
use scan_login::bench::target::Protocol;
use scan_login::bench::{Driver, Progress};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const PROGRAM: &str = env!("CARGO_BIN_EXE_scan-login");

/// On the disk, which the folder of temporary files may not be.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// What `bench` with these arguments prints, what it complains of, and its exit status.
async fn bench(arguments: &str) -> (Vec<Value>, String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    command.arg("bench").args(arguments.split_whitespace());
    if !["--config", "--dir", "--at"].iter().any(|where_| arguments.contains(where_)) {
        command.args(["--dir", FOLDER]);
    }
    outcome(command).await
}

/// The same, in a shell after these words.
async fn bench_after(words: &str, arguments: &str) -> (Vec<Value>, String, Option<i32>) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{words}; exec \"$0\" bench --dir \"$1\" {arguments}"), PROGRAM, FOLDER]);
    outcome(command).await
}

async fn outcome(mut command: Command) -> (Vec<Value>, String, Option<i32>) {
    command.stdin(Stdio::null()).kill_on_drop(true);
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
    let dir = Some(PathBuf::from(FOLDER));
    let checks = Checks::All;
    let settings = DaemonSettings { program, dir, checks, pinning: None, is_socket_held: false, unset: Vec::new() };
    Daemon::start(settings).await.unwrap()
}

/// The same, which has room for so many sessions.
async fn with_most_sessions(most: u64) -> Daemon {
    let mut daemon = running().await;
    daemon.stop().await.unwrap();
    let text = std::fs::read_to_string(daemon.config()).unwrap();
    std::fs::write(daemon.config(), text.replace("[server]", &format!("[server]\nmax_sessions = {most}"))).unwrap();
    daemon.start_again().await.unwrap();
    daemon
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
    assert!(loaded["not_ready_when_due"].is_u64(), "{loaded}");
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

/// Coordinated omission: who waits for a daemon that stands still must not come later for it, nor seem to have waited less.
#[tokio::test]
async fn who_comes_while_the_daemon_stands_still_has_waited_since_they_were_due() {
    let daemon = running().await;
    let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
    log_in(&driver, &Steps::default()).await.unwrap();
    let process = daemon.process().id.to_string();
    // On a thread of its own, and for less than half of what the journal would be called behind for: nobody is refused.
    let standing_still = std::thread::spawn(move || {
        let signal = |name: &str| {
            let told = std::process::Command::new("kill").args([name, process.as_str()]).status();
            assert!(told.unwrap().success());
        };
        std::thread::sleep(Duration::from_millis(500));
        signal("-STOP");
        std::thread::sleep(Duration::from_millis(450));
        signal("-CONT");
    });
    let offered = callback::offer(&driver, 40.0, Length::Count(80), &Progress::hidden()).await.unwrap();
    standing_still.join().unwrap();
    assert_eq!((offered.logins, offered.lost), (80, 0), "{}", serde_json::to_value(&offered).unwrap()["lost_because"]);
    // Nearly a quarter were due in that time. Nearly all of these could be sent only when it was over: counted from then, none of
    // them would show.
    assert!(offered.push_ms.p90 >= 150.0, "{:?}", offered.push_ms);
}

#[tokio::test]
async fn a_login_with_an_id_token_says_so() {
    let id_token =
        async |options: &str| figures(&format!("login --logins 3 --lanes 1 {options}")).await["id_token"].clone();
    assert_eq!(id_token("").await, false);
    assert_eq!(id_token("--id-token").await, true);
    assert_eq!(id_token("--id-token --protocol original").await, false, "the page gets a code and nothing else");
}

#[tokio::test]
async fn logins_that_wait_are_weighed_and_what_one_costs_beside_them() {
    for protocol in ["native", "original"] {
        let asked = format!("idle --pending 60 --sockets 40 --logins 10 --lanes 4 --seconds 1 --protocol {protocol}");
        let told = figures(&asked).await;
        assert_eq!((&told["pending"], &told["sockets"], &told["lost"]), (&60.into(), &40.into(), &0.into()), "{told}");
        assert_eq!((&told["few_pending"], &told["sockets_gone"]), (&10.into(), &0.into()));
        assert!(told["resident_bytes"].as_u64().unwrap() > 1 << 20);
        assert!(told["idle_cpu_percent"].is_f64() && told["cost_times"].as_f64().unwrap() > 0.0, "{told}");
    }
}

#[tokio::test]
async fn in_a_storm_all_come_back_and_can_still_log_in() {
    for protocol in ["native", "original"] {
        let told = figures(&format!("storm --sockets 50 --logins 20 --lanes 4 --protocol {protocol}")).await;
        assert_eq!((&told["browsers"], &told["back"], &told["lost"]), (&50.into(), &50.into(), &0.into()), "{told}");
        assert_eq!((&told["logins_afterwards"], &told["not_let_in"]), (&20.into(), &0.into()));
        assert_times(&told["back_ms"], 50);
        let seconds = |name: &str| told[name].as_f64().unwrap();
        assert!(seconds("back_s") >= seconds("down_s") && seconds("down_s") > 0.0);
    }
}

#[tokio::test]
async fn who_was_not_let_in_before_the_storm_is_not_lost_in_it() {
    let mut daemon = with_most_sessions(20).await;
    let driver = Driver::new(daemon.target().clone(), Protocol::Native).await.unwrap();
    let settings = storm::Settings { browsers: 30, sample: 5, lanes: 4 };
    let told = storm::run(&mut daemon, &driver, settings, &Progress::hidden()).await.unwrap();
    let told = serde_json::to_value(told).unwrap();
    assert_eq!((&told["browsers"], &told["not_let_in"]), (&20.into(), &10.into()), "{told}");
    assert_eq!(
        (&told["back"], &told["lost"], &told["logins_afterwards"]),
        (&20.into(), &0.into(), &5.into()),
        "{told}"
    );
    let because = told["not_let_in_because"].as_object().unwrap();
    assert!(because.keys().all(|why| why.starts_with("create: 503 ")), "{because:?}");
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

    let other = format!("login --logins 10 --config {} --pid {}", config.display(), std::process::id());
    let (told, complaint, status) = bench(&other).await;
    assert_eq!((told.len(), status), (0, Some(2)), "who does not listen there is not the daemon: {told:?}");
    assert!(complaint.contains("does not listen") && complaint.contains("process id"), "{complaint}");

    for stopped in ["storm", "login replay", "recover"] {
        let (told, complaint, status) = bench(&format!("{stopped} --config {}", config.display())).await;
        assert_eq!((told.len(), status), (0, Some(2)));
        let stopped = stopped.rsplit(' ').next().unwrap();
        assert!(complaint.contains(stopped) && complaint.contains("leave out --config"), "{complaint}");
    }
}

#[tokio::test]
async fn a_login_that_is_lost_is_told_with_its_reason() {
    let daemon = with_most_sessions(1).await;
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
    for wrong in [
        "login --lanes 0",
        "login --lanes 1000000000",
        "login --logins 0",
        "login --seconds 18446744073709551615",
        "callback --rate 0",
        "callback --rate 1e9",
        "storm --sockets -1",
        "idle --sockets 18446744073709551615",
        "recover --pending 18446744073709551615",
        "login --at 127.0.0.1:1 --dir .",
    ] {
        let (told, complaint, status) = bench(wrong).await;
        assert!(told.is_empty() && status == Some(2) && !complaint.contains("panicked"), "{wrong}: {complaint}");
    }
    let (_, complaint, status) = bench("login --dir /nowhere").await;
    assert!(status == Some(1) && complaint.contains("/nowhere") && complaint.contains("--dir"), "{complaint}");
}

#[tokio::test]
async fn what_cannot_be_had_is_told_before_anything_is_measured() {
    for (asked, cure) in [
        ("login storm --logins 5 --sockets 5000000", "ask for --sockets "),
        ("login --logins 5 --cores 9999", "ask for --cores "),
        ("login --logins 5 callback recover --pending 600 --lanes 10000", "ask for --lanes "),
    ] {
        let (told, complaint, status) = bench_after("ulimit -n 2000", asked).await;
        assert_eq!((told.len(), status, complaint.lines().count()), (0, Some(2), 2), "{asked}: {complaint}");
        assert!(complaint.contains(cure) && complaint.contains(" at most"), "{asked}: {complaint}");
    }
}

#[tokio::test]
async fn an_option_that_no_scenario_looks_at_is_told() {
    for (asked, option, whose) in [
        ("login --rate 100", "--rate", "callback"),
        ("login callback --pending 5", "--pending", "idle or recover"),
        ("recover --pending 5 --sockets 5", "--sockets", "idle or storm"),
        ("storm replay --seconds 5", "--seconds", "login or callback or idle"),
        ("login --logins 5 --seconds 5", "--seconds beside --logins", "idle"),
    ] {
        let (told, complaint, status) = bench(asked).await;
        assert_eq!((told.len(), status, complaint.lines().count()), (0, Some(2), 2), "{asked}: {complaint}");
        assert!(complaint.contains(option) && complaint.contains(whose), "{asked}: {complaint}");
    }
}

#[tokio::test]
async fn as_many_sockets_as_are_advised_are_had() {
    let few = "ulimit -n 400";
    let (_, complaint, status) = bench_after(few, "storm --sockets 5000 --lanes 8").await;
    let advised = complaint.split_once("--sockets ").unwrap().1.split(' ').next().unwrap();
    assert_eq!((status, advised), (Some(2), "294"), "{complaint}");
    let (told, complaint, _) = bench_after(few, &format!("storm --sockets {advised} --logins 5 --lanes 8")).await;
    assert_eq!((&told[0]["back"], &told[0]["lost"], &*complaint), (&294.into(), &0.into(), ""), "{told:?}");
}

#[tokio::test]
async fn what_standard_output_does_not_take_is_told_with_a_cure() {
    let (_, complaint, status) = bench_after("exec >/dev/full", "login --logins 3 --lanes 1").await;
    assert_eq!((status, complaint.lines().count()), (Some(1), 2), "{complaint}");
    assert!(complaint.contains("make room"), "{complaint}");
}

#[tokio::test]
async fn that_the_journal_is_in_memory_is_said_where_nobody_has_named_a_folder() {
    let memory = "/dev/shm";
    if !is_in_memory(Path::new(memory)) {
        return;
    }
    let mut command = Command::new(PROGRAM);
    command.args(["bench", "login", "--logins", "3"]).env("TMPDIR", memory);
    let (told, complaint, status) = outcome(command).await;
    assert_eq!((told[0]["journal_in_memory"].as_bool(), status), (Some(true), Some(0)), "{told:?}");
    assert!(complaint.contains(memory) && complaint.contains("--dir") && complaint.lines().count() == 2, "{complaint}");
}

/// A measurement under way, of a daemon in a folder of its own.
struct UnderWay {
    folder: TempDir,
    bench: Child,
    socket: PathBuf,
}

impl UnderWay {
    /// Begins it with these arguments, in a shell after these words, and waits until its daemon is there.
    async fn begin(words: &str, arguments: &str) -> Self {
        let folder = tempfile::tempdir_in(FOLDER).unwrap();
        // Whoever runs the tests may have told them to ignore what a closed terminal says.
        let mut command = Command::new("env");
        command
            .args(["--default-signal=HUP,INT,TERM", "sh", "-c"])
            .args([&format!("{words} exec \"$0\" bench {arguments} --dir \"$1\""), PROGRAM])
            .arg(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let bench = command.spawn().unwrap();
        let socket = tokio::time::timeout(PATIENCE, async {
            loop {
                let socket = inside(&folder).map(|inside| inside.join("admin.sock"));
                if let Some(socket) = socket.filter(|socket| is_served(socket)) {
                    return socket;
                }
                tokio::task::yield_now().await;
            }
        });
        let socket = socket.await.unwrap();
        Self { folder, bench, socket }
    }

    /// Sends it these signals at once.
    fn signal(&self, signals: &[&str]) {
        let pid = self.bench.id().unwrap().to_string();
        let all: Vec<_> = signals.iter().map(|signal| format!("kill {signal} {pid}")).collect();
        assert!(std::process::Command::new("sh").args(["-c", &all.join("; ")]).status().unwrap().success());
    }

    /// The process of its daemon.
    fn daemon(&self) -> String {
        let parent = self.bench.id().unwrap().to_string();
        let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let mut stats = processes.filter_map(|process| std::fs::read_to_string(process.join("stat")).ok());
        let daemon = stats.find(|stat| stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1) == Some(&parent));
        daemon.unwrap().split(' ').next().unwrap().to_owned()
    }

    /// What it prints, what it complains of, its exit status, and what is left.
    async fn end(self) -> (String, String, Option<i32>, Left) {
        let output = tokio::time::timeout(PATIENCE, self.bench.wait_with_output()).await.unwrap().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let left = Left { folder: self.folder, socket: self.socket };
        (text(output.stdout), text(output.stderr), output.status.code(), left)
    }
}

/// What a measurement has left.
struct Left {
    folder: TempDir,
    socket: PathBuf,
}

fn inside(folder: &TempDir) -> Option<PathBuf> {
    std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).next()
}

fn is_served(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

#[tokio::test]
async fn who_has_had_enough_leaves_no_daemon_and_no_folder_behind() {
    for signals in [&["-INT"][..], &["-TERM"], &["-HUP"], &["-INT", "-TERM", "-INT"]] {
        let under_way = UnderWay::begin("", "login --seconds 100").await;
        under_way.signal(signals);
        let (told, complaint, status, left) = under_way.end().await;
        assert_eq!((&*told, &*complaint, status), ("", "", Some(1)), "{signals:?}");
        assert!(inside(&left.folder).is_none() && !is_served(&left.socket), "{signals:?}");
    }
}

#[tokio::test]
async fn a_daemon_does_not_outlive_a_measurement_that_is_killed() {
    let under_way = UnderWay::begin("", "login --seconds 100").await;
    under_way.signal(&["-KILL"]);
    let left = under_way.end().await.3;
    let is_gone = async {
        while is_served(&left.socket) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, is_gone).await.unwrap();
    assert!(inside(&left.folder).is_some(), "nobody was there to remove it");
}

#[tokio::test]
async fn what_is_to_go_on_without_a_terminal_does() {
    let under_way = UnderWay::begin("trap '' HUP;", "login --logins 40 --lanes 2").await;
    under_way.signal(&["-HUP"]);
    let (told, complaint, status, left) = under_way.end().await;
    assert_eq!((told.lines().count(), &*complaint, status, inside(&left.folder)), (1, "", Some(0), None));
}

#[tokio::test]
async fn where_the_daemon_dies_there_are_no_figures_but_how_it_ended() {
    for scenario in ["login --seconds 100", "idle --seconds 100 --sockets 50 --pending 50 --logins 5"] {
        let under_way = UnderWay::begin("", scenario).await;
        let daemon = under_way.daemon();
        assert!(std::process::Command::new("kill").args(["-KILL", &daemon]).status().unwrap().success());
        let (told, complaint, status, left) = under_way.end().await;
        assert_eq!((&*told, status, complaint.lines().count()), ("", Some(1), 2), "{complaint}");
        assert!(complaint.contains("SIGKILL") && complaint.contains("--dir"), "{complaint}");
        assert!(inside(&left.folder).is_none());
    }
}
