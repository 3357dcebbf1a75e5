use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

/// Every key there is, as the documentation shows it, with values filled in.
const COMPLETE: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://login.example.com"
trusted_proxies = []
max_sessions = 1000000
logins = true
verify_dir = "verify"
place_database = "places.mmdb"

[limits]
sessions_per_address = "600/min"
sessions_per_browser = "30/min"
failed_client_authentications = "20/min"
unclaimed_page_ids = 32

[admin]
listen = "127.0.0.1:9090"
socket = "data/admin.sock"
token_file = "admin-token"
hosts = []

[keys]
path = "keys"
checkpoint_key_file = "hsm/checkpoint.key"

[store]
engine = "sled"
path = "data"
retention = "180d"
lock_wait = "30s"

[session]
ttl = "5m"
code_ttl = "60s"
access_token_ttl = "10m"
max_renewals = 3

[log]
format = "json"
filter = "info,scan_login::store=debug"

[[account]]
name = "main"
app_id = "wx0123456789abcdef"
app_secret = "SECRET-app"
token = "SECRETtoken"
encoding_aes_key = "SECRETtmnopqrstuvwxyz0123456789ABCDEFGHIJKL"
previous_encoding_aes_key = "SECRETpmnopqrstuvwxyz0123456789ABCDEFGHIJKL"
encryption = "safe"
callback_max_age = "10m"
api_base = "https://api.weixin.qq.com"
oauth_base = "https://open.weixin.qq.com"
token_source = "stable_token"
proxy = "https://proxyuser:SECRET-proxy@proxy.example.com:3128"
kind = "service"
web_oauth = "off"
scene_prefix = "sl-"
qr_daily_budget = 90000
unionid = false
forward = "https://old.example.com/wechat"
forward_mode = "unmatched"

[[client]]
client_id = "shop"
client_secret = "SECRET-client"
previous_client_secret = "SECRET-client-before"
account = "main"
name = "Example Shop"
redirect_uris = ["https://shop.example.com/callback"]
origins = ["https://shop.example.com"]
scopes = ["openid", "wechat"]
subject = "pairwise"
confirm = "auto"
confirm_via = "page"
qr = "scene"
pkce = "required"
webhook_url = "https://shop.example.com/hooks"
webhook_secret = "whsec_U0VDUkVULVNFQ1JFVC1TRUNSRVQtU0VDUkVU"

[[client]]
client_id = "legacy"
client_secret_file = "legacy-secret"
name = "Legacy"
confirm = "auto"
pkce = "optional"

[seed_page]
client_id = "legacy"
confirm = "auto"
message = "code"
bind = "address"
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("admin-token"), "SECRET-of-the-administrator\n").unwrap();
    std::fs::write(folder.path().join("legacy-secret"), "SECRET from a file\r\n").unwrap();
    folder
}

#[test]
fn the_complete_sample_is_read() {
    let folder = folder();
    let (config, _) = Config::from_toml(COMPLETE, folder.path(), []).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.server.public_url.as_str(), "https://login.example.com");
    assert_eq!(config.keys.path, folder.path().join("keys"));
    assert_eq!(config.keys.checkpoint_key_file, folder.path().join("hsm/checkpoint.key"));
    assert_eq!(config.admin.token.as_ref().unwrap().expose_secret(), "SECRET-of-the-administrator");
    let shop = config.client(&ClientId::new("shop").unwrap()).unwrap();
    assert_eq!(shop.redirect_uris, ["https://shop.example.com/callback"]);
    assert_eq!(config.client_account(shop).app_secret.expose_secret(), "SECRET-app");
    let legacy = config.client(&config.seed_page.as_ref().unwrap().client_id).unwrap();
    assert_eq!(legacy.client_secret.expose_secret(), "SECRET from a file", "the newline at the end is no part of it");
    assert_eq!(legacy.account.as_str(), "main", "there is only one");
    let main = config.account(&legacy.account).unwrap();
    assert_eq!(main.proxy.as_ref().unwrap().expose().password(), Some("SECRET-proxy"));
}

#[test]
fn debug_shows_no_secret() {
    let folder = folder();
    let (config, warnings) = Config::from_toml(COMPLETE, folder.path(), []).unwrap();
    let shown = format!("{config:?} {config:#?} {warnings:?}");
    assert!(shown.contains("Example Shop") && !shown.contains("SECRET"), "{shown}");
    let faults = Config::from_toml(&COMPLETE.replace("SECRET", "SECRET "), folder.path(), []).unwrap_err();
    let shown = format!("{faults} {faults:?}");
    assert!(shown.contains("token") && !shown.contains("SECRET"), "{shown}");
}

