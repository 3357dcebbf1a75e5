//! The demo, as somebody who opens it for the first time sees it.

use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::browser::{Browser, turn};
use crate::support::PATIENCE;

/// A demo of its own, and the address that it prints.
async fn demo(data: &std::path::Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scan-login"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
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

#[tokio::test]
async fn a_person_presses_scan_and_understands_the_product() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let (_demo, address) = demo(&folder.path().join("demo")).await;
    let browser = Browser::start().await;
    browser.open(&address).await;
    browser.until("document.getElementById('qr').naturalWidth && !document.getElementById('scan').disabled").await;
    browser.keep_screenshot("demo-pending").await;
    assert_eq!(browser.value("document.getElementById('state').innerText").await, "Scan with WeChat to log in");
    assert!(browser.value("document.getElementById('qr').getBoundingClientRect().width").await.as_f64() >= Some(200.0));

    browser.value("document.getElementById('scan').click()").await;
    browser.until("!document.getElementById('welcome').hidden").await;
    browser.until(&format!("{TAPE}.includes('redeemed')")).await;
    browser.keep_screenshot("demo-logged-in").await;
    assert_eq!(browser.value(TAPE).await, json!(["created", "scanned", "confirmed", "redeemed"]));

    browser.value("document.getElementById('lang-zh').click()").await;
    browser.value("document.getElementById('logout').click()").await;
    browser.until("document.getElementById('state').innerText === '用微信扫一扫登录'").await;
    browser.keep_screenshot("demo-zh").await;
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
    let someone_first = "Another phone scanned this code first";
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
