use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::fault::{Complaint, Report};
use super::raw::{Node, Raw, Table};
use super::section::Section;
use super::tls::{self, Tls};
use super::urls::{self, BaseUrl};
use super::values;

/// `[server]`: the public listener.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it listens. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// What browsers, phones and WeChat call it.
    pub public_url: BaseUrl,
    /// Whose `X-Forwarded-For` counts. Default: nobody's.
    pub trusted_proxies: Vec<IpNet>,
    /// Most sessions pending at once, 1 or more. Default: 1,000,000.
    pub max_sessions: usize,
    /// Whether logins are possible at all: the kill switch. Off, a start or a reload ends those that go on. Default: true.
    pub logins: bool,
    /// The folder of `MP_verify_*.txt` files. Default: `verify`.
    pub verify_dir: PathBuf,
    /// A MaxMind-format database that tells where addresses are, for the phone's page. Default: none.
    pub place_database: Option<PathBuf>,
    /// What the listener speaks TLS with, from `tls_certificate_file` and `tls_key_file`. Default: it speaks plain HTTP, as
    /// behind a proxy.
    pub tls: Option<Tls>,
}

impl Server {
    pub(super) fn read(root: &Table, report: &mut Report) -> Option<Self> {
        let mut section = Section::of_root(root, "server", report);
        let listen = section.or("listen", SocketAddr::from(([127, 0, 0, 1], 8080)), values::socket);
        let cure = "write the URL under which browsers reach this daemon: \"https://login.example.com\"";
        let public_url = section.required("public_url", cure, urls::base);
        if let Some(url) = public_url.as_ref().filter(|url| !url.is_https()) {
            section.warn(
                "public_url",
                url.as_str(),
                "is not encrypted: fit for trying things out on this machine only",
            );
        }
        let trusted_proxies = section.list("trusted_proxies", values::network).unwrap_or_default();
        let max_sessions = section.or("max_sessions", 1_000_000, values::whole(1));
        let logins = section.or("logins", true, values::boolean);
        let verify_dir = section.path("verify_dir", "verify");
        let is_placed = section.written("place_database").is_some();
        let named = section.path("place_database", "places.mmdb");
        let place_database = is_placed.then_some(named);
        let tls = tls::read(&mut section);
        if let Some(url) = public_url.as_ref().filter(|url| tls.is_some() && !url.is_https()) {
            let text =
                "begins with http://, and the listener speaks TLS: visitors are sent to where nobody answers them";
            section.warn("public_url", url.as_str(), text);
        }
        section.finish();
        let public_url = public_url?;
        Some(Self { listen, public_url, trusted_proxies, max_sessions, logins, verify_dir, place_database, tls })
    }
}

/// So many in so much time: a bucket that holds the whole figure at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time: a second, a minute or an hour.
    pub per: Duration,
}

/// `[limits]`; `None` is "off".
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sessions created from one address. Default: 600 a minute.
    pub sessions_per_address: Option<Rate>,
    /// Sessions created by one browser with our cookie. Default: 30 a minute.
    pub sessions_per_browser: Option<Rate>,
    /// Failed client authentications from one address. Default: 20 a minute.
    pub failed_client_authentications: Option<Rate>,
    /// Page ids of the original page that one address may hold without having claimed them. Default: 32.
    pub unclaimed_page_ids: Option<NonZeroU32>,
}

impl Limits {
    pub(super) fn read(root: &Table, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "limits", report);
        let limits = Self {
            sessions_per_address: section.or("sessions_per_address", per_minute(600), rate),
            sessions_per_browser: section.or("sessions_per_browser", per_minute(30), rate),
            failed_client_authentications: section.or("failed_client_authentications", per_minute(20), rate),
            unclaimed_page_ids: section.or("unclaimed_page_ids", NonZeroU32::new(32), number_or_off),
        };
        section.finish();
        limits
    }
}

fn per_minute(count: u32) -> Option<Rate> {
    NonZeroU32::new(count).map(|count| Rate { count, per: Duration::from_secs(60) })
}

fn rate(node: &Node) -> Result<Option<Rate>, Complaint> {
    let bad = || Complaint::new("is not a rate", r#"write "600/min" (or /s, /h), or "off""#);
    let text = node.text().map_err(|_| bad())?;
    if text == "off" {
        return Ok(None);
    }
    let (count, unit) = text.split_once('/').ok_or_else(bad)?;
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 60 * 60,
        _ => return Err(bad()),
    };
    // `parse` would take a plus sign.
    let count = Some(count).filter(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    let count = count.and_then(|count| count.parse().ok()).ok_or_else(bad)?;
    Ok(Some(Rate { count, per: Duration::from_secs(seconds) }))
}

fn number_or_off(node: &Node) -> Result<Option<NonZeroU32>, Complaint> {
    if matches!(&node.raw, Raw::Text(text) if text == "off") {
        return Ok(None);
    }
    let number: u32 = values::whole(1)(node)
        .map_err(|complaint| Complaint::new(complaint.reason, "write a whole number, 1 or more, or \"off\""))?;
    Ok(NonZeroU32::new(number))
}

/// `[admin]`: the operator's listener and socket.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens. Default: `127.0.0.1:9090`.
    pub listen: SocketAddr,
    /// The socket that the program's own commands use. Default: `data/admin.sock`.
    pub socket: PathBuf,
    /// What the file that `token_file` names holds, 22 characters or more; without it the listener tells counters only.
    pub token: Option<SecretString>,
    /// `Host` headers taken besides loopback names. Default: none.
    pub hosts: Vec<String>,
}

impl Admin {
    pub(super) fn read(root: &Table, public: Option<&Server>, report: &mut Report) -> Self {
        let mut section = Section::of_root(root, "admin", report);
        let listen = section.or("listen", SocketAddr::from(([127, 0, 0, 1], 9090)), values::socket);
        let socket = section.path("socket", "data/admin.sock");
        let token_node = section.written("token_file");
        let token = token_node.and_then(|node| section.secret_file("token_file", node, values::admin_token).given());
        if token_node.is_none() && !listen.ip().is_loopback() {
            let cure = "give token_file, or listen on 127.0.0.1";
            section.fault("listen", "is beyond loopback, and there is no token_file", cure);
        }
        if public.is_some_and(|public| public.listen == listen && listen.port() != 0) {
            section.fault("listen", "is the public listener's address", "give each listener a port of its own");
        }
        let hosts = section.list("hosts", values::host).unwrap_or_default();
        section.finish();
        Self { listen, socket, token, hosts }
    }
}
