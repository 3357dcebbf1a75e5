//! The unionid of a person.

use scan_login::domain::{OpenId, UnionId};
use scan_login::transport::wechat::api::{ApiError, WebUser};

use super::stub::Stub;

fn alice() -> OpenId {
    OpenId::new("oAlice").unwrap()
}

fn unionid() -> Option<UnionId> {
    Some(UnionId::new("uAlice").unwrap())
}

#[tokio::test]
async fn a_follower_has_one_where_the_account_is_bound_and_nobody_else() {
    let stub = Stub::start().await;
    let api = stub.api();
    stub.next(r#"{"subscribe":1,"openid":"oAlice","unionid":"uAlice","tagid_list":[]}"#);
    assert_eq!(api.unionid(&alice()).await, Ok(unionid()));
    assert_eq!(stub.asked()[0].line, "GET /cgi-bin/user/info?access_token=token-1&openid=oAlice");
    for none in [r#"{"subscribe":0,"openid":"oAlice"}"#, r#"{"errcode":40003,"errmsg":"invalid openid oAlice"}"#] {
        stub.next(none);
        assert_eq!(api.unionid(&alice()).await, Ok(None), "{none}");
    }
    stub.next(r#"{"errcode":48001,"errmsg":"api unauthorized, oAlice"}"#);
    let refused = api.unionid(&alice()).await.unwrap_err();
    assert!(matches!(refused, ApiError::Refused { code: 48001, .. }), "{refused}");
    assert!(!format!("{refused} {refused:?}").contains("oAlice"), "no log names a person");
}

#[tokio::test]
async fn a_profile_is_asked_for_it_where_the_person_has_consented_and_it_is_wanted() {
    let stub = Stub::start().await;
    let api = stub.api();
    let granted = |scope: &str, more: &str| {
        format!(r#"{{"access_token":"user-token","openid":"oAlice","scope":"{scope}"{more}}}"#)
    };
    let told = |unionid, is_snapshot| Ok(Some(WebUser { openid: alice(), unionid, is_snapshot }));
    stub.next_token(&granted("snsapi_userinfo", ""));
    stub.next(r#"{"openid":"oAlice","nickname":"Alice","unionid":"uAlice"}"#);
    assert_eq!(api.web_user("code", true).await, told(unionid(), false));
    assert_eq!(stub.asked()[0].line, "GET /sns/userinfo?access_token=user-token&openid=oAlice");
    stub.next_token(&granted("snsapi_userinfo", ""));
    stub.next(r#"{"errcode":40001,"errmsg":"no"}"#);
    assert_eq!(api.web_user("code", true).await, told(None, false), "who it is counts all the same");
    for (answer, wants, expected) in [
        (granted("snsapi_userinfo", ""), false, told(None, false)),
        (granted("snsapi_base", ""), true, told(None, false)),
        (granted("snsapi_base", r#","unionid":"uAlice""#), true, told(unionid(), false)),
        (granted("snsapi_userinfo", r#","is_snapshotuser":1"#), true, told(None, true)),
        (granted("snsapi_userinfo", r#","is_snapshotuser":1,"unionid":"uNobody""#), true, told(None, true)),
    ] {
        let before = stub.asked().len();
        stub.next_token(&answer);
        assert_eq!(api.web_user("code", wants).await, expected, "{answer}");
        assert_eq!(stub.asked().len(), before, "no profile is asked for: {answer}");
    }
}
