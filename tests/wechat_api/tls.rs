//! Over real TLS: whose certificate is believed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use scan_login::clock::Clock;
use scan_login::domain::AppId;
use scan_login::transport::wechat::api::{
    Absence, ApiError, ApiSettings, DEFAULT_DEADLINE, HttpClient, TokenSource, WeChatApi,
};
use url::Url;

/// Set for the child process that plays a machine without root certificates.
const CHILD: &str = "SCAN_LOGIN_TEST_WITHOUT_ROOTS";

/// A WeChat behind TLS that always answers the same, and the root of its certificate.
fn serve() -> (Url, CertificateDer<'static>) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not believe us hangs up: that is its business.
            let _ = answer(StreamOwned::new(connection, tcp.unwrap()));
        }
    });
    (base, authority.der().clone())
}

/// One request, one answer, and the end of the connection.
fn answer(stream: impl Read + Write) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    stream.read_exact(&mut vec![0; length])?;
    let body = if first.contains("stable_token") {
        r#"{"access_token":"72_t","expires_in":7200}"#
    } else {
        r#"{"ticket":"gQ","expire_seconds":300,"url":"http://weixin.qq.com/q/02tls"}"#
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
    stream.get_mut().flush()
}

async fn ask(api_base: Url, http: HttpClient) -> Result<String, ApiError> {
    let app_id = AppId::new("wx1").unwrap();
    let settings = ApiSettings {
        api_base,
        app_id,
        app_secret: "s".into(),
        token_source: TokenSource::default(),
        deadline: DEFAULT_DEADLINE,
    };
    let api = WeChatApi::new(settings, http, Clock::system());
    api.create_qr("sl-1", std::time::Duration::from_secs(300)).await.map(|qr| qr.content)
}

#[tokio::test]
async fn a_server_is_believed_where_its_root_is_known() {
    let (base, root) = serve();
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    assert_eq!(ask(base.clone(), HttpClient::with_tls(config)).await.unwrap(), "http://weixin.qq.com/q/02tls");
    assert_eq!(ask(base, HttpClient::with_roots(roots)).await.unwrap(), "http://weixin.qq.com/q/02tls");
}

#[tokio::test]
async fn a_server_of_unknown_origin_is_not_believed() {
    let (base, _) = serve();
    let Err(ApiError::Away { cause: Absence::Unreachable(reason), .. }) = ask(base, HttpClient::plain()).await else {
        panic!("unreachable")
    };
    assert!(reason.contains("UnknownIssuer"), "{reason}");
}

/// Where the roots are looked for comes from the environment, so a process of its own plays the bare machine.
#[test]
fn without_root_certificates_only_https_fails_and_names_the_cure() {
    if std::env::var_os(CHILD).is_some() {
        let error = HttpClient::for_base(&"https://api.weixin.qq.com".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("Install the package `ca-certificates`"), "{error}");
        assert!(HttpClient::for_base(&"http://127.0.0.1:8080".parse().unwrap()).is_ok());
        return;
    }
    let name = "wechat_api::tls::without_root_certificates_only_https_fails_and_names_the_cure";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, "1")
        .env("SSL_CERT_FILE", "/nonexistent/roots.pem")
        .env("SSL_CERT_DIR", "/nonexistent/roots")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && printed.contains("1 passed"), "{printed}");
}
