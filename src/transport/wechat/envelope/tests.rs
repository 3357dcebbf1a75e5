use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::transport::wechat::message::Kind;

const TOKEN: &str = "callbacktoken";
const APP_ID: &str = "wx0000000000000001";
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const OLD_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg";
const SCAN: &str = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName><![CDATA[oAlice]]></FromUserName>\n\
    <CreateTime>1457752395</CreateTime>\n<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[SCAN]]></Event>\n\
    <EventKey><![CDATA[sl-scene]]></EventKey>\n</xml>";
const SCAN_IN_JSON: &str = r#"{"ToUserName":"gh_1","FromUserName":"oAlice","CreateTime":1457752395,"MsgType":"event",
    "Event":"SCAN","EventKey":"sl-scene"}"#;

fn account(encryption: &str) -> Envelopes {
    let text = format!(
        r#"
        [server]
        public_url = "https://login.example.com"
        [[account]]
        name = "main"
        app_id = "{APP_ID}"
        app_secret = "app-secret"
        token = "{TOKEN}"
        {encryption}
        [[client]]
        client_id = "shop"
        client_secret = "shop-secret"
        name = "Example Shop"
        confirm = "tap"
        "#
    );
    let (config, _) = Config::from_toml(&text, Path::new("/"), []).unwrap_or_else(|faults| panic!("{faults}"));
    Envelopes::of(&config.accounts[0])
}

fn safe() -> Envelopes {
    account(&format!("encoding_aes_key = \"{KEY}\""))
}

fn with_weakest(encryption: &str) -> Envelopes {
    account(&format!("encryption = \"{encryption}\"\nencoding_aes_key = \"{KEY}\""))
}

fn encrypted(message: &str) -> String {
    AesKey::new(KEY).unwrap().encrypt(message.as_bytes(), APP_ID, *b"0123456789abcdef")
}

fn envelope(ciphertext: &str) -> String {
    format!("<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[{ciphertext}]]></Encrypt></xml>")
}

/// The query of a push with this ciphertext, signed with the account's token.
fn query(ciphertext: &str) -> CallbackQuery {
    let signature = sign(&[TOKEN, "1457752395", "987654321", ciphertext]);
    let text = format!(
        "signature=0&timestamp=1457752395&nonce=987654321&openid=oMallory&encrypt_type=aes&msg_signature={signature}"
    );
    CallbackQuery::read(Some(&text)).unwrap()
}

fn clear_query() -> CallbackQuery {
    let signature = sign(&[TOKEN, "1457752395", "987654321"]);
    CallbackQuery::read(Some(&format!("signature={signature}&timestamp=1457752395&nonce=987654321"))).unwrap()
}

fn open(envelopes: &Envelopes, message: &str) -> Result<Opened, Rejected> {
    let ciphertext = encrypted(message);
    envelopes.open(&query(&ciphertext), envelope(&ciphertext).as_bytes())
}

fn is_forbidden(result: &Result<Opened, Rejected>) -> bool {
    matches!(result, Err(Rejected::NotAuthentic(_)))
}

#[test]
fn a_safe_push_is_opened() {
    let Opened { push, seal, .. } = open(&safe(), SCAN).unwrap();
    assert_eq!((push.from.as_str(), push.kind), ("oAlice", Kind::Scan { scene: "sl-scene".into() }));
    assert_eq!(seal, Some(Seal { format: Format::Xml, key: 0 }));
}

