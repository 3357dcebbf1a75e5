use std::collections::HashMap;

use super::*;
use crate::domain::AppId;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const CLEAR: [(DataFormat, &str); 2] = [
    (DataFormat::Xml, "<xml><FromUserName><![CDATA[o1]]></FromUserName>\n</xml>"),
    (DataFormat::Json, r#"{"FromUserName":"o1"}"#),
];

fn account(encryption: SimulatedEncryption, format: DataFormat) -> SimulatedAccount {
    SimulatedAccount {
        encryption,
        format,
        encoding_aes_key: Some(KEY.into()),
        ..SimulatedAccount::new(AppId::new("wx1").unwrap(), "http://127.0.0.1:9/callback?at=1".parse().unwrap())
    }
}

fn seal(account: &SimulatedAccount, clear: &str) -> (HashMap<String, String>, String) {
    let sealed = account.seal(clear, &OpenId::new("o1").unwrap(), Timestamp::from_micros(1_457_752_395_000_000));
    (form_urlencoded::parse(sealed.query.as_bytes()).into_owned().collect(), sealed.body)
}

/// The text between the marks that stand around `Encrypt`, in either form.
fn encrypted(body: &str) -> &str {
    let (_, behind) = body.split_once("<Encrypt><![CDATA[").or_else(|| body.split_once("\"Encrypt\":\"")).unwrap();
    behind.split(['"', ']']).next().unwrap()
}

#[test]
fn a_plain_push_is_signed_beside_its_body() {
    for (format, clear) in CLEAR {
        let (query, body) = seal(&account(SimulatedEncryption::Plain, format), clear);
        assert_eq!(body, clear);
        assert_eq!(query["signature"], signature(&["callbacktoken", "1457752395", &query["nonce"]]));
        assert_eq!((&*query["timestamp"], &*query["openid"]), ("1457752395", "o1"));
        assert_eq!(query.len(), 4);
    }
}

#[test]
fn an_encrypted_push_has_its_clear_text_inside_and_a_signature_over_it() {
    for encryption in [SimulatedEncryption::Compatible, SimulatedEncryption::Safe] {
        for (format, clear) in CLEAR {
            let account = account(encryption, format);
            let (query, body) = seal(&account, clear);
            let encrypted = encrypted(&body);
            let opened = account.message_key().unwrap().decrypt(encrypted, "wx1").unwrap();
            assert_eq!(opened, clear.as_bytes());
            assert_eq!(query["encrypt_type"], "aes");
            let parts = ["callbacktoken", "1457752395", &query["nonce"], encrypted];
            assert_eq!(query["msg_signature"], signature(&parts));
            assert_eq!(query["signature"], signature(&parts[..3]));
        }
    }
}

#[test]
fn safe_mode_shows_the_account_only_and_compatible_mode_everything() {
    for (format, clear) in CLEAR {
        let (_, safe) = seal(&account(SimulatedEncryption::Safe, format), clear);
        assert!(safe.contains("gh_0123456789ab") && !safe.contains("FromUserName"), "{safe}");
        let (_, compatible) = seal(&account(SimulatedEncryption::Compatible, format), clear);
        assert!(compatible.starts_with(clear.trim_end_matches("</xml>").trim_end_matches('}')), "{compatible}");
        if format == DataFormat::Json {
            assert!(serde_json::from_str::<serde_json::Value>(&compatible).is_ok(), "{compatible}");
        }
    }
}

#[test]
fn a_callback_url_keeps_its_own_query() {
    let account = account(SimulatedEncryption::Plain, DataFormat::Xml);
    assert_eq!(account.called("signature=1").as_str(), "http://127.0.0.1:9/callback?at=1&signature=1");
}
