use serde_json::Value;

use super::*;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn published(what: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/wechat-vectors.json")).unwrap();
    vectors[what].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{} has no {name}", vector["id"]))
}

#[test]
fn published_signatures_are_reproduced() {
    let signatures = published("signatures");
    assert_eq!(signatures.len(), 9);
    for vector in signatures {
        let parts: Vec<&str> = vector["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        assert_eq!(signature(&parts), text(&vector, "sha1"), "{}", vector["id"]);
    }
}

#[test]
fn published_messages_are_encrypted_and_decrypted_byte_for_byte() {
    let messages = published("crypto");
    assert_eq!(messages.len(), 13);
    for vector in messages {
        let key = MessageKey::parse(text(&vector, "aes_key")).unwrap();
        let [app_id, clear, encrypted] = ["appid", "plaintext", "ciphertext"].map(|name| text(&vector, name));
        let random = text(&vector, "random").as_bytes().try_into().unwrap();
        assert_eq!(key.encrypt(clear.as_bytes(), app_id, random), encrypted, "{}", vector["id"]);
        assert_eq!(key.decrypt(encrypted, app_id).unwrap(), clear.as_bytes(), "{}", vector["id"]);
    }
}

#[test]
fn published_messages_have_their_published_signature() {
    let signed: Vec<Value> =
        published("crypto").into_iter().filter(|vector| vector["msg_signature"].is_string()).collect();
    assert_eq!(signed.len(), 10);
    for vector in signed {
        let parts = ["token", "timestamp", "nonce", "ciphertext"].map(|name| text(&vector, name));
        assert_eq!(signature(&parts), text(&vector, "msg_signature"), "{}", vector["id"]);
    }
}

#[test]
fn every_length_of_message_survives() {
    let key = MessageKey::parse(KEY).unwrap();
    for length in 0..100 {
        let message = vec![b'x'; length];
        let encrypted = key.encrypt(&message, "wx1", [7; 16]);
        assert_eq!(STANDARD.decode(&encrypted).unwrap().len() % BLOCK, 0);
        assert_eq!(key.decrypt(&encrypted, "wx1").unwrap(), message);
    }
}

#[test]
fn what_was_not_encrypted_with_this_key_for_this_account_is_refused() {
    let key = MessageKey::parse(KEY).unwrap();
    let encrypted = key.encrypt(b"hello", "wx1", [7; 16]);
    assert_eq!(key.decrypt(&encrypted, "wx2"), Err(DecryptError::OtherAccount));
    let other = MessageKey::parse(&KEY.replace('a', "b")).unwrap();
    assert_eq!(other.decrypt(&encrypted, "wx1"), Err(DecryptError::Unreadable));
    for broken in ["", "YWJj", "not base64", &STANDARD.encode([0; 16]), &STANDARD.encode([0; 32])] {
        assert_eq!(key.decrypt(broken, "wx1"), Err(DecryptError::Unreadable), "{broken}");
    }
}

#[test]
fn a_key_has_43_characters_of_base64() {
    for bad in ["", &KEY[1..], &format!("{KEY}H"), &KEY.replace('a', "!")] {
        assert_eq!(MessageKey::parse(bad).unwrap_err(), KeyError, "{bad}");
    }
}
