//! Plain, compatible and safe mode, and what each of them proves.

use scan_login::domain::{AppId, OpenId};
use scan_login::simulator::{DataFormat, SimulatedEncryption};
use scan_login::transport::wechat::crypto::AesKey;
use scan_login::transport::wechat::signature::sign;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::callback::{event, now, query};
use crate::support::*;

pub const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const NEXT_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg";

/// A daemon whose account `main` is set to this mode, with [`KEY`].
async fn world_in(mode: &str) -> World {
    let keyed = format!("encryption = \"{mode}\"\n encoding_aes_key = \"{KEY}\"");
    World::with(|config| config.replacen("encryption = \"plain\"", &keyed, 1)).await
}

pub struct Sealed {
    query: String,
    encrypt: String,
}

pub fn seal(key: &str, message: &str) -> Sealed {
    let encrypt = AesKey::new(key).unwrap().encrypt(message.as_bytes(), APP_ID, *b"0123456789abcdef");
    let timestamp = now().to_string();
    let signature = sign(&[TOKEN, &timestamp, "12345", &encrypt]);
    let query = format!("{}&encrypt_type=aes&msg_signature={signature}", query(&timestamp, "12345"));
    Sealed { query, encrypt }
}

impl Sealed {
    pub fn xml(&self) -> String {
        format!("<xml><ToUserName>gh_000000000001</ToUserName><Encrypt><![CDATA[{}]]></Encrypt></xml>", self.encrypt)
    }

    pub async fn push(&self, world: &World, body: &str) -> Answer {
        world.post(&format!("/wechat/main?{}", self.query), &[("content-type", "text/xml")], body).await
    }
}

/// What an encrypted reply says, after its signature was checked.
pub fn opened(key: &str, reply: &str) -> String {
    let field = |name: &str| {
        let (_, rest) = reply.split_once(&format!("<{name}>")).unwrap();
        rest.split_once(&format!("</{name}>")).unwrap().0.replace("<![CDATA[", "").replace("]]>", "")
    };
    let encrypt = field("Encrypt");
    assert_eq!(field("MsgSignature"), sign(&[TOKEN, &field("TimeStamp"), &field("Nonce"), &encrypt]));
    String::from_utf8(AesKey::new(key).unwrap().decrypt(&encrypt, APP_ID).unwrap()).unwrap()
}

/// WeChat's side is not ours here: its signatures and its encryption are the simulator's own.
#[tokio::test]
async fn in_every_mode_and_format_a_scan_logs_in_and_a_reply_is_understood() {
    for encryption in [SimulatedEncryption::Plain, SimulatedEncryption::Compatible, SimulatedEncryption::Safe] {
        for format in [DataFormat::Xml, DataFormat::Json] {
            let world = World::in_mode(encryption, format).await;
            assert!(world.wechat.verify(&AppId::new(APP_ID).unwrap()).await.unwrap().is_passed);
            for openid in ["oNewFollower", "oNewFollower"] {
                let page = world.create().await;
                let delivery = world.wechat.scan(&page.qr_content, &OpenId::new(openid).unwrap()).await.unwrap();
                let reply = delivery.reply().unwrap_or_else(|| panic!("no reply in {encryption:?} {format:?}"));
                assert_eq!((reply.to.as_str(), reply.content.as_str()), (openid, "你已登录 Example Shop。"));
                assert_eq!(delivery.deliveries(), 1);
                page.wait_for("confirmed").await;
            }
        }
    }
}

