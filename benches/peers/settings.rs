//! What a server is told when it starts: one line of JSON on its input. It answers with a line, `ready`, and ends with its input.

use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub host: Ipv4Addr,
    pub port: u16,
    /// Where it may write.
    pub folder: PathBuf,
    pub wechat: Account,
}

/// The service account, and where its WeChat is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    pub app_id: String,
    pub app_secret: String,
    pub token: String,
    pub aes_key: String,
    /// Without a slash behind it.
    pub api: String,
}

impl Account {
    /// For servers that have nothing to do with WeChat.
    pub fn none() -> Self {
        let nothing = String::new;
        Self { app_id: nothing(), app_secret: nothing(), token: nothing(), aes_key: nothing(), api: nothing() }
    }
}

impl Settings {
    /// Reads the line. The process ends with its input from here on, so that no server outlives who started it.
    pub fn from_input() -> Self {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).unwrap();
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            std::process::exit(0);
        });
        serde_json::from_str(&line).unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        (self.host, self.port).into()
    }
}
