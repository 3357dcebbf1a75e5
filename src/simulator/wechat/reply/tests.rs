use super::*;
use crate::domain::AppId;
use crate::simulator::wechat::crypto::MessageKey;
use crate::simulator::wechat::message::Message;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn account(encryption: SimulatedEncryption, format: DataFormat) -> SimulatedAccount {
    SimulatedAccount {
        encryption,
        format,
        encoding_aes_key: Some(KEY.into()),
        ..SimulatedAccount::new(AppId::new("wx1").unwrap(), "http://127.0.0.1:9/".parse().unwrap())
    }
}

fn message(content: &str) -> Message {
    Message::default()
        .text("ToUserName", "o1")
        .text("FromUserName", "gh_1")
        .number("CreateTime", 1_457_752_395)
        .text("MsgType", "text")
        .text("Content", content)
}

/// As an account encrypts it.
fn encrypted(account: &SimulatedAccount, clear: &str) -> String {
    let key = MessageKey::parse(account.encoding_aes_key.as_deref().unwrap()).unwrap();
    let encrypted = key.encrypt(clear.as_bytes(), account.app_id.as_str(), [7; 16]);
    let msg_signature = signature(&[&account.token, "1457752395", "nonce", &encrypted]);
    Message::default()
        .text("Encrypt", encrypted)
        .text("MsgSignature", msg_signature)
        .number("TimeStamp", 1_457_752_395)
        .text("Nonce", "nonce")
        .write(account.format)
}

const MODES: [SimulatedEncryption; 3] =
    [SimulatedEncryption::Plain, SimulatedEncryption::Compatible, SimulatedEncryption::Safe];

#[test]
fn each_mode_takes_the_replies_that_wechat_takes_in_it() {
    for format in [DataFormat::Xml, DataFormat::Json] {
        for (encryption, takes_clear, takes_encrypted) in
            [(MODES[0], true, false), (MODES[1], true, true), (MODES[2], false, true)]
        {
            let account = account(encryption, format);
            let clear = message("请点击").write(format);
            let content = |body: &str| account.read_reply(body.as_bytes()).map(|reply| reply.content);
            assert_eq!(content(&clear).is_some(), takes_clear, "{account:?}");
            let opened = content(&encrypted(&account, &clear));
            assert_eq!(opened.as_deref(), takes_encrypted.then_some("请点击"), "{account:?}");
        }
    }
}

#[test]
fn an_encrypted_reply_with_a_wrong_signature_or_key_is_none() {
    let good = account(SimulatedEncryption::Safe, DataFormat::Xml);
    let clear = message("hello").write(DataFormat::Xml);
    let envelope = encrypted(&good, &clear);
    assert!(good.read_reply(envelope.as_bytes()).is_some());
    assert_eq!(good.read_reply(envelope.replace("nonce", "other").as_bytes()), None);
    let other = SimulatedAccount { encoding_aes_key: Some(KEY.replace('a', "b")), ..good.clone() };
    assert_eq!(good.read_reply(encrypted(&other, &clear).as_bytes()), None);
}

#[test]
fn a_reply_needs_an_address_a_time_in_seconds_and_something_to_say() {
    let account = account(SimulatedEncryption::Plain, DataFormat::Xml);
    let good = message("tap here").write(DataFormat::Xml);
    assert_eq!(account.read_reply(good.as_bytes()).unwrap().content, "tap here");
    for bad in [
        "\"success\"",
        "{\"ok\":true}",
        "<html>",
        "<html></html>",
        &good.replace("1457752395", "1457752395123"),
        &good.replace("tap here", ""),
        &good.replace("gh_1", ""),
        &good.replace("</xml>", ""),
    ] {
        assert_eq!(account.read_reply(bad.as_bytes()), None, "{bad}");
    }
}
