//! The clients in a real browser: every transport that it has, with the page beside the server and with a page of another
//! origin.

use std::net::SocketAddr;

use serde::Serialize;
use serde_json::{Value, json};

use crate::browser::{Browser, turn};
use crate::conversation::{CLIENTS, assert_echoed, assert_sent_away, messages};
use crate::server;

const TRANSPORTS: [&str; 8] = [
    "websocket",
    "xhr-streaming",
    "eventsource",
    "iframe-eventsource",
    "iframe-htmlfile",
    "xhr-polling",
    "iframe-xhr-polling",
    "jsonp-polling",
];

async fn talk(browser: &Browser, url: &str, transport: impl Serialize, messages: &[String]) -> Value {
    let arguments = format!("{}, {}, {}, 5", json!(url), json!(transport), json!(messages));
    browser
        .value(&format!(
            "void (window.told = null, talk(SockJS, {arguments}).then(function (t) {{ window.told = t; }}))"
        ))
        .await;
    browser.until("window.told").await;
    browser.value("window.told").await
}

/// Speaks with the server from a page that another one serves, or the same.
async fn converse(server: SocketAddr, pages: SocketAddr, transports: &[&str]) {
    let browser = Browser::start().await;
    for client in CLIENTS {
        browser.open(&format!("http://{pages}/page/{client}")).await;
        for transport in transports {
            let case = format!("{client} over {transport}, a page of {pages} with {server}");
            let url = |service: &str| format!("http://{server}/{client}/{service}");
            assert_echoed(&talk(&browser, &url("echo"), transport, &messages()).await, transport, &case);
            assert_sent_away(&talk(&browser, &url("close"), transport, &[]).await, transport, &case);
        }
    }
    browser.close().await;
}

#[tokio::test]
async fn clients_in_a_browser_are_understood_over_every_transport_from_a_page_beside_the_server() {
    let _turn = turn().await;
    let address = server::serve().await;
    converse(address, address, &[&TRANSPORTS[..], &["htmlfile"]].concat()).await;
}

#[tokio::test]
async fn clients_in_a_browser_are_understood_over_every_transport_from_a_page_of_another_origin() {
    let _turn = turn().await;
    let (server, pages) = (server::serve().await, server::serve().await);
    // The client itself uses `htmlfile` in its own iframe only, where the origins differ.
    converse(server, pages, &TRANSPORTS).await;
}

#[tokio::test]
async fn where_no_iframe_page_is_served_clients_go_on_to_their_next_transport() {
    let _turn = turn().await;
    let (server, pages) = (server::serve().await, server::serve().await);
    let browser = Browser::start().await;
    for client in CLIENTS {
        browser.open(&format!("http://{pages}/page/{client}")).await;
        let url = format!("http://{server}/{client}/frameless");
        for last in ["xhr-polling", "jsonp-polling"] {
            let transports = ["iframe-eventsource", "iframe-htmlfile", "iframe-xhr-polling", last];
            assert_echoed(
                &talk(&browser, &url, transports, &messages()).await,
                last,
                &format!("{client}, then {last}"),
            );
        }
    }
    browser.close().await;
}