#[test]
fn envelope_and_message_may_be_json() {
    let ciphertext = encrypted(SCAN_IN_JSON);
    let body = format!(r#"{{"ToUserName":"gh_1","Encrypt":"{ciphertext}"}}"#);
    let Opened { push, seal, .. } = safe().open(&query(&ciphertext), body.as_bytes()).unwrap();
    assert_eq!((push.format, push.kind), (Format::Json, Kind::Scan { scene: "sl-scene".into() }));
    assert_eq!(seal, Some(Seal { format: Format::Json, key: 0 }));
}

#[test]
fn in_compatible_mode_only_the_ciphertext_counts() {
    let ciphertext = encrypted(SCAN);
    let forged = SCAN.replace("oAlice", "oMallory").replace("sl-scene", "sl-other");
    let body = forged.replace("</xml>", &format!("<Encrypt><![CDATA[{ciphertext}]]></Encrypt></xml>"));
    for weakest in ["compatible", "plain"] {
        let opened = with_weakest(weakest).open(&query(&ciphertext), body.as_bytes()).unwrap();
        assert_eq!(opened.push.from.as_str(), "oAlice", "{weakest}");
        assert_eq!(opened.push.kind, Kind::Scan { scene: "sl-scene".into() }, "{weakest}");
    }
    assert!(is_forbidden(&safe().open(&query(&ciphertext), body.as_bytes())), "weaker than safe");
}

#[test]
fn nothing_weaker_than_the_account_says_is_taken() {
    for weakest in ["safe", "compatible"] {
        assert!(is_forbidden(&with_weakest(weakest).open(&clear_query(), SCAN.as_bytes())), "{weakest}");
        assert!(open(&with_weakest(weakest), SCAN).is_ok(), "{weakest}");
    }
    let plain = with_weakest("plain");
    assert!(plain.open(&clear_query(), SCAN.as_bytes()).unwrap().seal.is_none());
    assert!(open(&plain, SCAN).unwrap().seal.is_some(), "what is stronger is taken");
    assert!(is_forbidden(&open(&account("encryption = \"plain\""), SCAN)), "without a key it cannot be read");
}

#[test]
fn the_previous_key_opens_and_seals_during_a_rotation() {
    let rotating = account(&format!("encoding_aes_key = \"{OLD_KEY}\"\nprevious_encoding_aes_key = \"{KEY}\""));
    let seal = open(&rotating, SCAN).unwrap().seal.unwrap();
    assert_eq!(seal.key, 1);
    let sealed = rotating.seal("<xml>reply</xml>", seal, Timestamp::from_micros(0), "1", [7; 16]);
    let ciphertext = message::read(sealed.as_bytes()).unwrap().encrypted().unwrap().to_owned();
    assert_eq!(AesKey::new(KEY).unwrap().decrypt(&ciphertext, APP_ID).unwrap(), b"<xml>reply</xml>");
}

#[test]
fn a_signature_that_does_not_fit_is_refused_before_anything_is_decrypted() {
    let ciphertext = encrypted(SCAN);
    let other = encrypted(&SCAN.replace("oAlice", "oMallory"));
    assert!(is_forbidden(&safe().open(&query(&ciphertext), envelope(&other).as_bytes())));
    // Not even base64: who may not ask is not told.
    assert!(is_forbidden(&safe().open(&query(&ciphertext), envelope("%%%").as_bytes())));
    let stranger = CallbackQuery::read(Some("timestamp=1457752395&nonce=9&encrypt_type=aes&msg_signature=0")).unwrap();
    assert!(is_forbidden(&safe().open(&stranger, envelope(&ciphertext).as_bytes())));
}

#[test]
fn a_message_for_another_account_is_refused_whichever_key_opens_it() {
    let rotating = account(&format!("encoding_aes_key = \"{KEY}\"\nprevious_encoding_aes_key = \"{OLD_KEY}\""));
    let ciphertext = AesKey::new(KEY).unwrap().encrypt(SCAN.as_bytes(), "wx0000000000000002", [7; 16]);
    for envelopes in [safe(), rotating] {
        assert!(is_forbidden(&envelopes.open(&query(&ciphertext), envelope(&ciphertext).as_bytes())));
    }
}

#[test]
fn what_is_inside_is_held_to_the_same_rules() {
    let doctype = format!("<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{SCAN}");
    for message in ["", "success", &doctype, &envelope("q+/="), "{}", &SCAN.replace("CreateTime", "x")] {
        assert!(matches!(open(&safe(), message), Err(Rejected::Malformed(_))), "{message}");
    }
    let without = envelope("x").replace("Encrypt", "Other");
    assert!(matches!(safe().open(&query("x"), without.as_bytes()), Err(Rejected::Malformed(_))));
}

#[test]
fn a_sealed_reply_is_signed_and_names_its_nonce() {
    let now = Timestamp::from_micros(1_457_752_400_000_000);
    for (format, body) in [(Format::Xml, "<xml>"), (Format::Json, "{")] {
        let sealed = safe().seal("reply", Seal { format, key: 0 }, now, "987654321", [7; 16]);
        assert!(sealed.starts_with(body), "{sealed}");
        let ciphertext = message::read(sealed.as_bytes()).unwrap().encrypted().unwrap().to_owned();
        let signature = sign(&[TOKEN, "1457752400", "987654321", &ciphertext]);
        assert!(
            sealed.contains(&signature) && sealed.contains("1457752400") && sealed.contains("987654321"),
            "{sealed}"
        );
        assert!(!sealed.contains("CDATA[1457752400"), "a number: {sealed}");
    }
}

#[test]
fn cut_off_anywhere_it_is_no_push_and_no_panic() {
    let ciphertext = encrypted(SCAN);
    let body = envelope(&ciphertext);
    for length in 0..body.len() {
        assert!(safe().open(&query(&ciphertext), &body.as_bytes()[..length]).is_err(), "the envelope, cut at {length}");
    }
    for length in 0..ciphertext.len() {
        let cut = &ciphertext[..length];
        assert!(safe().open(&query(cut), envelope(cut).as_bytes()).is_err(), "the ciphertext, cut at {length}");
    }
    for length in 0..SCAN.len() {
        let result = open(&safe(), &SCAN[..length]);
        assert!(matches!(result, Err(Rejected::Malformed(_))), "the message, cut at {length}");
    }
}

proptest! {
    #[test]
    fn whatever_somebody_encrypts_gets_an_answer(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ciphertext = AesKey::new(KEY).unwrap().encrypt(&message, APP_ID, [7; 16]);
        let _ = safe().open(&query(&ciphertext), envelope(&ciphertext).as_bytes());
    }

    #[test]
    fn a_flipped_bit_of_a_signed_ciphertext_gets_an_answer(byte in 0_usize..256, bit in 0_u8..8) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let mut bytes = STANDARD.decode(encrypted(SCAN)).unwrap();
        let at = byte % bytes.len();
        bytes[at] ^= 1 << bit;
        let damaged = STANDARD.encode(bytes);
        let _ = safe().open(&query(&damaged), envelope(&damaged).as_bytes());
        prop_assert!(is_forbidden(&safe().open(&query(&encrypted(SCAN)), envelope(&damaged).as_bytes())));
    }
}
