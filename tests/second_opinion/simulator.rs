//! The simulated WeChat: what it pushes, and the replies that it takes.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{DataFormat, Delivery, PushFaults, SimulatedAccount, SimulatedEncryption, SimulatedWeChat};
use tokio::net::TcpListener;

use crate::support::{Envelope, Keys, LIBRARIES};

/// Its last character says more bits than a key has: strict readers of base64 stumble over it.
const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

const MODES: [(SimulatedEncryption, DataFormat); 4] = [
    (SimulatedEncryption::Compatible, DataFormat::Xml),
    (SimulatedEncryption::Compatible, DataFormat::Json),
    (SimulatedEncryption::Safe, DataFormat::Xml),
    (SimulatedEncryption::Safe, DataFormat::Json),
];

/// An account whose callback URL answers what it is told to.
struct Stage {
    wechat: SimulatedWeChat,
    keys: Keys,
    app_id: AppId,
    answer: Arc<Mutex<String>>,
}

impl Stage {
    async fn new(encryption: SimulatedEncryption, format: DataFormat) -> Self {
        let answer = Arc::new(Mutex::new("success".to_owned()));
        let said = Arc::clone(&answer);
        let callback = Router::new().route("/", post(async move || said.lock().unwrap().clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback_url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, callback).await });
        let app_id = AppId::new("wx0123456789abcdef").unwrap();
        let account = SimulatedAccount {
            encryption,
            format,
            encoding_aes_key: Some(KEY.into()),
            ..SimulatedAccount::new(app_id.clone(), callback_url)
        };
        let keys =
            Keys { token: account.token.clone(), encoding_aes_key: KEY.into(), app_id: app_id.as_str().to_owned() };
        Self { wechat: SimulatedWeChat::new(vec![account]), keys, app_id, answer }
    }

    async fn say(&self, text: &str) -> Delivery {
        self.wechat.say(&self.app_id, &OpenId::new("oAlice").unwrap(), text).await.unwrap()
    }

    fn answer(&self, body: String) {
        *self.answer.lock().unwrap() = body;
    }
}

fn envelope(delivery: &Delivery) -> Envelope {
    Envelope::of_push(&delivery.push.query, &delivery.push.body)
}

#[tokio::test]
async fn the_others_read_its_pushes() {
    for (encryption, format) in MODES {
        let stage = Stage::new(encryption, format).await;
        let envelope = envelope(&stage.say("登录 42").await);
        for library in LIBRARIES {
            let clear = library.open(&stage.keys, &envelope).unwrap();
            assert!(clear.contains("登录 42") && clear.contains("oAlice"), "{library:?} {encryption:?}: {clear}");
        }
    }
}

#[tokio::test]
async fn it_takes_the_replies_of_the_others() {
    for (encryption, format) in MODES {
        let stage = Stage::new(encryption, format).await;
        for library in LIBRARIES {
            let sealed = library.seal(&stage.keys, "1767323045", "260774613", reply(format));
            let body = written(&sealed, format);
            assert_eq!(Envelope::of_reply(&body), sealed);
            stage.answer(body);
            let delivery = stage.say("hello").await;
            assert_eq!(delivery.reply().unwrap().content, "请点击", "{library:?} {encryption:?} {format:?}");
            let forged = Envelope { nonce: "260774614".into(), ..sealed };
            stage.answer(written(&forged, format));
            assert!(!stage.say("hello").await.is_accepted(), "{library:?} {encryption:?} {format:?}");
        }
    }
}

#[tokio::test]
async fn the_others_refuse_its_wrong_signatures_and_keys() {
    let stage = Stage::new(SimulatedEncryption::Safe, DataFormat::Xml).await;
    for faults in [
        PushFaults { wrong_signature: true, ..PushFaults::default() },
        PushFaults { wrong_key: true, ..PushFaults::default() },
    ] {
        stage.wechat.set_push_faults(faults);
        let envelope = envelope(&stage.say("hello").await);
        for library in LIBRARIES {
            let opened = library.open(&stage.keys, &envelope);
            assert!(opened.is_err(), "{library:?} {faults:?}: {opened:?}");
        }
    }
}

fn reply(format: DataFormat) -> &'static str {
    match format {
        DataFormat::Xml => {
            "<xml><ToUserName>oAlice</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1767323045</CreateTime>\
            <MsgType>text</MsgType><Content><![CDATA[请点击]]></Content></xml>"
        }
        DataFormat::Json => {
            r#"{"ToUserName":"oAlice","FromUserName":"gh_1","CreateTime":1767323045,"MsgType":"text","Content":"请点击"}"#
        }
    }
}

fn written(envelope: &Envelope, format: DataFormat) -> String {
    match format {
        DataFormat::Xml => envelope.xml_reply(),
        DataFormat::Json => envelope.json_reply(),
    }
}
