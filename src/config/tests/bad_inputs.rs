use super::*;

/// Each: a text, the key of the one fault it has, and a word of the reason or cure.
fn check(cases: &[(String, &str, &str)]) {
    for (text, key, word) in cases {
        let faults = match read(text) {
            Ok(_) => panic!("no fault of {key}:\n{text}"),
            Err(faults) => faults,
        };
        let told: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(told, [*key], "{faults}\n{text}");
        let shown = faults.to_string();
        assert!(shown.contains(word), "{word:?} is not in: {shown}");
        assert_eq!(shown.lines().count(), 2, "what is wrong, and the cure: {shown}");
    }
}

fn server(line: &str) -> String {
    small_with("[server]", line)
}

fn account(line: &str) -> String {
    small_with("[[account]]", line)
}

fn client(line: &str) -> String {
    small_with("[[client]]", line)
}

fn link_and_chat() -> String {
    let key = format!("web_oauth = \"base\"\nencoding_aes_key = \"{}\"", "a".repeat(43));
    let safe = SMALL.replace("encryption = \"plain\"", &key);
    safe.replace("[[client]]", "[[client]]\nqr = \"link\"\nconfirm_via = \"chat\"")
}

fn section(header: &str, line: &str) -> String {
    small_with(header, line)
}

fn public_url(url: &str) -> String {
    SMALL.replace("https://login.example.com", url)
}

fn token(token: &str) -> String {
    SMALL.replace("callbacktoken", token)
}

#[test]
fn what_must_be_given() {
    check(&[
        (small_without("public_url"), "server.public_url", "is missing"),
        (small_without("name = \"main\""), "account[1].name", "is missing"),
        (small_without("app_id"), "account.main.app_id", "is missing"),
        (small_without("app_secret"), "account.main.app_secret", "app_secret_file"),
        (small_without("token"), "account.main.token", "is missing"),
        (small_without("encryption"), "account.main.encoding_aes_key", "is missing"),
        (small_without("client_id"), "client[1].client_id", "is missing"),
        (small_without("client_secret"), "client.shop.client_secret", "is missing"),
        (small_without("name = \"Example"), "client.shop.name", "is missing"),
        (format!("{SMALL}{SECOND_ACCOUNT}"), "client.shop.account", "main, second"),
        (format!("{SMALL}[seed_page]\nconfirm = \"auto\""), "seed_page.client_id", "is missing"),
        (SMALL[..SMALL.find("[[client]]").unwrap()].to_owned(), "client", "at least one"),
    ]);
    let nothing = read("").unwrap_err().iter().map(|fault| fault.key.clone()).collect::<Vec<_>>();
    assert_eq!(nothing, ["server.public_url", "account", "client"]);
}

#[test]
fn urls() {
    check(&[
        (public_url("http://login.example.com"), "server.public_url", "https"),
        (public_url("http://10.0.0.1"), "server.public_url", "loopback"),
        (public_url("http://localhost.example.com"), "server.public_url", "loopback"),
        (public_url("ftp://login.example.com"), "server.public_url", "URL"),
        (public_url("https:login.example.com"), "server.public_url", "URL"),
        (public_url("https://login.example.com "), "server.public_url", "URL"),
        (public_url("login.example.com"), "server.public_url", "URL"),
        (public_url(""), "server.public_url", "URL"),
        (public_url("https://login.example.com/?a=b"), "server.public_url", "query"),
        (public_url("https://login.example.com/#a"), "server.public_url", "fragment"),
        (public_url("https://login.example.com//"), "server.public_url", "path"),
        (public_url("https://login.example.com/{a}"), "server.public_url", "path"),
        (public_url("https://me:pw@login.example.com"), "server.public_url", "user"),
        (account("api_base = \"http://api.weixin.qq.com\""), "account.main.api_base", "loopback"),
        (account("oauth_base = \"http://open.weixin.qq.com\""), "account.main.oauth_base", "loopback"),
        (account("token_source = \"http://tokens.example.com\""), "account.main.token_source", "loopback"),
        (account("token_source = \"stable\""), "account.main.token_source", "stable_token"),
        (account("proxy = \"http://proxy.example.com\""), "account.main.proxy", "loopback"),
        (account("forward = \"http://old.example.com\""), "account.main.forward", "loopback"),
        (client("webhook_url = \"http://shop.example.com\""), "client.shop.webhook_url", "loopback"),
        (client("redirect_uris = [\"http://shop.example.com/cb\"]"), "client.shop.redirect_uris", "loopback"),
        (client("redirect_uris = [\"https://shop.example.com/cb#x\"]"), "client.shop.redirect_uris", "fragment"),
        (client("redirect_uris = [\"shop://cb\"]"), "client.shop.redirect_uris", "URL"),
        (client("redirect_uris = \"https://shop.example.com/cb\""), "client.shop.redirect_uris", "square brackets"),
        (client("origins = [\"https://shop.example.com/\"]"), "client.shop.origins", "\"https://shop.example.com\""),
        (client("origins = [\"https://shop.example.com:443\"]"), "client.shop.origins", "\"https://shop.example.com\""),
        (client("origins = [\"*\"]"), "client.shop.origins", "not a URL of the web\n    write the website's own"),
        (client("origins = [\"http://shop.example.com\"]"), "client.shop.origins", "loopback"),
    ]);
}

