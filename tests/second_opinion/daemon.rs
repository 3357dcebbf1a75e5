//! The daemon's envelopes: what it opens, and the replies that it seals.

use std::path::Path;

use scan_login::config::Config;
use scan_login::domain::Timestamp;
use scan_login::transport::wechat::envelope::{Envelopes, Rejected};
use scan_login::transport::wechat::message::Kind;
use scan_login::transport::wechat::query::CallbackQuery;
use scan_login::transport::wechat::reply;

use crate::support::{Envelope, Keys, LIBRARIES};

/// Its last character says more bits than a key has: strict readers of base64 stumble over it.
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const APP_ID: &str = "wx0123456789abcdef";
const SCAN: &str = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oAlice]]></FromUserName>\
    <CreateTime>1767323045</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[SCAN]]></Event>\
    <EventKey><![CDATA[sl-登录]]></EventKey></xml>";

fn envelopes() -> Envelopes {
    let config = format!(
        "[server]\npublic_url = \"https://login.example.com\"\n[[account]]\nname = \"main\"\napp_id = \"{APP_ID}\"\n\
         app_secret = \"secret\"\ntoken = \"callbacktoken\"\nencoding_aes_key = \"{KEY}\"\n\
         [[client]]\nclient_id = \"shop\"\nclient_secret = \"secret\"\nname = \"Shop\"\nconfirm = \"tap\"\n"
    );
    let (config, _) = Config::from_toml(&config, Path::new("/"), []).unwrap();
    Envelopes::of(&config.accounts[0])
}

fn keys() -> Keys {
    Keys { token: "callbacktoken".into(), encoding_aes_key: KEY.into(), app_id: APP_ID.into() }
}

fn query(envelope: &Envelope) -> CallbackQuery {
    let Envelope { timestamp, nonce, msg_signature, .. } = envelope;
    let text = format!("timestamp={timestamp}&nonce={nonce}&encrypt_type=aes&msg_signature={msg_signature}");
    CallbackQuery::read(Some(&text)).unwrap()
}

fn body(envelope: &Envelope) -> String {
    format!("<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{}]]></Encrypt></xml>", envelope.encrypt)
}

#[test]
fn it_reads_what_the_others_push_and_they_read_its_reply() {
    for library in LIBRARIES {
        let pushed = library.seal(&keys(), "1767323045", "260774613", SCAN);
        let opened = envelopes().open(&query(&pushed), body(&pushed).as_bytes()).unwrap();
        assert_eq!(opened.push.kind, Kind::Scan { scene: "sl-登录".into() }, "{library:?}");
        let now = Timestamp::from_micros(1_767_323_046_000_000);
        let written = reply::text(&opened.push, "请点击", now);
        let sealed = envelopes().seal(&written, opened.seal.unwrap(), now, "260774613", *b"0123456789abcdef");
        assert_eq!(library.open(&keys(), &Envelope::of_reply(&sealed)), Ok(written), "{library:?}");
    }
}

#[test]
fn it_refuses_what_the_others_sealed_for_somebody_else() {
    for library in LIBRARIES {
        let other = Keys { app_id: "wx0000000000000000".into(), ..keys() };
        let pushed = library.seal(&other, "1767323045", "260774613", SCAN);
        let refused = envelopes().open(&query(&pushed), body(&pushed).as_bytes()).unwrap_err();
        assert!(matches!(refused, Rejected::NotAuthentic(_)), "{library:?}: {refused:?}");
        let forged = Envelope { nonce: "260774614".into(), ..library.seal(&keys(), "1767323045", "260774613", SCAN) };
        let refused = envelopes().open(&query(&forged), body(&forged).as_bytes()).unwrap_err();
        assert!(matches!(refused, Rejected::NotAuthentic(_)), "{library:?}: {refused:?}");
    }
}
