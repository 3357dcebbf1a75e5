use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::domain::{
    AccountName, AppId, ClientId, Confirmation, Confirmed, DenyReason, Digest, Forgotten, Incarnation, LoginRequest,
    OpenId, PageId, PersonHandle, Purpose, QrCode, Redeemed, Scanned, SceneId, Timestamp,
};

use super::*;

const START: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);
const DIGEST: [u8; 32] = [0xAB; 32];

fn created(opener: Opener) -> Event {
    let after = |seconds| START.after(Duration::from_secs(seconds));
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(0x1234_5678_9abc),
        opener,
        confirmation: Confirmation::Tap,
        qr: QrCode { content: "http://weixin.qq.com/q/02x".into(), expires_at: after(360) },
        expires_at: after(300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest {
            scope: "openid wechat".into(),
            redirect_uri: Some("https://shop.example.com/callback".into()),
            state: Some("state-of-the-website".into()),
            nonce: Some("nonce-of-the-website".into()),
            code_challenge: Some(Digest(DIGEST)),
            ui_locales: None,
            purpose: Purpose::Bind,
        },
        visitor: None,
    }))
}

fn line(event: Event) -> String {
    let scene = SceneId::new("sl-0123456789abcdefghijkl").unwrap();
    let recorded = Recorded { seq: 7, scene_seq: 2, at: START, scene, event };
    let mut bytes = Vec::new();
    write_jsonl(&recorded, &mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object, Value::Object(to_map(&recorded)), "both ways say the same");
    text
}

fn object(event: Event) -> Value {
    serde_json::from_str(&line(event)).unwrap()
}

#[test]
fn every_event_is_one_line_that_begins_alike() {
    assert_eq!(
        line(Event::Denied(DenyReason::NotMe)),
        "{\"seq\":7,\"at\":\"2026-01-02T03:04:05.678901Z\",\"scene_id\":\"sl-0123456789abcdefghijkl\",\
         \"scene_seq\":2,\"type\":\"denied\",\"reason\":\"not_me\"}\n"
    );
    assert_eq!(object(Event::Expired)["type"], "expired");
    assert_eq!(object(Event::Revoked).as_object().unwrap().len(), 5, "nothing of its own");
}

#[test]
fn events_have_their_own_fields() {
    let account = AccountName::new("main").unwrap();
    let scanned = object(Event::Scanned(Scanned { account, person: Person::known(OpenId::new("o6_bmjr").unwrap()) }));
    assert_eq!((&scanned["account"], &scanned["openid"]), (&json!("main"), &json!("o6_bmjr")));
    assert_eq!(
        object(Event::Confirmed(Confirmed { code_expires_at: START }))["code_expires_at"],
        "2026-01-02T03:04:05.678901Z"
    );
    assert_eq!(
        object(Event::Redeemed(Redeemed { access_token_expires_at: START }))["access_token_expires_at"],
        "2026-01-02T03:04:05.678901Z"
    );
}

#[test]
fn a_created_line_tells_what_was_asked_for() {
    let page = PageId::new("123451").unwrap();
    let mut created = object(created(Opener::Page { page, holder: Digest(DIGEST) }));
    let created = created.as_object_mut().unwrap();
    created.retain(|key, _| !["seq", "at", "scene_id", "scene_seq"].contains(&key.as_str()));
    assert_eq!(
        Value::Object(created.clone()),
        json!({
            "type": "created", "account": "main", "app_id": "wx1", "client_id": "shop", "page_id": "123451",
            "opener": "page", "confirm": "tap", "purpose": "bind", "scope": "openid wechat",
            "redirect_uri": "https://shop.example.com/callback",
            "has_state": true, "has_nonce": true, "has_code_challenge": true,
            "expires_at": "2026-01-02T03:09:05.678901Z", "code_ttl_seconds": 60, "access_token_ttl_seconds": 600,
            "qr_content": "http://weixin.qq.com/q/02x", "qr_expires_at": "2026-01-02T03:10:05.678901Z",
        })
    );
}

