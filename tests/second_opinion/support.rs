//! The libraries of others, each in a process of its own.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::python;

/// Whose opinion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// PyPI's `wechatpy`.
    WechatPy,
    /// npm's `wechat-crypto`.
    WechatCrypto,
}

pub const LIBRARIES: [Library; 2] = [Library::WechatPy, Library::WechatCrypto];

/// What both sides of an account know.
#[derive(Clone, Debug)]
pub struct Keys {
    pub token: String,
    pub encoding_aes_key: String,
    pub app_id: String,
}

/// Something encrypted, and what signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub timestamp: String,
    pub nonce: String,
    pub encrypt: String,
    pub msg_signature: String,
}

impl Envelope {
    /// Of a push: what is signed stands in its query, what is encrypted in its body, XML or JSON.
    pub fn of_push(query: &str, body: &str) -> Self {
        let parameter = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned())).unwrap()
        };
        Self {
            timestamp: parameter("timestamp"),
            nonce: parameter("nonce"),
            encrypt: field(body, "Encrypt"),
            msg_signature: parameter("msg_signature"),
        }
    }

    /// Of a passive reply, XML or JSON.
    pub fn of_reply(body: &str) -> Self {
        Self {
            timestamp: field(body, "TimeStamp"),
            nonce: field(body, "Nonce"),
            encrypt: field(body, "Encrypt"),
            msg_signature: field(body, "MsgSignature"),
        }
    }

    /// As a passive reply in XML.
    pub fn xml_reply(&self) -> String {
        let Self { timestamp, nonce, encrypt, msg_signature } = self;
        format!(
            "<xml><Encrypt><![CDATA[{encrypt}]]></Encrypt><MsgSignature><![CDATA[{msg_signature}]]></MsgSignature>\
            <TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )
    }

    /// As a passive reply in JSON.
    pub fn json_reply(&self) -> String {
        let Self { timestamp, nonce, encrypt, msg_signature } = self;
        let timestamp: u64 = timestamp.parse().unwrap();
        json!({"Encrypt": encrypt, "MsgSignature": msg_signature, "TimeStamp": timestamp, "Nonce": nonce}).to_string()
    }
}

/// A field of a flat message. It is read by its marks, so that no reader of ours takes part.
fn field(body: &str, name: &str) -> String {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        return json[name].as_str().map_or_else(|| json[name].to_string(), str::to_owned);
    }
    let (_, behind) = body.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {body}"));
    let (inside, _) = behind.split_once(&format!("</{name}>")).unwrap();
    inside.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>").to_owned()
}

impl Library {
    /// What is in the envelope, where the signature fits; else why not.
    pub fn open(self, keys: &Keys, envelope: &Envelope) -> Result<String, String> {
        let answer = self.ask(json!({
            "do": "open",
            "token": keys.token,
            "key": keys.encoding_aes_key,
            "app_id": keys.app_id,
            "timestamp": envelope.timestamp,
            "nonce": envelope.nonce,
            "msg_signature": envelope.msg_signature,
            "encrypt": envelope.encrypt,
        }));
        match answer["clear"].as_str() {
            Some(clear) => Ok(clear.to_owned()),
            None => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    }

    /// The reverse.
    pub fn seal(self, keys: &Keys, timestamp: &str, nonce: &str, clear: &str) -> Envelope {
        let answer = self.ask(json!({
            "do": "seal",
            "token": keys.token,
            "key": keys.encoding_aes_key,
            "app_id": keys.app_id,
            "timestamp": timestamp,
            "nonce": nonce,
            "clear": clear,
        }));
        let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{self:?}: {answer}")).to_owned();
        Envelope {
            timestamp: timestamp.to_owned(),
            nonce: nonce.to_owned(),
            encrypt: text("encrypt"),
            msg_signature: text("msg_signature"),
        }
    }

    fn ask(self, task: Value) -> Value {
        let mut child = self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{task}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{self:?} ended with {}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn command(self) -> Command {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_opinion");
        match self {
            Self::WechatPy => {
                let mut python = Command::new(python::virtual_environment(&folder).join("bin/python"));
                python.arg(folder.join("check.py"));
                python
            }
            Self::WechatCrypto => {
                assert!(folder.join("node_modules").is_dir(), "npm ci --prefix tests/second_opinion, as ./test does");
                let mut node = Command::new("node");
                node.arg("--no-deprecation").arg(folder.join("check.mjs"));
                node
            }
        }
    }
}
