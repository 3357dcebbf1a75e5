//! What stands around the daemon, whatever its accounts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Host;

use super::finding::Finding;
use super::probe::Probe;
use crate::config::Config;

/// Whether a daemon runs with this configuration, and is ready.
pub(super) async fn daemon(config: &Config) -> Finding {
    let subject = "daemon";
    let address = reachable(config.admin.listen);
    let Ok(url) = format!("http://{address}/readyz").parse() else {
        return Finding::warn(subject, "its address cannot be asked", "see [admin] listen");
    };
    match Probe::new(&url).get(&url).await {
        Ok((status, _)) if status.is_success() => Finding::ok(subject, format!("ready ({address})")),
        Ok((status, told)) => {
            let told = String::from_utf8_lossy(&told);
            let what = format!("is not ready: HTTP {}: {}", status.as_u16(), told.lines().next().unwrap_or_default());
            Finding::fail(subject, what, "see its log; what was acknowledged is in the journal")
        }
        Err(why) => {
            let what = format!("none answers on {address} ({why})");
            Finding::warn(subject, what, "start it with `scan-login serve`, and ask again: some checks need it")
        }
    }
}

/// Whether visitors' addresses can be told apart, as far as the configuration says: what the proxy really sends is not seen
/// from here.
pub(super) fn proxy(config: &Config) -> Vec<Finding> {
    let subject = "proxy headers";
    let server = &config.server;
    let is_direct = is_own_listener(config);
    vec![match (is_direct, server.trusted_proxies.is_empty()) {
        (true, _) => Finding::ok(subject, "public_url leads to the daemon itself"),
        (false, false) => Finding::ok(
            subject,
            "by the configuration alone: X-Forwarded-For is believed from [server] trusted_proxies; whether the proxy sets \
             it was not tried",
        ),
        (false, true) => Finding::warn(
            subject,
            format!(
                "by the configuration alone: public_url leads to something in front of {}, and no proxy is trusted",
                server.listen
            ),
            "let the proxy set X-Forwarded-For, and name its address in [server] trusted_proxies: until then all visitors \
             count as one address, which shares one budget",
        ),
    }]
}

/// Where a daemon that listens on all addresses is asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Whether what `public_url` names is the listener: only by an address can that be told.
fn is_own_listener(config: &Config) -> bool {
    let url = config.server.public_url.join("");
    let listen = config.server.listen;
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain("localhost")) => reachable(listen).ip(),
        _ => return false,
    };
    url.port_or_known_default() == Some(listen.port()) && (ip == listen.ip() || listen.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn proxies(server: &str) -> Status {
        let text = format!(
            "[server]\n{server}\n[[account]]\nname = \"main\"\napp_id = \"wx1\"\napp_secret = \"s\"\ntoken = \"token\"\n\
             encryption = \"plain\"\n[[client]]\nclient_id = \"shop\"\nclient_secret = \"s\"\nname = \"Shop\"\n\
             confirm = \"tap\"\n"
        );
        let (config, _) = Config::from_toml(&text, std::path::Path::new(""), []).unwrap();
        proxy(&config)[0].status
    }

    #[test]
    fn a_proxy_that_nobody_trusts_is_told() {
        assert_eq!(proxies("public_url = \"https://login.example.com\""), Status::Warn);
        assert_eq!(proxies("public_url = \"https://a.example\"\ntrusted_proxies = [\"127.0.0.1/32\"]"), Status::Ok);
        assert_eq!(proxies("public_url = \"http://127.0.0.1:8080\""), Status::Ok);
        assert_eq!(proxies("public_url = \"http://localhost:8080\""), Status::Ok);
        assert_eq!(proxies("public_url = \"http://127.0.0.1:8081\""), Status::Warn);
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        assert_eq!(reachable("0.0.0.0:9090".parse().unwrap()).to_string(), "127.0.0.1:9090");
        assert_eq!(reachable("[::]:9090".parse().unwrap()).to_string(), "[::1]:9090");
        assert_eq!(reachable("10.0.0.1:9090".parse().unwrap()).to_string(), "10.0.0.1:9090");
    }
}