#[test]
fn secrets() {
    let key = |key: &str| SMALL.replace("\"plain\"", &format!("\"safe\"\nencoding_aes_key = \"{key}\""));
    check(&[
        (token("ab"), "account.main.token", "3 to 32"),
        (token(""), "account.main.token", "3 to 32"),
        (token(&"a".repeat(33)), "account.main.token", "3 to 32"),
        (token("call-back"), "account.main.token", "letters and digits"),
        (key("short"), "account.main.encoding_aes_key", "43"),
        (key("-bcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"), "account.main.encoding_aes_key", "43"),
        (account("previous_encoding_aes_key = \"short\""), "account.main.previous_encoding_aes_key", "43"),
        (SMALL.replace("an-app-secret", ""), "account.main.app_secret", "empty"),
        (SMALL.replace("\"an-app-secret\"", "5"), "account.main.app_secret", "(secret) is not a text"),
        (SMALL.replace("a-client-secret", ""), "client.shop.client_secret", "empty"),
        (client("webhook_secret = \"secret\""), "client.shop.webhook_secret", "whsec_"),
        (client("webhook_secret = \"whsec_no base64\""), "client.shop.webhook_secret", "base64"),
        (client("webhook_secret = \"whsec_c2hvcnQ=\""), "client.shop.webhook_secret", "24 to 64"),
        (client("webhook_url = \"https://shop.example.com\""), "client.shop.webhook_url", "webhook_secret"),
        (client("confirm_via = \"chat\""), "client.shop.confirm_via", "nobody signs who answers"),
        (link_and_chat(), "client.shop.confirm_via", "nobody scans through the conversation"),
        (account("app_secret_file = \"a\""), "account.main.app_secret", "remove one"),
        (
            SMALL.replace("app_secret = \"an-app-secret\"", "app_secret_file = \"none\""),
            "account.main.app_secret_file",
            "/etc/scan-login/none",
        ),
        (section("[admin]", "token_file = \"none\""), "admin.token_file", "cannot be read"),
    ]);
}

#[test]
fn a_secret_of_a_file_is_held_against_the_same_rule() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "to ken").unwrap();
    let text = SMALL.replace("token = \"callbacktoken\"", "token_file = \"token\"");
    let faults = Config::from_toml(&text, folder.path(), []).unwrap_err().to_string();
    assert!(faults.contains("account.main.token_file = \"token\" is not 3 to 32 letters"), "{faults}");
    assert!(!faults.contains("to ken"), "{faults}");
}

#[test]
fn a_secret_is_one_line_and_not_blank() {
    let folder = tempfile::tempdir().unwrap();
    let text = SMALL.replace("client_secret = \"a-client-secret\"", "client_secret_file = \"secret\"");
    for (content, reason) in [("first\nsecond\n", "holds more than one line"), (" \n", "is empty")] {
        std::fs::write(folder.path().join("secret"), content).unwrap();
        let faults = Config::from_toml(&text, folder.path(), []).unwrap_err().to_string();
        assert!(faults.contains(&format!("client.shop.client_secret_file = \"secret\" {reason}")), "{faults}");
        assert!(!faults.contains("second"), "{faults}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let secret = SMALL.replace("client_secret = \"a-client-secret\"", "client_secret_file = \"pipe\"");
    let tls = server("tls_certificate_file = \"pipe\"\ntls_key_file = \"/dev/zero\"");
    for (text, keys) in [
        (secret, &["client.shop.client_secret_file"][..]),
        (tls, &["server.tls_certificate_file", "server.tls_key_file"][..]),
    ] {
        let faults = Config::from_toml(&text, folder.path(), []).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), keys);
        assert!(faults.iter().all(|fault| fault.complaint.reason.contains("it is no regular file")), "{faults}");
    }
}

