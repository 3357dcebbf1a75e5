//! `doctor`: what is wrong is found beside a running daemon and without one, and each fault comes with its cure.

use scan_login::simulator::Call;

use crate::support::*;

/// Standard output and the exit status.
async fn doctor(world: &World) -> (String, Option<i32>) {
    let output = world.command("doctor").output().await.unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "all is told on standard output");
    for secret in ["app-secret", TOKEN, SECRET, "72_", "\u{1b}"] {
        assert!(!told.contains(secret), "{secret} is in\n{told}");
    }
    (told, output.status.code())
}

/// The line on this subject, and the one below it.
#[track_caller]
fn on<'a>(told: &'a str, subject: &str) -> (&'a str, &'a str) {
    let mut lines = told.lines();
    let line = lines.find(|line| line.get(6..).is_some_and(|rest| rest.starts_with(subject)));
    let line = line.unwrap_or_else(|| panic!("nothing on {subject} in\n{told}"));
    (line, lines.next().unwrap_or_default())
}

fn rewrite(world: &World, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(world.config_file(), change(text)).unwrap();
}

#[tokio::test]
async fn where_all_is_well_it_says_so() {
    let world = World::start().await;
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(0), "{told}");
    for subject in ["daemon", "proxy headers", "main: clock", "main: access token", "main: QR codes", "other: QR codes"]
    {
        assert!(on(&told, subject).0.starts_with("ok  "), "{told}");
    }
    assert!(on(&told, "main: callback, from here").0.starts_with("ok  "), "{told}");
    let (plain, cure) = on(&told, "main: messages");
    assert!(plain.starts_with("warn") && cure.contains("encryption = \"safe\""), "{told}");
    assert!(on(&told, "main: callback, by WeChat").0.starts_with("ok  "), "{told}");
}

#[tokio::test]
async fn without_a_daemon_wechat_is_asked_all_the_same() {
    let world = World::prepare(|config| config).await;
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(on(&told, "daemon").1.contains("scan-login serve"), "{told}");
    assert!(on(&told, "main: access token").0.starts_with("ok  "), "{told}");
    let (callback, cure) = on(&told, "main: callback, from here");
    assert!(callback.starts_with("warn") && cure.contains("start the daemon"), "{told}");
    assert!(!world.folder.path().join("data").exists(), "nothing is made");
}

#[tokio::test]
async fn an_address_that_is_not_on_the_whitelist_is_named() {
    let world = World::prepare(|config| config).await;
    world.wechat.fail_next(
        Call::StableToken,
        40164,
        "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
    );
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    let (fault, cure) = on(&told, "main: access token");
    assert!(fault.starts_with("FAIL") && fault.contains("40164"), "{told}");
    assert_eq!(cure, "      Add 203.0.113.7 to the IP whitelist (IP白名单) in the account's console.");
    assert!(!told.contains("main: QR codes"), "it was not asked for what needs a token");
    assert!(on(&told, "other: access token").0.starts_with("ok  "), "{told}");
}

#[tokio::test]
async fn what_the_account_may_not_do_and_a_wrong_secret_are_faults() {
    let world = World::prepare(|config| config.replacen("app-secret", "mistyped", 1)).await;
    // To the simulated WeChat, both accounts' looks at its clock are calls for a code, too.
    for _ in 0..3 {
        world.wechat.fail_next(Call::CreateQr, 48001, "api unauthorized");
    }
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(on(&told, "main: access token").1.contains("app_secret"), "{told}");
    let (fault, cure) = on(&told, "other: QR codes");
    assert!(fault.starts_with("FAIL") && cure.contains("认证服务号"), "{told}");
    assert!(!told.contains("mistyped"));
}

#[tokio::test]
async fn a_callback_that_does_not_come_back_is_a_fault() {
    let world = World::start().await;
    rewrite(&world, |config| config.replacen(TOKEN, "anothertoken", 1));
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    let (fault, cure) = on(&told, "main: callback, from here");
    assert!(fault.starts_with("FAIL") && fault.contains("forged") && cure.contains("token"), "{told}");
    assert!(on(&told, "other: callback, from here").0.starts_with("ok  "), "{told}");
}

#[tokio::test]
async fn a_wechat_that_is_away_is_a_fault_of_the_surroundings() {
    let world = World::prepare(|config| config).await;
    world.wechat.set_away(true);
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(on(&told, "main: access token").1.contains("firewall"), "{told}");
}

#[tokio::test]
async fn each_reason_for_no_token_has_its_own_cure() {
    let world = World::prepare(|config| config).await;
    world.wechat.fail_next(Call::StableToken, -1, "system error");
    world.wechat.fail_next(Call::StableToken, 45011, "api minute-quota reach limit, must slower");
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(on(&told, "main: access token").1.contains("overloaded"), "{told}");
    assert!(on(&told, "other: access token").1.contains("next minute"), "{told}");

    let server = "[[account]]\ntoken_source = \"http://127.0.0.1:1/token?key=shared\"";
    let world = World::prepare(|config| config.replacen("[[account]]", server, 1)).await;
    let (told, code) = doctor(&world).await;
    assert_eq!(code, Some(1), "{told}");
    let (fault, cure) = on(&told, "main: access token");
    assert!(fault.contains("token server gives none"), "{told}");
    assert!(cure.contains("http://127.0.0.1:1 runs") && !told.contains("shared"), "{told}");
}

#[tokio::test]
async fn the_running_daemons_token_outlives_the_operators_commands() {
    let source = "[[account]]\ntoken_source = \"token\"";
    let world = World::with(|config| config.replacen("[[account]]", source, 1)).await;
    world.create().await;
    assert_eq!(world.wechat.calls(Call::Token), 1);
    let (told, _) = doctor(&world).await;
    let (taken, _) = on(&told, "main: access token");
    assert!(taken.starts_with("ok  ") && taken.contains("stable_token"), "{told}");
    world.command("menu pull - --account main").output().await.unwrap();
    assert_eq!(world.wechat.calls(Call::Token), 1);
}

#[tokio::test]
async fn the_web_oauth_domain_needs_its_file_at_the_hosts_root() {
    let change = |config: String| config.replacen("[[account]]", "[[account]]\nweb_oauth = \"base\"", 1);
    let world = World::with(change).await;
    let (told, _) = doctor(&world).await;
    let (missing, cure) = on(&told, "main: web OAuth domain");
    assert!(missing.starts_with("warn") && cure.contains("网页授权域名") && cure.contains("verify"), "{told}");
    assert!(!told.contains("other: web OAuth domain"), "it has none");
}

#[tokio::test]
async fn wrong_configurations_are_told_as_everywhere() {
    let world = World::prepare(|config| config.replace("[session]", "[sesion]")).await;
    let output = world.command("doctor").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("session"));
}
