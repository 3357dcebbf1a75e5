//! One account: what WeChat says to its credentials, and whether WeChat can reach us.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use url::Url;

use super::finding::Finding;
use super::probe::Probe;
use super::refused::{no_token, refused};
use crate::clock::{Clock, random_bytes};
use crate::config::{Account, AccountKind, Config, Encryption, TokenSource, WebOauth};
use crate::domain::Timestamp;
use crate::transport::wechat::api::{CallbackCheck, WeChatApi};
use crate::transport::wechat::signature::sign;

/// How far the clocks may be apart, until it is worth a word, and until it does harm: signatures, tokens and the QR codes'
/// lives depend on them.
const APART: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5 * 60));

/// A QR code is needed for a moment; WeChat gives none a shorter life.
const QR_LIFE: Duration = Duration::from_secs(60);

pub(super) async fn examine(
    config: &Config,
    account: &Account,
    public: &Probe,
    is_running: bool,
    clock: &Clock,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match WeChatApi::for_operator(account, clock.clone()) {
        Ok(api) => findings.extend(ask_wechat(account, &api, clock).await),
        Err(error) => findings.push(Finding::fail(named(account, "WeChat"), error.to_string(), "see above")),
    }
    findings.push(messages(account));
    findings.push(callback(config, account, public, is_running, clock).await);
    if account.web_oauth != WebOauth::Off {
        findings.push(web_oauth(config, account, public).await);
    }
    findings
}

fn named(account: &Account, subject: &str) -> String {
    format!("{}: {subject}", account.name)
}

async fn ask_wechat(account: &Account, api: &WeChatApi, clock: &Clock) -> Vec<Finding> {
    let subject = named(account, "clock");
    let time = match api.time().await {
        Ok(Some(theirs)) => time(subject, clock.now(), theirs),
        Ok(None) => {
            Finding::warn(subject, "WeChat does not tell its time", "see that this machine's clock is kept by NTP")
        }
        Err(error) => refused(subject, &error),
    };
    let subject = named(account, "access token");
    if let Err(error) = api.check_credentials().await {
        return vec![time, no_token(subject, account, &error)];
    }
    let token = Finding::ok(subject, taken(account));
    vec![time, token, qr_code(account, api).await, wechats_check(account, api).await]
}

fn taken(account: &Account) -> &'static str {
    match account.token_source {
        TokenSource::StableToken => "WeChat takes app_id, app_secret and this machine's address",
        TokenSource::Token => {
            "WeChat takes app_id, app_secret and this machine's address (asked by stable_token, which leaves the tokens of \
             a running daemon alone)"
        }
        TokenSource::Server(_) => "the token server gives one; WeChat was not asked for it",
    }
}

fn time(subject: String, ours: Timestamp, theirs: Timestamp) -> Finding {
    let apart = ours.until(theirs).max(theirs.until(ours));
    let what = format!("{} s away from WeChat's", apart.as_secs());
    let cure = "set this machine's clock, and keep it with NTP (chrony or systemd-timesyncd)";
    match apart {
        _ if apart > APART.1 => Finding::fail(subject, what, cure),
        _ if apart > APART.0 => Finding::warn(subject, what, cure),
        _ => Finding::ok(subject, what),
    }
}

/// Makes a code whose scene is not ours, so that a scan of it would be no login.
async fn qr_code(account: &Account, api: &WeChatApi) -> Finding {
    let subject = named(account, "QR codes");
    if account.kind == AccountKind::Subscription {
        let cure = "nothing: clients of this account need qr = \"link\"";
        return Finding::warn(subject, "a subscription account can make none with a scene", cure);
    }
    match api.create_qr(&foreign_scene(&account.scene_prefix), QR_LIFE).await {
        Ok(_) => Finding::ok(subject, "WeChat makes them"),
        Err(error) => refused(subject, &error),
    }
}

fn foreign_scene(our_prefix: &str) -> String {
    let prefix =
        if "doctor-".starts_with(our_prefix) || our_prefix.starts_with("doctor-") { "check-" } else { "doctor-" };
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes::<16>()))
}

/// What WeChat finds of the callback URL. It is no proof of a fault: WeChat's own check is at times out of order.
async fn wechats_check(account: &Account, api: &WeChatApi) -> Finding {
    let subject = named(account, "callback, by WeChat");
    let cure =
        "see that the URL in the console (服务器配置) has the public host, and that its DNS and firewall let WeChat in";
    match api.check_callback().await {
        Ok(check) => reached(subject, &check, cure),
        Err(error) => Finding::warn(subject, format!("WeChat could not be made to try: {error}"), cure),
    }
}

fn reached(subject: String, check: &CallbackCheck, cure: &str) -> Finding {
    let lost = check.ping.iter().find(|ping| ping.package_loss == "100%");
    match lost {
        _ if check.dns.is_empty() => Finding::warn(subject, "WeChat finds no address for its host", cure),
        Some(ping) => Finding::warn(subject, format!("WeChat's pings do not reach {}", ping.ip), cure),
        None => {
            let addresses: Vec<&str> = check.dns.iter().map(|answer| answer.ip.as_str()).collect();
            Finding::ok(subject, format!("WeChat reaches {}", addresses.join(", ")))
        }
    }
}

