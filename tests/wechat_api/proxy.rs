//! Calls through a proxy's tunnel.

use std::sync::{Arc, Mutex};

use scan_login::clock::Clock;
use scan_login::domain::OpenId;
use scan_login::transport::wechat::api::{Absence, ApiError, HttpClient, WeChatApi};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::stub::Stub;

/// A proxy that knows `CONNECT` alone. What it was asked, head by head.
async fn proxy(is_open: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(tunnel(client, is_open, seen.clone()));
        }
    });
    (address, heads)
}

async fn tunnel(mut client: TcpStream, is_open: bool, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    seen.lock().unwrap().push(head.clone());
    if !is_open {
        client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        return;
    }
    let to = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    // Ends when one of the two has gone.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

fn api(wechat: &Stub, proxy: &str) -> WeChatApi {
    let settings = wechat.settings();
    let http = HttpClient::for_base_through(&settings.api_base, &proxy.parse().unwrap()).unwrap();
    WeChatApi::new(settings, http, Clock::system())
}

#[tokio::test]
async fn calls_go_through_the_tunnel_with_the_proxys_credentials() {
    let wechat = Stub::start().await;
    let (address, heads) = proxy(true).await;
    let api = api(&wechat, &format!("http://user:password@{address}"));
    api.send_text(&OpenId::new("oAlice").unwrap(), "x").await.unwrap();
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "both calls share a connection");
    let wechat_address = wechat.url().replace("http://", "");
    assert!(heads[0].starts_with(&format!("CONNECT {wechat_address} HTTP/1.1\r\n")), "{}", heads[0]);
    assert!(heads[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n"), "{}", heads[0]);
    assert_eq!(wechat.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_an_absence_and_its_credentials_are_not_told() {
    let wechat = Stub::start().await;
    let (address, _) = proxy(false).await;
    let error = api(&wechat, &format!("http://user:password@{address}")).check_credentials().await.unwrap_err();
    let ApiError::Away { cause: Absence::Unreachable(reason), .. } = &error else { panic!("{error}") };
    assert!(reason.contains("proxy authorization required"), "{reason}");
    assert!(!format!("{error:?}").contains("password"));
    assert!(wechat.asked_for_tokens().is_empty(), "nothing goes past the proxy");
}
