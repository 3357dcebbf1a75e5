//! What opening a push and sealing a reply take by themselves.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use scan_login::config::Config;
use scan_login::domain::Timestamp;
use scan_login::transport::wechat::crypto::AesKey;
use scan_login::transport::wechat::envelope::{Envelopes, Opened};
use scan_login::transport::wechat::query::CallbackQuery;
use scan_login::transport::wechat::reply;
use scan_login::transport::wechat::signature::sign;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP_ID: &str = "wx0123456789abcdef";
const ROUNDS: u32 = 20_000;
const SCAN: &str = "<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>\n\
    <FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>\n<CreateTime>1457752395</CreateTime>\n\
    <MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[SCAN]]></Event>\n\
    <EventKey><![CDATA[sl-Zm9vYmFyYmF6cXV4MTIzNA]]></EventKey>\n<Ticket><![CDATA[gQHr8ToAAAAAAAAAASxodHRwOi8v]]></Ticket>\n</xml>";

/// The mean time of a plain push with its reply, and of a safe one.
pub fn costs() -> (Duration, Duration) {
    let config = format!(
        "[server]\npublic_url = \"https://login.example.com\"\n[[account]]\nname = \"main\"\napp_id = \"{APP_ID}\"\n\
         app_secret = \"secret\"\ntoken = \"AAAAA\"\nencryption = \"plain\"\nencoding_aes_key = \"{KEY}\"\n\
         [[client]]\nclient_id = \"shop\"\nclient_secret = \"secret\"\nname = \"Shop\"\nconfirm = \"auto\"\n"
    );
    let (config, _) = Config::from_toml(&config, Path::new("/"), []).unwrap();
    let envelopes = Envelopes::of(&config.accounts[0]);
    let encrypted = AesKey::new(KEY).unwrap().encrypt(SCAN.as_bytes(), APP_ID, *b"0123456789abcdef");
    let safe_body =
        format!("<xml><ToUserName>gh_7f083739789a</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>");
    let signature = sign(&["AAAAA", "1457752395", "987654321"]);
    let msg_signature = sign(&["AAAAA", "1457752395", "987654321", &encrypted]);
    let plain_query =
        format!("signature={signature}&timestamp=1457752395&nonce=987654321&openid=oia2TjuEGTNoeX76QEjQNrcURxG8");
    let safe_query = format!("{plain_query}&encrypt_type=aes&msg_signature={msg_signature}");
    let time = |query: &str, body: &str| {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            black_box(answer(&envelopes, black_box(query), black_box(body)));
        }
        began.elapsed() / ROUNDS
    };
    // Once to warm up.
    time(&safe_query, &safe_body);
    (time(&plain_query, SCAN), time(&safe_query, &safe_body))
}

fn answer(envelopes: &Envelopes, query: &str, body: &str) -> String {
    let query = CallbackQuery::read(Some(query)).unwrap();
    let Opened { push, seal, .. } = envelopes.open(&query, body.as_bytes()).unwrap();
    let now = Timestamp::from_micros(1_457_752_400_000_000);
    let written = reply::text(&push, "你已登录 Example Shop。", now);
    match seal {
        None => written,
        Some(seal) => envelopes.seal(&written, seal, now, query.nonce(), [7; 16]),
    }
}
