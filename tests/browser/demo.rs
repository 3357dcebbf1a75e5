//! The demo, as somebody who opens it for the first time sees it.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::browser::{Browser, turn};
use crate::panel::Panel;
use crate::screen::{Gallery, Screen};
use crate::support::PATIENCE;

/// A demo of its own, and the address that it prints.
async fn demo(data: &std::path::Path) -> (Child, String) {
    demo_at("127.0.0.1:0", data).await
}

async fn demo_at(listen: &str, data: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scan-login"))
        .args(["demo", "--listen", listen, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    (child, line.split_whitespace().last().unwrap().to_owned())
}

/// The types of the events on the tape.
const TAPE: &str = "[...document.querySelectorAll('#tape li')].map(card => card.innerText.split(/\\s/)[0])";

/// What the panel says.
const LINE: &str = "document.getElementById('state').innerText";

async fn click(browser: &Browser, id: &str) {
    browser.value(&format!("document.getElementById('{id}').click()")).await;
}

async fn until_it_says(browser: &Browser, line: &str) {
    browser.until(&format!("{LINE} === '{line}'")).await;
}

#[tokio::test]
async fn a_person_presses_scan_and_understands_the_product() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    // The size of the picture in the README.
    let size = json!({ "width": 1280, "height": 990, "deviceScaleFactor": 1, "mobile": false });
    browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
    browser.open(&address).await;
    browser.until("document.getElementById('qr').naturalWidth && !document.getElementById('scan').disabled").await;
    browser.keep_screenshot("demo-pending").await;
    assert_eq!(browser.value("document.getElementById('state').innerText").await, "Scan with WeChat to log in");
    assert!(browser.value("document.getElementById('qr').getBoundingClientRect().width").await.as_f64() >= Some(200.0));

    browser.value("document.getElementById('scan').click()").await;
    browser.until("!document.getElementById('welcome').hidden").await;
    browser.until(&format!("{TAPE}.includes('redeemed')")).await;
    browser.until(&format!("{HOOKS}.includes('login.confirmed')")).await;
    browser.value("document.activeElement.blur()").await;
    browser.until("document.getAnimations().length === 0").await;
    browser.keep_screenshot("demo-logged-in").await;
    assert_eq!(browser.value(TAPE).await, json!(["created", "scanned", "confirmed", "redeemed"]));

    browser.value("document.getElementById('lang-zh').click()").await;
    browser.value("document.getElementById('logout').click()").await;
    browser.until("document.getElementById('state').innerText === '用微信扫一扫登录'").await;
    browser.keep_screenshot("demo-zh").await;
    browser.close().await;
}

/// What the shop's back end was told, the newest first.
const HOOKS: &str = "[...document.querySelectorAll('#hooks b')].map((name) => name.textContent)";

#[tokio::test]
async fn the_shops_back_end_is_told_by_webhooks_also_that_it_was_somebody_else() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    assert_eq!(browser.value("document.getElementById('hooks').innerText").await, "Nothing yet.");
    click(&browser, "confirming").await;
    browser
        .until("[...document.querySelectorAll('#tape li.current')].some(card => card.innerText.includes('shop-tap'))")
        .await;
    click(&browser, "scan").await;
    browser.until("document.querySelector('#chat .link')").await;
    browser.value("document.querySelector('#chat .link').click()").await;
    browser.press_in_frame("#page", "[data-action=confirm]").await;
    browser.until(&format!("{HOOKS}.includes('login.confirmed')")).await;
    browser.press_in_frame("#page", "form:not(:has([data-action=confirm])) [data-action=not_me]").await;
    browser.until(&format!("{HOOKS}.includes('login.reported')")).await;
    assert_eq!(browser.value(HOOKS).await, json!(["login.reported", "login.confirmed"]));
    browser.keep_screenshot("demo-webhooks").await;
    browser.reload().await;
    browser.until(&format!("{HOOKS}.length === 2")).await;
    for screen in [Screen::NARROW, Screen::DESK_AT_NIGHT] {
        screen.put_before(&browser).await;
        let mut gallery = Gallery::of(&browser, format!("demo-{}", screen.name()));
        gallery.keep("webhooks").await;
        gallery.close();
    }
    browser.close().await;
}

