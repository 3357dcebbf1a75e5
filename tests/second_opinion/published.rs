use serde_json::Value;

use crate::support::{Envelope, Keys, LIBRARIES};

/// What was published with a signature.
fn published() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(include_str!("../fixtures/wechat-vectors.json")).unwrap();
    let messages = vectors["crypto"].as_array().unwrap().clone();
    messages.into_iter().filter(|vector| vector["msg_signature"].is_string()).collect()
}

#[test]
fn the_others_read_what_was_published() {
    for vector in published() {
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let keys = Keys { token: text("token"), encoding_aes_key: text("aes_key"), app_id: text("appid") };
        let envelope = Envelope {
            timestamp: text("timestamp"),
            nonce: text("nonce"),
            encrypt: text("ciphertext"),
            msg_signature: text("msg_signature"),
        };
        for library in LIBRARIES {
            let opened = library.open(&keys, &envelope);
            assert_eq!(opened.as_ref(), Ok(&text("plaintext")), "{library:?} {}", vector["id"]);
        }
    }
}
