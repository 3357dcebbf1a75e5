//! A website's back end in a process of its own, and the browser that it sends to us.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use url::Url;

use crate::python::virtual_environment;
use crate::support::*;

/// Without a query: openid-client takes the one of the answer away, all of it, before it redeems the code.
pub const CALLBACK: &str = "https://shop.example.com/callback";

/// A daemon that knows the website's address, and signs for it by `algorithm`.
pub async fn world_signing_by(algorithm: &str) -> World {
    let line = format!("client_id = \"shop\"\nid_token_signed_response_alg = \"{algorithm}\"\n");
    let with_query = format!("\"{CALLBACK}?from=scan\"");
    World::with(|config| {
        config.replacen("client_id = \"shop\"\n", &line, 1).replace(&with_query, &format!("\"{CALLBACK}\""))
    })
    .await
}

/// Whose client it is.
#[derive(Clone, Copy, Debug)]
pub enum Library {
    /// npm's `openid-client`.
    OpenidClient,
    /// PyPI's `authlib`.
    Authlib,
}

/// A back end that waits for its browser to come back.
pub struct BackEnd {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl BackEnd {
    pub fn start(library: Library) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openid_clients");
        let mut command = match library {
            Library::OpenidClient => {
                assert!(folder.join("node_modules").is_dir(), "npm ci --prefix tests/openid_clients, as ./test does");
                let mut node = Command::new("node");
                node.arg(folder.join("client.mjs"));
                node
            }
            Library::Authlib => {
                let mut python = Command::new(virtual_environment(&folder).join("bin/python"));
                python.arg(folder.join("client.py"));
                python
            }
        };
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { _process: process, input, output: BufReader::new(output).lines() }
    }

    /// Tells it where we are, and as whom it speaks; it says where the browser goes.
    pub async fn begin(&mut self, world: &World, algorithm: &str) -> Url {
        let issuer = world.url("");
        self.tell(json!({
            "issuer": issuer, "client_id": "shop", "client_secret": SECRET, "redirect_uri": CALLBACK, "alg": algorithm,
        }))
        .await;
        self.hear().await.as_str().unwrap().parse().unwrap()
    }

    /// Tells it where the browser came back to; it says what it made of it.
    pub async fn finish(&mut self, callback: &str) -> Value {
        self.tell(callback.into()).await;
        self.hear().await
    }

    async fn tell(&mut self, what: Value) {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE * 3, self.output.next_line()).await.expect("the client says nothing");
        serde_json::from_str(&line.unwrap().expect("the client has ended")).unwrap()
    }
}

/// What a browser that is sent to `url` shows: the session that the page's script begins.
pub async fn shown(world: &World, url: &Url) -> LoginPage {
    let page = world.get(&format!("{}?{}", url.path(), url.query().unwrap()), &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let origin = world.url("");
    let begun = world.post("/login/session", &[FORM, ("origin", &origin)], url.query().unwrap()).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    LoginPage::of(&begun.json())
}

/// Where it goes when somebody has scanned and the website is given a code.
pub async fn scanned(world: &World, page: &LoginPage) -> String {
    assert!(world.scan(&page.qr_content, "oAlice").await);
    page.wait_for("confirmed").await["redirect_to"].as_str().unwrap().to_owned()
}