#[tokio::test]
async fn the_original_page_logs_in_by_a_code_that_its_website_redeems() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&format!("{address}demo/original")).await;
    browser.until("!document.getElementById('scan').disabled").await;
    for screen in [Screen::NARROW, Screen::DESK_AT_NIGHT] {
        screen.put_before(&browser).await;
        let mut gallery = Gallery::of(&browser, format!("demo-{}", screen.name()));
        gallery.keep("original").await;
        gallery.close();
    }
    click(&browser, "scan").await;
    browser.until("document.getElementById('line').textContent.startsWith('Welcome, o')").await;
    browser.close().await;
}

#[tokio::test]
async fn with_two_phones_the_second_is_told_that_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    browser.until("document.getElementById('state').innerText === 'Scan with WeChat to log in'").await;
    browser.value("document.querySelector('[data-fault=second]').click()").await;
    browser.value("document.getElementById('scan').click()").await;
    browser.until("!document.getElementById('welcome').hidden").await;

    let told = |text| format!("document.getElementById('chat').innerText.includes('{text}')");
    let hold = |person| format!("document.querySelector('[data-person={person}]').click()");
    browser.until(&told("Callback answered")).await;
    let someone_first = "Somebody else has scanned this QR code";
    browser.value(&hold("bob")).await;
    browser.until(&told("Callback answered")).await;
    let greeting = "document.getElementById('hello').innerText";
    let mut losers = 0;
    for person in ["alice", "bob"] {
        browser.value(&hold(person)).await;
        let name = "document.getElementById('who').innerText.split(' ').at(-1)";
        if browser.value(&format!("{greeting}.includes({name})")).await == json!(true) {
            assert_eq!(browser.value(&told(someone_first)).await, json!(false), "{person} was first");
        } else {
            browser.until(&told(someone_first)).await;
            browser.keep_screenshot("demo-second-phone").await;
            losers += 1;
        }
    }
    assert_eq!(losers, 1);
    browser.close().await;
}

#[tokio::test]
async fn a_login_is_confirmed_on_the_phone_though_the_daemon_was_killed_meanwhile() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "confirming").await;
    // Another session: its line is the same.
    browser
        .until("[...document.querySelectorAll('#tape li.current')].some(card => card.innerText.includes('shop-tap'))")
        .await;
    browser.value("new MutationObserver(() => { document.body.dataset.said = (document.body.dataset.said ?? '') + document.getElementById('state').innerText; }).observe(document.getElementById('state'), { childList: true, subtree: true })").await;
    click(&browser, "scan").await;
    until_it_says(&browser, "Confirm on your phone").await;

    click(&browser, "kill").await;
    browser.until("document.querySelector('#tape .cut')").await;
    browser.until("document.getElementById('kill').getAttribute('aria-disabled') === 'false'").await;
    browser.until("document.querySelector('#chat .link')").await;
    browser.value("document.querySelector('#chat .link').click()").await;
    browser.press_in_frame("#page", "[data-action=confirm]").await;
    browser.until("!document.getElementById('welcome').hidden").await;
    browser.keep_screenshot("demo-confirmed-on-the-phone").await;
    assert_eq!(browser.value("document.body.dataset.said.includes('Connection lost')").await, json!(false));

    click(&browser, "logout").await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "scan").await;
    until_it_says(&browser, "Confirm on your phone").await;
    browser.until("document.querySelectorAll('#chat .link').length === 2").await;
    browser.value("document.querySelectorAll('#chat .link')[1].click()").await;
    browser.press_in_frame("#page", "[data-action=deny]").await;
    until_it_says(&browser, "Login was cancelled. Try again").await;
    browser.close().await;
}

#[tokio::test]
async fn a_login_is_confirmed_in_the_conversation_by_a_press_or_by_writing() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "confirming").await;
    click(&browser, "chatting").await;
    assert_eq!(
        browser.value("document.getElementById('confirming').getAttribute('aria-checked')").await,
        json!("false")
    );
    let current =
        "[...document.querySelectorAll('#tape li.current')].some(card => card.innerText.includes('shop-chat'))";
    browser.until(current).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "scan").await;
    browser.until("document.getElementById('panel').dataset.state === 'number'").await;
    let number = browser.value("document.getElementById('number').innerText").await.as_str().unwrap().to_owned();
    until_it_says(&browser, &format!("Reply {number} in WeChat")).await;
    let entry = format!("[...document.querySelectorAll('#chat .link')].find(entry => entry.innerText === '{number}')");
    browser.until(&entry).await;
    browser.keep_screenshot("demo-in-the-conversation").await;
    browser.run(&format!("{entry}.click()")).await;
    browser.until("!document.getElementById('welcome').hidden").await;

    click(&browser, "logout").await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "scan").await;
    browser.until("document.getElementById('panel').dataset.state === 'number'").await;
    browser
        .run(
            "document.querySelector('#write input').value = 'not me'; document.getElementById('write').requestSubmit()",
        )
        .await;
    until_it_says(&browser, "Login was cancelled. Try again").await;
    browser.close().await;
}