#[test]
fn the_written_defaults_are_the_defaults() {
    let Config { server, limits, admin, keys, store, session, log, accounts, clients, seed_page, .. } = valid(SMALL);
    let base = Path::new("/etc/scan-login");
    assert_eq!(server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((server.max_sessions, server.logins), (1_000_000, true));
    assert_eq!(server.verify_dir, base.join("verify"));
    assert_eq!(server.place_database, None);
    assert!(server.trusted_proxies.is_empty());
    let per_minute = |count| Some(Rate { count: NonZeroU32::new(count).unwrap(), per: Duration::from_secs(60) });
    assert_eq!(limits.sessions_per_address, per_minute(600));
    assert_eq!(limits.sessions_per_browser, per_minute(30));
    assert_eq!(limits.failed_client_authentications, per_minute(20));
    assert_eq!(limits.unclaimed_page_ids, NonZeroU32::new(32));
    assert_eq!(admin.listen, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(admin.socket, base.join("data/admin.sock"));
    assert!(admin.token.is_none() && admin.hosts.is_empty());
    assert_eq!(keys.checkpoint_key_file, base.join("keys/checkpoint.key"));
    assert_eq!((keys.path, store.path), (base.join("keys"), base.join("data")));
    assert_eq!((store.engine, store.lock_wait), (Engine::Sled, Duration::from_secs(30)));
    assert_eq!(store.retention, Some(Duration::from_secs(180 * 86_400)));
    assert_eq!((session.ttl, session.code_ttl), (Duration::from_secs(300), Duration::from_secs(60)));
    assert_eq!((session.access_token_ttl, session.max_renewals), (Duration::from_secs(600), 3));
    assert_eq!(log, Log { format: LogFormat::Pretty, filter: "info".into() });
    let account = &accounts[0];
    assert_eq!(account.callback_max_age, Some(Duration::from_secs(600)));
    assert_eq!(account.api_base.as_str(), "https://api.weixin.qq.com");
    assert_eq!(account.oauth_base.as_str(), "https://open.weixin.qq.com");
    assert_eq!((&account.token_source, account.kind), (&TokenSource::StableToken, AccountKind::Service));
    assert_eq!((account.web_oauth, account.scene_prefix.as_str()), (WebOauth::Off, "sl-"));
    assert_eq!((account.qr_daily_budget.get(), account.unionid), (90_000, false));
    assert_eq!((account.forward_mode, account.forward.is_none()), (ForwardMode::Unmatched, true));
    let client = &clients[0];
    assert_eq!(client.scopes, [Scope::Openid, Scope::Wechat]);
    assert_eq!((client.subject, client.confirm_via), (Subject::Pairwise, ConfirmVia::Page));
    assert_eq!((client.qr, client.pkce), (Qr::Scene, Pkce::Required));
    assert!(client.redirect_uris.is_empty() && client.origins.is_empty());
    assert!(seed_page.is_none(), "off unless present");
}

#[test]
fn the_address_of_a_file_decides_where_relative_paths_start() {
    let folder = folder();
    let path = folder.path().join("scan-login.toml");
    std::fs::write(&path, format!("{SMALL}[keys]\npath = \"../keys\"\n[store]\npath = \"/var/lib/scan-login\"\n"))
        .unwrap();
    let (config, _) = Config::load(&path, []).unwrap();
    assert_eq!(config.keys.path, folder.path().join("../keys"));
    assert_eq!(config.store.path, Path::new("/var/lib/scan-login"));
}

#[test]
fn a_public_url_may_carry_a_path() {
    let with = |url: &str| valid(&SMALL.replace("https://login.example.com", url)).server.public_url;
    let url = with("https://example.com/login/");
    assert_eq!(
        (url.as_str(), url.path(), url.origin()),
        ("https://example.com/login", "/login", "https://example.com")
    );
    assert_eq!(url.join("/wechat/main").as_str(), "https://example.com/login/wechat/main");
    assert_eq!(url.join("qrcode").as_str(), "https://example.com/login/qrcode");
    let url = with("HTTPS://EXAMPLE.com:443/");
    assert_eq!((url.as_str(), url.path()), ("https://example.com", ""));
    assert_eq!(url.join("/qrcode").as_str(), "https://example.com/qrcode");
    assert_eq!(with("http://127.9.0.1:8080").as_str(), "http://127.9.0.1:8080");
    assert_eq!(with("http://[::1]:8080/").as_str(), "http://[::1]:8080");
    assert!(!with("http://localhost").is_https());
}

#[test]
fn a_host_in_chinese_is_taken_as_browsers_send_it() {
    let with = |url: &str| valid(&SMALL.replace("https://login.example.com", url)).server.public_url;
    // As UTS 46 maps them: full width letters, the ideographic full stop, an accent of its own.
    for host in ["例子.中国", "例子。中国", "xn--fsqu00a.xn--fiqs8s"] {
        assert_eq!(with(&format!("https://{host}")).as_str(), "https://xn--fsqu00a.xn--fiqs8s", "{host}");
    }
    assert_eq!(with("https://ｌｏｇｉｎ.例子.中国").as_str(), "https://login.xn--fsqu00a.xn--fiqs8s");
    assert_eq!(with("https://\u{65}\u{301}cole.example.com").as_str(), with("https://école.example.com").as_str());
}

#[test]
fn other_forms_that_are_taken() {
    let limits = valid(&small_with("[limits]", "sessions_per_address = \"off\"\nunclaimed_page_ids = \"off\"")).limits;
    assert_eq!((limits.sessions_per_address, limits.unclaimed_page_ids), (None, None));
    let proxies = r#"trusted_proxies = ["10.0.0.0/8", "::1", "192.0.2.7"]"#;
    let nets = valid(&small_with("[server]", proxies)).server.trusted_proxies;
    assert_eq!(nets.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    let longest = format!("scene_prefix = \"{}\"", "p".repeat(42));
    assert_eq!(valid(&small_with("[[account]]", &longest)).accounts[0].scene_prefix.len(), 42);
    let server = valid(&small_with("[[account]]", "token_source = \"https://tokens.example.com/wx\"")).accounts;
    assert!(matches!(&server[0].token_source, TokenSource::Server(url) if url.path() == "/wx"));
    let any_age = SMALL.replace(
        "\"plain\"",
        "\"safe\"\ncallback_max_age = \"0s\"\nencoding_aes_key = \"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\"",
    );
    assert_eq!(valid(&any_age).accounts[0].callback_max_age, None);
    let ttl = |ttl: &str| valid(&small_with("[session]", &format!("ttl = \"{ttl}\""))).session.ttl.as_secs();
    assert_eq!((ttl("1s"), ttl("29d"), ttl("2h"), ttl("1500ms")), (1, 29 * 86_400, 7200, 1));
}