#[tokio::test]
async fn a_safe_scan_logs_in_and_gets_an_encrypted_reply() {
    let world = world_in("safe").await;
    let page = world.create().await;
    let sealed = seal(KEY, &event("SCAN", &page.scene, "oAlice"));
    let answer = sealed.push(&world, &sealed.xml()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/xml; charset=utf-8"));
    assert!(opened(KEY, &answer.text()).contains("你已登录 Example Shop。"));
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn a_safe_scan_in_json_gets_a_reply_in_json() {
    let world = world_in("safe").await;
    let page = world.create().await;
    let message = serde_json::json!({
        "ToUserName": "gh_000000000001", "FromUserName": "oAlice", "CreateTime": now(), "MsgType": "event",
        "Event": "SCAN", "EventKey": page.scene, "Ticket": "gQ==",
    });
    let sealed = seal(KEY, &message.to_string());
    let body = serde_json::json!({"ToUserName": "gh_000000000001", "Encrypt": sealed.encrypt}).to_string();
    let answer = sealed.push(&world, &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let reply = answer.json();
    let text = |name: &str| reply[name].as_str().unwrap();
    let signature = sign(&[TOKEN, &reply["TimeStamp"].to_string(), text("Nonce"), text("Encrypt")]);
    assert_eq!(text("MsgSignature"), signature);
    let said = AesKey::new(KEY).unwrap().decrypt(text("Encrypt"), APP_ID).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["Content"], "你已登录 Example Shop。");
    page.wait_for("confirmed").await;
}

#[tokio::test]
async fn an_account_set_to_safe_takes_nothing_weaker() {
    let world = world_in("safe").await;
    let page = world.create().await;
    let plain = event("SCAN", &page.scene, "oMallory");
    assert_eq!(world.callback(&plain).await.status, 403);
    let sealed = seal(KEY, &plain);
    let compatible = plain.replace("</xml>", &format!("<Encrypt><![CDATA[{}]]></Encrypt></xml>", sealed.encrypt));
    assert_eq!(sealed.push(&world, &compatible).await.status, 403);
    let unsigned = sealed.query.replace("msg_signature=", "msg_signature=0");
    assert_eq!(world.post(&format!("/wechat/main?{unsigned}"), &[], &sealed.xml()).await.status, 403);
    assert_eq!(world.events().await, ["created"]);
}

#[tokio::test]
async fn in_compatible_mode_only_the_decrypted_fields_count() {
    let world = world_in("compatible").await;
    let page = world.create().await;
    let sealed = seal(KEY, &event("SCAN", &page.scene, "oAlice"));
    let forged = event("SCAN", &page.scene, "oMallory");
    assert_eq!(world.callback(&forged).await.status, 403, "in clear alone it is nothing");
    let both = forged.replace("</xml>", &format!("<Encrypt><![CDATA[{}]]></Encrypt></xml>", sealed.encrypt));
    assert_eq!(sealed.push(&world, &both).await.status, 200);
    let scanned = &world.replay("--type scanned").await[0];
    assert_eq!(scanned["openid"], "oAlice");
}

#[tokio::test]
async fn during_a_rotation_both_keys_are_taken() {
    let keys =
        format!("encryption = \"safe\"\n encoding_aes_key = \"{NEXT_KEY}\"\n previous_encoding_aes_key = \"{KEY}\"");
    let world = World::with(|config| config.replacen("encryption = \"plain\"", &keys, 1)).await;
    for key in [KEY, NEXT_KEY] {
        let page = world.create().await;
        let sealed = seal(key, &event("SCAN", &page.scene, "oAlice"));
        let answer = sealed.push(&world, &sealed.xml()).await;
        assert!(opened(key, &answer.text()).contains("你已登录"), "the reply comes under the key that opened");
        page.wait_for("confirmed").await;
    }
}

#[tokio::test]
async fn a_delivery_after_a_restart_gets_the_first_ones_reply_byte_for_byte() {
    let mut world = world_in("safe").await;
    let page = world.create().await;
    let message = event("SCAN", &page.scene, "oAlice");
    let first = seal(KEY, &message);
    let reply = first.push(&world, &first.xml()).await;
    world.kill_and_restart().await;
    // WeChat may sign and encrypt a repetition anew.
    let again = seal(KEY, &message);
    for sealed in [&first, &again] {
        let repeated = sealed.push(&world, &sealed.xml()).await;
        assert_eq!((repeated.status, &repeated.body), (200, &reply.body));
    }
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn in_plain_mode_a_signature_belongs_to_one_body_across_a_restart() {
    let mut world = World::start().await;
    let (page, other) = (world.create().await, world.create().await);
    let path = format!("/wechat/main?{}", query(&now().to_string(), "12345"));
    let seen = event("SCAN", &page.scene, "oAlice");
    let edited = event("SCAN", &other.scene, "oMallory");
    let first = world.post(&path, &[], &seen).await;
    assert_eq!(first.status, 200);
    assert_eq!(world.post(&path, &[], &edited).await.status, 403);
    world.kill_and_restart().await;
    assert_eq!(world.post(&path, &[], &edited).await.status, 403);
    assert_eq!(world.post(&path, &[], &seen).await.body, first.body);
    assert_eq!(world.events().await, ["created", "created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn of_two_bodies_at_once_under_one_signature_only_one_counts() {
    let world = World::start().await;
    let pages = [world.create().await, world.create().await, world.create().await];
    let path = format!("/wechat/main?{}", query(&now().to_string(), "12345"));
    let bodies = pages.iter().map(|page| event("SCAN", &page.scene, "oAlice"));
    let pushed = bodies.map(async |body| world.post(&path, &[], &body).await.status);
    let mut statuses = futures_util::future::join_all(pushed).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403, 403]);
}

#[tokio::test]
async fn an_encrypted_push_cut_off_or_damaged_is_refused() {
    let mut world = world_in("safe").await;
    let page = world.create().await;
    let message = event("SCAN", &page.scene, "oAlice");
    let whole = seal(KEY, &message).encrypt;
    for length in [0, 1, 20, 44, 64, whole.len() - 44, whole.len() - 1] {
        let timestamp = now().to_string();
        let encrypt = &whole[..length];
        let signature = sign(&[TOKEN, &timestamp, "12345", encrypt]);
        let query = format!("{}&encrypt_type=aes&msg_signature={signature}", query(&timestamp, "12345"));
        let sealed = Sealed { query, encrypt: encrypt.to_owned() };
        assert_eq!(sealed.push(&world, &sealed.xml()).await.status, 400, "cut at {length}");
    }
    let wrong_key = seal(NEXT_KEY, &message);
    assert_eq!(wrong_key.push(&world, &wrong_key.xml()).await.status, 400);
    let json = seal(KEY, "{\"FromUserName\":");
    assert_eq!(json.push(&world, &json.xml()).await.status, 400);
    assert_eq!(world.events().await, ["created"]);
    let (status, log) = world.terminate().await;
    assert!(status.success() && !log.contains("panicked"), "{log}");
}

/// Whoever reads along sees signatures; an account that takes plain messages gives each of them to one message.
#[tokio::test]
async fn no_signature_that_was_seen_can_be_turned_into_a_plain_message() {
    let keyed = format!("encryption = \"plain\"\n encoding_aes_key = \"{KEY}\"");
    let world = World::with(|config| config.replacen("encryption = \"plain\"", &keyed, 1)).await;
    let (page, other) = (world.create().await, world.create().await);
    let forged = event("SCAN", &other.scene, "oThief");

    let sealed = seal(KEY, &event("SCAN", &page.scene, "oAlice"));
    assert_eq!(sealed.push(&world, &sealed.xml()).await.status, 200);
    let (plain, _) = sealed.query.split_once("&encrypt_type").unwrap();
    assert_eq!(world.post(&format!("/wechat/main?{plain}"), &[], &forged).await.status, 403, "an encrypted push's");
    assert_eq!(sealed.push(&world, &sealed.xml()).await.status, 200, "its own repetition is taken");

    let verification = query(&now().to_string(), "777");
    assert_eq!(world.get(&format!("/wechat/main?{verification}&echostr=1"), &[]).await.text(), "1");
    assert_eq!(world.post(&format!("/wechat/main?{verification}"), &[], &forged).await.status, 403, "a verification's");
    assert_eq!(world.get(&format!("/wechat/main?{verification}&echostr=2"), &[]).await.text(), "2");
    assert_eq!(world.events().await, ["created", "created", "scanned", "confirmed"]);
}

#[tokio::test]
async fn a_body_that_does_not_come_gets_a_4xx_and_no_word_to_try_again() {
    let world = world_in("safe").await;
    let sealed = seal(KEY, "<xml></xml>");
    let announced = async |length: usize, sent: &str| {
        let head =
            format!("POST /wechat/main?{} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{sent}", sealed.query);
        let mut stream = tokio::net::TcpStream::connect(world.socket_address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let reading = stream.read_exact(&mut answer);
        tokio::time::timeout(PATIENCE, reading).await.expect("no answer").unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(announced(1_000_000_000, "").await, "HTTP/1.1 413");
    assert_eq!(announced(500, "<xml>").await, "HTTP/1.1 408");
}