#[tokio::test]
async fn a_page_that_outlives_the_demo_draws_a_new_code_when_it_is_started_anew() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut running, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    let old = browser.value("document.getElementById('qr').src").await;
    running.kill().await.unwrap();
    until_it_says(&browser, "Connection lost. Reconnecting…").await;
    let listen = address.trim_start_matches("http://").trim_end_matches('/');
    let (_again, _) = demo_at(listen, &folder.path().join("demo")).await;
    browser.until(&format!("document.getElementById('qr').src !== {old}")).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    click(&browser, "scan").await;
    browser.until("!document.getElementById('welcome').hidden").await;
    browser.close().await;
}

#[tokio::test]
async fn the_panel_says_why_there_is_no_code() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    until_it_says(&browser, "Scan with WeChat to log in").await;
    let height = "document.getElementById('panel').offsetHeight";
    let tall = browser.value(height).await;
    for (code, english, chinese) in [
        ("wechat_away", "WeChat cannot be reached. Please try again", "微信暂时无法连接，请稍后再试"),
        ("paused", "Scan login is paused", "扫码登录已暂停"),
        (
            "too_many_sessions",
            "Too many people are logging in at the moment. Please try again",
            "当前登录人数过多，请稍后再试",
        ),
        (
            "journal_behind",
            "Too many people are logging in at the moment. Please try again",
            "当前登录人数过多，请稍后再试",
        ),
        ("qr_budget", "Today’s QR codes are used up. Please try again later", "今天的二维码已用完，请稍后再试"),
        (
            "qr_budget_address",
            "Too many QR codes asked for from here. Try again later",
            "你所在的网络获取二维码过多，请稍后再试",
        ),
        ("unavailable", "The login service cannot answer. Please try again", "登录服务暂时无法响应，请稍后再试"),
        ("surprise", "The login could not be started. Please try again", "无法开始登录，请重试"),
    ] {
        browser.value(&format!("(window.real ??= window.fetch, window.fetch = (url, how) => String(url).endsWith('/v1/sessions') ? Promise.resolve(new Response(JSON.stringify({{ code: '{code}' }}), {{ status: 429 }})) : window.real(url, how), 1)")).await;
        click(&browser, "again").await;
        until_it_says(&browser, english).await;
        click(&browser, "lang-zh").await;
        until_it_says(&browser, chinese).await;
        click(&browser, "lang-en").await;
        assert_eq!(browser.value(height).await, tall, "{code}: nothing jumps");
    }
    browser.close().await;
}

#[tokio::test]
async fn the_website_with_the_widget_logs_in_and_reads_the_verified_id_token() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&format!("{address}demo/widget")).await;
    browser.until("!document.getElementById('scan').disabled").await;
    browser.keep_screenshot("demo-widget").await;
    click(&browser, "scan").await;
    browser.until("document.getElementById('claim-sub')").await;
    browser.keep_screenshot("demo-widget-back").await;
    let claims = "['iss', 'aud'].map((name) => document.getElementById(`claim-${name}`).textContent)";
    assert_eq!(browser.value(claims).await, json!([address.trim_end_matches('/'), "shop-widget"]));

    browser.reload().await;
    browser.until("document.querySelector('h1').textContent.startsWith('Not logged in')").await;
    browser.close().await;
}

#[tokio::test]
async fn the_website_that_uses_openid_connect_logs_in_by_the_login_page() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&format!("{address}demo/oidc")).await;
    let website = browser.tab().await;
    browser.keep_screenshot("demo-oidc").await;
    click(&browser, "login").await;
    browser.go_to_other_tab(&website).await;
    Panel::of_page(&browser).until("pending").await;
    let login = browser.tab().await;
    browser.go_to_tab(&website).await;
    browser.until("!document.getElementById('scan').disabled").await;
    click(&browser, "scan").await;
    browser.go_to_tab(&login).await;
    browser.until("document.getElementById('claim-sub')").await;
    assert_eq!(browser.value("document.getElementById('claim-aud').textContent").await, "shop-oidc");
    browser.close().await;
}
