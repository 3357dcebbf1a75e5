//! What an account may do, and what it is told about itself.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_quota_is_full_for_the_rest_of_the_day() {
    let wechat = wechat_with(|account| SimulatedAccount {
        quotas: Quotas { token: 2, qr_codes: 1, ..Quotas::default() },
        ..account
    });
    for errcode in [Value::Null, Value::Null, 45009.into()] {
        assert_eq!(ordinary(&wechat).await["errcode"], errcode);
    }
    assert!(authorized(&wechat, "/cgi-bin/qrcode/create", CODE).await["url"].is_string());
    assert_eq!(authorized(&wechat, "/cgi-bin/qrcode/create", CODE).await["errcode"], 45009);
    // It is eight in the morning in Beijing.
    tokio::time::advance(Duration::from_secs(16 * 3600)).await;
    assert_eq!(ordinary(&wechat).await["expires_in"], 7200);
    assert!(authorized(&wechat, "/cgi-bin/qrcode/create", CODE).await["url"].is_string());
}

#[tokio::test]
async fn quotas_can_be_cleared_ten_times_a_month() {
    let wechat =
        wechat_with(|account| SimulatedAccount { quotas: Quotas { token: 1, ..Quotas::default() }, ..account });
    let clear = async || authorized(&wechat, "/cgi-bin/clear_quota", r#"{"appid":"wx1"}"#).await["errcode"].clone();
    for _ in 0..10 {
        assert!(ordinary(&wechat).await["access_token"].is_string());
        assert_eq!(ordinary(&wechat).await["errcode"], 45009);
        assert_eq!(clear().await, 0);
    }
    assert_eq!(clear().await, 48006);
    let other = authorized(&wechat, "/cgi-bin/clear_quota", r#"{"appid":"wx2"}"#).await;
    assert_eq!(other["errcode"], 40013);
}

#[tokio::test]
async fn who_is_not_on_the_whitelist_is_told_his_address() {
    let wechat = wechat();
    wechat.set_whitelist(&app_id(), Some(vec!["192.0.2.1".parse().unwrap()]));
    let path = "/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=secret";
    for (peer, told) in [
        ("114.221.21.30:5", "invalid ip 114.221.21.30 ipv6 ::ffff:114.221.21.30, not in whitelist rid: "),
        ("[2001:db8::1]:5", "invalid ip 2001:db8::1 ipv6 2001:db8::1, not in whitelist rid: "),
    ] {
        let refused = call_from(peer, &wechat, Method::GET, path, "").await;
        assert_eq!(refused["errcode"], 40164);
        assert!(refused["errmsg"].as_str().unwrap().starts_with(told), "{refused}");
    }
    assert!(call_from("192.0.2.1:5", &wechat, Method::GET, path, "").await["access_token"].is_string());
    wechat.set_whitelist(&app_id(), None);
    assert!(ordinary(&wechat).await["access_token"].is_string());
}

#[tokio::test]
async fn a_frozen_secret_gives_no_token() {
    let wechat = wechat();
    wechat.freeze_secret(&app_id(), true);
    assert_eq!(ordinary(&wechat).await["errcode"], 40243);
    wechat.freeze_secret(&app_id(), false);
    assert!(ordinary(&wechat).await["access_token"].is_string());
}

#[tokio::test]
async fn a_subscription_account_makes_no_codes() {
    let wechat = wechat_with(|account| SimulatedAccount { kind: SimulatedKind::Subscription, ..account });
    assert_eq!(authorized(&wechat, "/cgi-bin/qrcode/create", CODE).await["errcode"], 48001);
}

#[tokio::test]
async fn a_menu_that_was_made_can_be_read() {
    let wechat = wechat();
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/get", "").await["errcode"], 46003);
    assert_eq!(authorized(&wechat, "/cgi-bin/get_current_selfmenu_info", "").await["is_menu_open"], 0);
    let menu = r#"{"button":[{"type":"click","name":"登录","key":"login"},
        {"name":"More","sub_button":[{"type":"view","name":"Shop","url":"https://shop.example.com/"}]}]}"#;
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/create", menu).await["errcode"], 0);
    let made: Value = serde_json::from_str(menu).unwrap();
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/get", "").await["menu"], made);
    let shown = authorized(&wechat, "/cgi-bin/get_current_selfmenu_info", "").await;
    let shown = &shown["selfmenu_info"]["button"];
    assert_eq!((&shown[0]["key"], &shown[1]["sub_button"]["list"][0]["name"]), (&"login".into(), &"Shop".into()));
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/delete", "").await["errcode"], 0);
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/get", "").await["errcode"], 46003);
}

#[tokio::test]
async fn a_menu_that_wechat_would_not_take_is_refused() {
    let wechat = wechat();
    for (menu, errcode) in [
        ("{}".to_owned(), 40016),
        (format!(r#"{{"button":[{}]}}"#, [r#"{"name":"x"}"#; 4].join(",")), 40016),
        (r#"{"button":[{"name":""}]}"#.into(), 40018),
        (r#"{"button":[{"name":"\u767b"}]}"#.into(), 40033),
    ] {
        assert_eq!(authorized(&wechat, "/cgi-bin/menu/create", &menu).await["errcode"], errcode, "{menu}");
    }
}

#[tokio::test]
async fn a_menu_of_the_console_is_shown_where_there_is_no_other() {
    let wechat = wechat();
    wechat.set_console_menu(&app_id(), json!({"button": [{"type": "text", "name": "Hours", "value": "9 to 5"}]}));
    assert_eq!(authorized(&wechat, "/cgi-bin/menu/get", "").await["errcode"], 46003);
    let shown = authorized(&wechat, "/cgi-bin/get_current_selfmenu_info", "").await;
    assert_eq!(shown["selfmenu_info"]["button"][0]["name"], "Hours");
}

#[tokio::test]
async fn the_callback_url_is_looked_up_and_called() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reachable = format!("http://{}/wechat/main", listener.local_addr().unwrap()).parse().unwrap();
    let wechat = wechat_with(|account| SimulatedAccount { callback_url: reachable, ..account });
    let ask = |action: &str| format!(r#"{{"action":"{action}","check_operator":"DEFAULT"}}"#);
    let all = authorized(&wechat, "/cgi-bin/callback/check", &ask("all")).await;
    assert_eq!((&all["dns"][0]["ip"], &all["ping"][0]["package_loss"]), (&"127.0.0.1".into(), &"0%".into()));
    let dns = authorized(&wechat, "/cgi-bin/callback/check", &ask("dns")).await;
    assert!(dns["dns"].is_array() && dns["ping"].is_null());
    assert_eq!(authorized(&wechat, "/cgi-bin/callback/check", &ask("guess")).await["errcode"], 40202);
    let nobody = ask("all").replace("DEFAULT", "NOBODY");
    assert_eq!(authorized(&wechat, "/cgi-bin/callback/check", &nobody).await["errcode"], 40203);
    drop(listener);
    let gone = authorized(&wechat, "/cgi-bin/callback/check", &ask("ping")).await;
    assert_eq!(gone["ping"][0]["package_loss"], "100%");
}

#[tokio::test]
async fn pushes_come_from_addresses_that_can_be_asked_for() {
    let answer = authorized(&wechat(), "/cgi-bin/getcallbackip", "").await;
    assert_eq!(answer["ip_list"][0], "127.0.0.1");
}