#[test]
fn accounts_and_clients_fit_together() {
    let account_of_client = |name: &str| format!("{}{SECOND_ACCOUNT}", client(&format!("account = \"{name}\"")));
    let twin = SMALL[SMALL.find("[[client]]").unwrap()..].to_owned();
    let seed = |line: &str| format!("{SMALL}{}", SEED_PAGE.replace("client_id = \"shop\"", line));
    check(&[
        (account_of_client("secund"), "client.shop.account", "\"second\""),
        (
            account_of_client("second").replace("wx1111111111111111", "wx0000000000000000"),
            "account.second.app_id",
            "another",
        ),
        (account_of_client("main").replace("\"second\"", "\"main\""), "account.main.name", "another"),
        (format!("{SMALL}{twin}"), "client.shop.client_id", "another"),
        (account("kind = \"subscription\""), "client.shop.qr", "service account"),
        (client("qr = \"link\""), "client.shop.qr", "web_oauth = \"base\""),
        (client("subject = \"unionid\""), "client.shop.subject", "unionid = true"),
        (seed("client_id = \"shpo\""), "seed_page.client_id", "\"shop\""),
        (account("callback_max_age = \"0s\""), "account.main.callback_max_age", "repeat"),
        (account("scene_prefix = \"\""), "account.main.scene_prefix", "empty"),
        (account(&format!("scene_prefix = \"{}\"", "p".repeat(43))), "account.main.scene_prefix", "1 to 42"),
        (account("scene_prefix = \"a b\""), "account.main.scene_prefix", "A-Z"),
        (SMALL.replace("\"main\"", "\"ma in\""), "account[1].name", "not allowed"),
    ]);
}

#[test]
fn what_this_version_can_only_do() {
    let unset = small_without("confirm");
    let seed = |confirm: &str| format!("{SMALL}{}", SEED_PAGE.replace("confirm = \"auto\"\n", confirm));
    check(&[
        (SMALL.replace("\"auto\"", "\"none\"") + SEED_PAGE, "client.shop.confirm", "\"number\""),
        (seed("confirm = \"number\""), "seed_page.confirm", "shows no number"),
        (section("[store]", "engine = \"jetstream\""), "store.engine", "sled"),
    ]);
    let weaker = read(&format!("{unset}{SEED_PAGE}")).unwrap_err().to_string();
    assert!(
        weaker.contains("seed_page.confirm = \"auto\" is weaker than its client's confirm (\"number\")"),
        "{weaker}"
    );
}

#[test]
fn values_out_of_bounds() {
    check(&[
        (server("listen = \"localhost:8080\""), "server.listen", "127.0.0.1:8080"),
        (server("listen = \"127.0.0.1\""), "server.listen", "port"),
        (server("trusted_proxies = [\"10.0.0.0/33\"]"), "server.trusted_proxies", "network"),
        (server("max_sessions = 0"), "server.max_sessions", "less than 1"),
        (server("max_sessions = \"many\""), "server.max_sessions", "whole number"),
        (server("max_sessions = 99999999999999999999"), "server.max_sessions", "whole number"),
        (server("logins = \"yes\""), "server.logins", "true"),
        (section("[limits]", "sessions_per_address = \"600\""), "limits.sessions_per_address", "600/min"),
        (section("[limits]", "sessions_per_address = \"0/min\""), "limits.sessions_per_address", "off"),
        (section("[limits]", "sessions_per_browser = \"+3/min\""), "limits.sessions_per_browser", "off"),
        (
            section("[limits]", "failed_client_authentications = \"1/day\""),
            "limits.failed_client_authentications",
            "/h",
        ),
        (section("[limits]", "unclaimed_page_ids = 0"), "limits.unclaimed_page_ids", "off"),
        (section("[admin]", "listen = \"0.0.0.0:9090\""), "admin.listen", "token_file"),
        (section("[admin]", "listen = \"127.0.0.1:8080\""), "admin.listen", "public listener"),
        (section("[admin]", "hosts = [\"https://admin\"]"), "admin.hosts", "host"),
        (section("[keys]", "path = \"data/keys\""), "keys.path", "/etc/scan-login/data"),
        (section("[keys]", "path = \"x/../data\""), "keys.path", "backup"),
        (section("[keys]", "path = \"\""), "keys.path", "not a path"),
        (section("[keys]", "checkpoint_key_file = \"data/my.key\""), "keys.checkpoint_key_file", "sign it"),
        (section("[keys]", "checkpoint_key_file = \"\""), "keys.checkpoint_key_file", "not a path"),
        (section("[store]", "retention = \"0d\""), "store.retention", "longer than zero"),
        (section("[store]", "retention = \"never\""), "store.retention", "or \"off\""),
        (section("[log]", "format = \"text\""), "log.format", "\"pretty\", \"json\""),
        (section("[log]", "filter = \"loud=very\""), "log.filter", "write a level"),
        (section("[log]", "filter = \"\""), "log.filter", "write a level"),
        (section("[log]", "filter = 3"), "log.filter", "quotation marks"),
        (section("[session]", "ttl = \"0s\""), "session.ttl", "1s to 29d"),
        (section("[session]", "ttl = \"999ms\""), "session.ttl", "1s to 29d"),
        (section("[session]", "ttl = \"30d\""), "session.ttl", "1s to 29d"),
        (section("[session]", "ttl = 300"), "session.ttl", "\"60s\""),
        (section("[session]", "ttl = \"5 m\""), "session.ttl", "\"60s\""),
        (section("[session]", "ttl = \"5\""), "session.ttl", "\"60s\""),
        (section("[session]", "ttl = \"99999999999999999999d\""), "session.ttl", "\"60s\""),
        (section("[session]", "ttl = \"9999999999999999d\""), "session.ttl", "100 years"),
        (section("[session]", "code_ttl = \"0s\""), "session.code_ttl", "longer than zero"),
        (section("[session]", "access_token_ttl = \"0m\""), "session.access_token_ttl", "longer than zero"),
        (section("[session]", "max_renewals = -1"), "session.max_renewals", "less than 0"),
        (SMALL.replace("\"plain\"", "\"plian\""), "account.main.encryption", "the nearest is \"plain\""),
        (account("qr_daily_budget = 0"), "account.main.qr_daily_budget", "less than 1"),
        (account("kind = \"servise\""), "account.main.kind", "the nearest is \"service\""),
        (client("scopes = [\"email\"]"), "client.shop.scopes", "\"wechat\""),
        (client("scopes = []"), "client.shop.scopes", "nothing"),
        (SMALL.replace("Example Shop", " "), "client.shop.name", "visible"),
    ]);
}