#[test]
fn no_line_holds_a_secret_or_what_stands_for_one() {
    let hex: String = DIGEST.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = DIGEST.map(|byte| byte.to_string()).join(",");
    let incarnation = 0x1234_5678_9abc_u64.to_string();
    for opener in [
        Opener::Browser { attach: Digest(DIGEST) },
        Opener::Page { page: PageId::new("123451").unwrap(), holder: Digest(DIGEST) },
    ] {
        let line = line(created(opener));
        let (standard, url_safe) = (STANDARD.encode(DIGEST), URL_SAFE_NO_PAD.encode(DIGEST));
        for secret in [&*hex, &hex.to_uppercase(), &numbers, &standard, &url_safe, &incarnation, "of-the-website"] {
            assert!(!line.contains(secret), "{secret} is in {line}");
        }
    }
}

#[test]
fn a_line_is_read_back_without_what_it_does_not_tell() {
    let page = PageId::new("123451").unwrap();
    let read = |event| read_jsonl(line(event).as_bytes()).unwrap().unwrap();
    let Event::Created(created) = read(created(Opener::Page { page, holder: Digest(DIGEST) })).event else { panic!() };
    assert_eq!((created.client.as_str(), created.confirmation), ("shop", Confirmation::Tap));
    assert!(matches!(&created.opener, Opener::Page { page, holder: Digest([0, ..]) } if page.as_str() == "123451"));
    assert_eq!(read(Event::Denied(DenyReason::Snapshot)).event, Event::Denied(DenyReason::Snapshot));
    assert_eq!((read(Event::Expired).seq, read(Event::Expired).at), (7, START));
}

#[test]
fn what_a_newer_daemon_tells_is_passed_over_and_nonsense_is_not() {
    let forgotten = r#"{"seq":7,"at":"2026-01-02T03:04:05Z","type":"forgotten"}"#;
    assert_eq!(read_jsonl(forgotten.as_bytes()), Ok(None));
    let denied = r#"{"seq":7,"at":"2026-01-02T03:04:05Z","scene_id":"sl-0123456789abcdefghijkl","type":"denied"}"#;
    let error = read_jsonl(denied.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "a `denied` has no usable reason");
    assert!(read_jsonl(b"{\"seq\":7}").unwrap_err().to_string().starts_with("a line is no event: "));
}

#[test]
fn who_is_forgotten_is_told_to_be_so_where_the_openid_stood() {
    let (account, person) = (AccountName::new("main").unwrap(), PersonHandle([0xab; 16]));
    let hex = "ab".repeat(16);
    let scanned = object(Event::Scanned(Scanned { account: account.clone(), person: Person::Forgotten(person) }));
    assert_eq!((&scanned["forgotten"], &scanned["person"], scanned.get("openid")), (&json!(true), &json!(hex), None));
    let openid = OpenId::new("o6_bmjr").unwrap();
    let known = Person::Known { openid, unionid: None, handle: Some(person) };
    let scanned = object(Event::Scanned(Scanned { account: account.clone(), person: known }));
    assert_eq!(
        (&scanned["openid"], &scanned["person"], scanned.get("forgotten")),
        (&json!("o6_bmjr"), &json!(hex), None)
    );
    let forgotten = object(Event::Forgotten(Forgotten { account, person }));
    assert_eq!(
        forgotten,
        json!({
            "seq": 7, "at": "2026-01-02T03:04:05.678901Z", "type": "forgotten", "account": "main", "person": hex,
        })
    );
}

#[test]
fn a_created_line_tells_whose_browser_it_was() {
    let with = |visitor| {
        let Event::Created(created) = created(Opener::Browser { attach: Digest(DIGEST) }) else { unreachable!() };
        object(Event::Created(Arc::new(Created { visitor, ..(*created).clone() })))
    };
    let known = with(Some(Visitor::new("203.0.113.9", Some("Browser/1"))));
    assert_eq!((&known["address"], &known["user_agent"]), (&json!("203.0.113.9"), &json!("Browser/1")));
    let forgotten = with(Some(Visitor::Forgotten));
    assert_eq!((&forgotten["forgotten"], forgotten.get("address")), (&json!(true), None));
    assert_eq!(with(None).get("forgotten"), None);
}

#[test]
fn a_unionid_is_told_where_it_is_known_and_read_back() {
    let account = AccountName::new("main").unwrap();
    let (openid, unionid) = (OpenId::new("o6_bmjr").unwrap(), UnionId::new("u6_bmjr").unwrap());
    let scanned = Event::Scanned(Scanned { account, person: Person::of(openid, Some(unionid)) });
    assert_eq!(object(scanned.clone())["unionid"], "u6_bmjr");
    assert_eq!(read_jsonl(line(scanned.clone()).as_bytes()).unwrap().unwrap().event, scanned);
}
