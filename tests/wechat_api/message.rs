//! Words to one person.

use scan_login::domain::OpenId;
use scan_login::transport::wechat::api::ApiError;

use super::stub::Stub;

fn alice() -> OpenId {
    OpenId::new("oAlice").unwrap()
}

#[tokio::test]
async fn a_text_goes_to_the_person_in_raw_utf8() {
    let stub = Stub::start().await;
    stub.api().send_text(&alice(), "请确认登录：https://login.example.com/c/1").await.unwrap();
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /cgi-bin/message/custom/send?access_token=token-1");
    let expected =
        r#"{"touser":"oAlice","msgtype":"text","text":{"content":"请确认登录：https://login.example.com/c/1"}}"#;
    assert_eq!(asked[0].body, expected);
}

#[tokio::test]
async fn a_person_who_cannot_be_told_is_no_fault_of_the_account() {
    let stub = Stub::start().await;
    let api = stub.api();
    for code in [45015, 45047, 45002, 40003, 43004, 48002, 43019] {
        stub.next(&format!(r#"{{"errcode":{code},"errmsg":"no oAlice"}}"#));
        assert_eq!(api.send_text(&alice(), "x").await, Err(ApiError::NotTold { code }));
    }
    stub.next(r#"{"errcode":48001,"errmsg":"api unauthorized, oAlice"}"#);
    let refused = api.send_text(&alice(), "x").await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused { code: 48001, .. }), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("oAlice"));
    stub.next(r#"{"errcode":-1,"errmsg":"system error"}"#);
    assert!(matches!(api.send_text(&alice(), "x").await, Err(ApiError::Away { .. })));
}

#[tokio::test]
async fn a_stale_token_is_replaced_and_the_words_are_said_once_more() {
    let stub = Stub::start().await;
    stub.next(r#"{"errcode":42001,"errmsg":"access_token expired"}"#);
    assert_eq!(stub.api().send_text(&alice(), "x").await, Ok(()));
    assert_eq!(stub.asked().len(), 2);
}