fn messages(account: &Account) -> Finding {
    let subject = named(account, "messages");
    let has_key = account.encoding_aes_key.is_some();
    match account.encryption {
        Encryption::Safe if has_key => Finding::ok(subject, "encrypted, and the key is there"),
        Encryption::Compatible if has_key => {
            Finding::ok(subject, "encrypted beside a plain copy, and the key is there")
        }
        Encryption::Plain => Finding::warn(
            subject,
            "neither encrypted nor signed: whoever sees one callback URL can forge scans",
            "choose 安全模式 in the console, and set encryption = \"safe\" with encoding_aes_key",
        ),
        Encryption::Safe | Encryption::Compatible => {
            Finding::fail(subject, "the key is missing", "copy 消息加解密密钥(EncodingAESKey) from the console")
        }
    }
}

/// Verifies the server as WeChat does when its URL is entered in the console.
async fn callback(config: &Config, account: &Account, public: &Probe, is_running: bool, clock: &Clock) -> Finding {
    let subject = named(account, "callback, from here");
    let path = format!("wechat/{}", account.name);
    let url = config.server.public_url.join(&path);
    let echo = u64::from_be_bytes(random_bytes()).to_string();
    let answer = public.get(&signed(&url, account.token.expose_secret(), &echo, clock.now())).await;
    let wrong = match answer {
        Ok((status, body)) if status.is_success() && body == echo.as_bytes() => {
            return Finding::ok(subject, format!("{url} answers as WeChat wants it"));
        }
        Ok((status, _)) if status.is_success() => (
            format!("{url} answers something else"),
            "let the proxy hand the path to this daemon as it is, query included",
        ),
        Ok((status, _)) if status.as_u16() == 403 => (
            format!("{url} takes the signature for forged"),
            "let the proxy hand the query over as it is; where the token was changed, start the daemon again",
        ),
        Ok((status, _)) => (
            format!("{url} answers HTTP {}", status.as_u16()),
            "let the proxy hand this path to the daemon, and see that the daemon runs with this configuration",
        ),
        Err(why) => {
            (format!("{url} cannot be reached: {why}"), "see the DNS, the certificate and the proxy of public_url")
        }
    };
    match is_running {
        true => Finding::fail(subject, wrong.0, wrong.1),
        false => Finding::warn(subject, wrong.0, "start the daemon first, and ask again"),
    }
}

fn signed(url: &Url, token: &str, echo: &str, now: Timestamp) -> Url {
    let timestamp = now.as_seconds().to_string();
    let nonce = u32::from_be_bytes(random_bytes()).to_string();
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("signature", &sign(&[token, &timestamp, &nonce]))
        .append_pair("timestamp", &timestamp)
        .append_pair("nonce", &nonce)
        .append_pair("echostr", echo);
    url
}

/// Whether the file that proves the domain can be had, as the console asks for it.
async fn web_oauth(config: &Config, account: &Account, public: &Probe) -> Finding {
    let subject = named(account, "web OAuth domain");
    let origin = config.server.public_url.origin();
    let host = origin.trim_start_matches("https://");
    let folder = config.server.verify_dir.display();
    let register = format!(
        "register {host} as 网页授权域名 in the console (公众号设置 > 功能设置), and put the MP_verify file that it gives into \
         {folder}"
    );
    let files = verify_files(&config.server.verify_dir);
    if files.is_empty() {
        return Finding::warn(subject, "there is no MP_verify file", register);
    }
    for (name, content) in &files {
        let Ok(url) = format!("{origin}/{name}").parse::<Url>() else { continue };
        match public.get(&url).await {
            Ok((status, body)) if status.is_success() && body.trim_ascii() == content.trim_ascii() => {}
            Ok((status, _)) => {
                let cure = "let the proxy hand this file out at the host's root, or hand the path to the daemon";
                let what = format!("{url} is not the file: HTTP {}", status.as_u16());
                return Finding::fail(subject, what, cure);
            }
            Err(why) => return Finding::fail(subject, format!("{url} cannot be reached: {why}"), register),
        }
    }
    Finding::ok(subject, format!("{} can be had at {origin}", files[0].0))
}

fn verify_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("MP_verify_") && name.ends_with(".txt"))
        .filter_map(|name| std::fs::read(folder.join(&name)).ok().map(|content| (name, content)))
        .collect();
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use crate::transport::wechat::api::{DnsAnswer, Ping};

    #[test]
    fn clocks_may_be_a_little_apart() {
        let now = Timestamp::from_micros(1_767_323_045_000_000);
        let far = |seconds| now.after(Duration::from_secs(seconds));
        for (seconds, status) in
            [(0, Status::Ok), (30, Status::Ok), (31, Status::Warn), (300, Status::Warn), (301, Status::Fail)]
        {
            assert_eq!(time(String::new(), now, far(seconds)).status, status, "{seconds}");
            assert_eq!(time(String::new(), far(seconds), now).status, status, "-{seconds}");
        }
    }

    #[test]
    fn the_scene_of_the_check_is_never_ours() {
        for ours in ["sl-", "d", "doctor-", "doctor-sl-", "check-", "c"] {
            let scene = foreign_scene(ours);
            assert!(!scene.starts_with(ours) && scene.len() <= 64, "{ours}: {scene}");
        }
    }

    #[test]
    fn what_wechat_finds_is_told() {
        let dns = || vec![DnsAnswer { ip: "203.0.113.7".into() }];
        let ping = |loss: &str| vec![Ping { ip: "203.0.113.7".into(), package_loss: loss.into() }];
        let found = |dns, ping| reached(String::new(), &CallbackCheck { dns, ping }, "cure").status;
        assert_eq!(found(dns(), ping("0%")), Status::Ok);
        assert_eq!(found(dns(), ping("100%")), Status::Warn);
        assert_eq!(found(vec![], vec![]), Status::Warn);
    }
}