#[cfg(unix)]
#[test]
fn keys_reached_through_a_link_into_the_store_are_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("data"), folder.path().join("elsewhere")).unwrap();
    let text = section("[keys]", "path = \"elsewhere/keys\"");
    let faults = Config::from_toml(&text, folder.path(), []).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), ["keys.path"]);
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    check(&[
        (server("lisen = \"127.0.0.1:1\""), "server.lisen", "server.listen"),
        (account("app_secrt = \"x\""), "account.main.app_secrt", "account.main.app_secret"),
        (account("token_fil = \"x\""), "account.main.token_fil", "account.main.token_file"),
        (client("redirect_uri = \"x\""), "client.shop.redirect_uri", "client.shop.redirect_uris"),
        (format!("{SMALL}[sesion]\nttl = \"5m\""), "sesion", "session"),
        (format!("logins = false\n{SMALL}"), "logins", "the nearest known one"),
        (format!("store = 5\n{SMALL}"), "store", "[store]"),
        (SMALL.replace("[[client]]", "[client]"), "client", "[[client]]"),
    ]);
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = r#"
[[account]]
name = "main"
app_id = "wx0"
app_secret = ""
token = "to ken"
encoding_aes_key = "short"
[server]
listen = "here"
public_ur = "https://login.example.com"
[[client]]
client_id = "shop"
confirm = "auto"
redirect_uris = [
    "https://shop.example.com/callback",
    "http://shop.example.com/callback",
    "nowhere",
]
"#;
    let faults = read(text).unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|fault| match &fault.place {
            Some(Place::Line(line)) => format!("{line} {}", fault.key),
            other => format!("{other:?} {}", fault.key),
        })
        .collect();
    assert_eq!(
        told,
        [
            "5 account.main.app_secret",
            "6 account.main.token",
            "7 account.main.encoding_aes_key",
            "8 server.public_url",
            "9 server.listen",
            "10 server.public_ur",
            "11 client.shop.client_secret",
            "11 client.shop.name",
            "16 client.shop.redirect_uris",
            "17 client.shop.redirect_uris",
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_lines_and_without_its_text() {
    let faults = read("[server]\nlisten = \"a\nx = SECRET\n[server]\n").unwrap_err();
    let shown = faults.to_string();
    assert!(shown.starts_with("line 2: this is no TOML: "), "{shown}");
    assert!(faults.iter().count() > 1 && !shown.contains("SECRET"), "{shown}");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let name = "SCAN_LOGIN__SERVER__\u{1b}[2J";
    let faults = read_with(&server("\"a\\n\\u001b[2J\" = 1"), &[(name, "1")]).unwrap_err().to_string();
    assert_eq!(faults.lines().count(), 4, "{faults}");
    assert!(!faults.contains('\u{1b}'), "{faults}");
}

#[test]
fn what_stands_before_an_at_sign_is_not_repeated() {
    let shown = read(&account("proxy = \"http://me:SECRET@proxy.example.com\"")).unwrap_err().to_string();
    assert!(shown.contains("\"http://…@proxy.example.com\"") && !shown.contains("SECRET"), "{shown}");
}
