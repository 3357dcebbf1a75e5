//! TLS on the public listener.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::manager::ServiceManager;
use crate::scarcity::{WECHATS_PATIENCE, crowd};
use crate::support::*;

const HOST: &str = "login.example.com";

struct Issued {
    certificate: CertificateDer<'static>,
    chain: String,
    key: String,
}

fn issue(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Issued {
    let mut parameters = rcgen::CertificateParams::new(vec![HOST.into()]).unwrap();
    change(&mut parameters);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    Issued { certificate: certificate.der().clone(), chain: certificate.pem(), key: key.serialize_pem() }
}

/// Certificates that last for long, as rcgen's do by themselves.
fn lasting() -> Issued {
    issue(|_| {})
}

impl Issued {
    fn write(&self, world: &World) {
        std::fs::write(world.folder.path().join("chain.pem"), &self.chain).unwrap();
        std::fs::write(world.folder.path().join("key.pem"), &self.key).unwrap();
    }

    async fn connect(
        &self,
        world: &World,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = TcpStream::connect(world.socket_address()).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(HOST).unwrap(), stream).await
    }

    async fn get(&self, world: &World, path: &str) -> String {
        let stream = self.connect(world, rustls::ALL_VERSIONS).await.unwrap();
        ask(stream, &format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n")).await
    }
}

async fn ask(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no end came").unwrap();
    String::from_utf8(answer).unwrap()
}

fn with_tls(config: &str) -> String {
    let keys = "tls_certificate_file = \"chain.pem\"\ntls_key_file = \"key.pem\"\n[admin]";
    config.replacen("public_url = \"http://", "public_url = \"https://", 1).replace("[admin]", keys)
}

async fn start() -> (World, ServiceManager, Issued) {
    let mut world = World::prepare(|config| with_tls(&config)).await;
    let issued = lasting();
    issued.write(&world);
    let manager = ServiceManager::of(&mut world);
    world.run().await;
    manager.until("READY=1").await;
    (world, manager, issued)
}

#[tokio::test]
async fn pages_and_websockets_are_served_over_tls_of_both_versions() {
    let (world, _manager, issued) = start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = issued.connect(&world, &[version]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let ask_for = format!("GET /openapi.json HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
        assert!(ask(stream, &ask_for).await.starts_with("HTTP/1.1 200"));
    }
    let body =
        serde_json::json!({ "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256" });
    let (body, stream) = (body.to_string(), issued.connect(&world, rustls::ALL_VERSIONS).await.unwrap());
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\nconnection: close\r\n"
    );
    let answer = ask(stream, &format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    let created: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let mut request = created["links"]["ws"].as_str().unwrap().into_client_request().unwrap();
    assert_eq!(request.uri().scheme_str(), Some("wss"));
    let protocols = format!("scan-login.v1, token.{}", created["attach_token"].as_str().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    let stream = issued.connect(&world, rustls::ALL_VERSIONS).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let told = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
    assert!(told.to_text().unwrap().contains("created"), "{told}");
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_and_who_speaks_nonsense_disturbs_nobody() {
    let (world, _manager, issued) = start().await;
    let plain = TcpStream::connect(world.socket_address()).await.unwrap();
    let told = ask(plain, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 400") && told.ends_with("this port speaks https, not http\n"), "{told}");
    let mut nonsense = TcpStream::connect(world.socket_address()).await.unwrap();
    nonsense.write_all(&[22, 3, 1, 0, 5, 1, 2, 3, 4, 5]).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, nonsense.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is closed");
    let _silent = TcpStream::connect(world.socket_address()).await.unwrap();
    assert!(issued.get(&world, "/openapi.json").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended_in_time() {
    let (world, _manager, _issued) = start().await;
    let mut silent = TcpStream::connect(world.socket_address()).await.unwrap();
    let mut dribbling = TcpStream::connect(world.socket_address()).await.unwrap();
    dribbling.write_all(&[22, 3, 1]).await.unwrap();
    for slow in [&mut silent, &mut dribbling] {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(25), slow.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it keeps its place");
    }
}

#[tokio::test]
async fn who_does_not_shake_hands_keeps_nobody_out() {
    let mut world = World::prepare(|config| with_tls(&config)).await;
    let issued = lasting();
    issued.write(&world);
    world.run_narrow().await;
    for said in [b"".as_slice(), &[22], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]] {
        let _crowd = crowd(&world, said).await;
        let asked = tokio::time::timeout(WECHATS_PATIENCE, issued.get(&world, "/openapi.json")).await;
        assert!(asked.unwrap_or_else(|_| panic!("a stranger waits behind {said:?}")).starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_new_certificate_counts_after_a_reload_and_connections_stay() {
    let (mut world, manager, first) = start().await;
    let kept = first.connect(&world, rustls::ALL_VERSIONS).await.unwrap();
    let second = lasting();
    second.write(&world);
    assert!(first.get(&world, "/openapi.json").await.starts_with("HTTP/1.1 200"), "not before it is told");
    manager.reload(&world).await;
    assert!(second.get(&world, "/openapi.json").await.starts_with("HTTP/1.1 200"));
    assert!(first.connect(&world, rustls::ALL_VERSIONS).await.is_err(), "the old one is not shown any more");
    let ask_for = format!("GET /openapi.json HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    assert!(ask(kept, &ask_for).await.starts_with("HTTP/1.1 200"), "who is connected stays so");
    // A key that belongs to another certificate.
    std::fs::write(world.folder.path().join("key.pem"), &first.key).unwrap();
    manager.reload(&world).await;
    assert!(second.get(&world, "/openapi.json").await.starts_with("HTTP/1.1 200"));
    let (_, log) = world.terminate().await;
    assert!(log.contains("server.tls_certificate_file, server.tls_key_file"), "{log}");
    assert!(log.contains("does not belong to the certificate"), "{log}");
}

/// A key for agreement (RFC 8410), with which no certificate can be shown.
const X25519_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VuBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
    -----END PRIVATE KEY-----\n";

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_a_fault_with_its_cure() {
    let world = World::prepare(|config| with_tls(&config)).await;
    let (issued, other) = (lasting(), lasting());
    let (chain, key) = (world.folder.path().join("chain.pem"), world.folder.path().join("key.pem"));
    let signs_nothing = X25519_KEY.to_owned();
    let cases = [
        (None, Some(&issued.key), "server.tls_certificate_file", "cannot be read"),
        (Some(&issued.chain), None, "server.tls_key_file", "cannot be read"),
        (Some(&issued.key), Some(&issued.key), "server.tls_certificate_file", "holds no certificate"),
        (Some(&issued.chain), Some(&issued.chain), "server.tls_key_file", "holds no private key"),
        (Some(&issued.chain), Some(&other.key), "server.tls_key_file", "does not belong"),
        (Some(&issued.chain), Some(&signs_nothing), "server.tls_key_file", "cannot be used"),
    ];
    for (chain_is, key_is, fault, reason) in cases {
        for (path, text) in [(&chain, chain_is), (&key, key_is)] {
            let _ = std::fs::remove_file(path);
            if let Some(text) = text {
                std::fs::write(path, text).unwrap();
            }
        }
        let output = world.command("config check").output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(fault) && told.contains(reason) && told.contains("\n    "), "{reason}: {told}");
        assert!(!told.contains("PRIVATE KEY-----\n"), "{told}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_and_a_url_without_tls_are_warned_of() {
    let world = World::prepare(|config| with_tls(&config)).await;
    issue(|parameters| parameters.not_after = rcgen::date_time_ymd(2025, 1, 1)).write(&world);
    let output = world.command("config check").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("server.tls_certificate_file") && told.contains("has ended"), "{told}");
    world.rewrite(|config| config.replacen("public_url = \"https://", "public_url = \"http://", 1));
    let output = world.command("config check").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("begins with http://, and the listener speaks TLS"), "{told}");
}
