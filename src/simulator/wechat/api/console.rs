//! What an account asks about itself: addresses, whether its URL can be reached, and its quotas.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::{Answered, Ask, done};
use crate::simulator::wechat::SimulatedWeChat;
use crate::simulator::wechat::faults::Call;

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

const OPERATORS: [&str; 4] = ["DEFAULT", "CHINANET", "UNICOM", "CAP"];

/// `getcallbackip` and `get_api_domain_ip`: both are this machine.
pub(super) fn addresses(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    wechat.authorized(ask, Call::CallbackIp)?;
    Ok(json!({"ip_list": [IpAddr::from(Ipv4Addr::LOCALHOST)]}))
}

/// `clear_quota`: ten times a month.
pub(super) fn clear_quota(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let request = ask.posted()?;
    let now = wechat.now();
    let mut world = wechat.world();
    let app_id = world.owner_of(ask.parameter("access_token"), now)?;
    if request["appid"] != app_id.as_str() {
        return Err((40013, "invalid appid").into());
    }
    world.account(&app_id).ok_or((40013, "invalid appid"))?.usage.clear(now)?;
    done()
}

/// `callback/check`: looks up the host of the account's URL, and connects to it.
pub(super) async fn check(wechat: &SimulatedWeChat, ask: &Ask) -> Answered {
    let request = ask.posted()?;
    let app_id = wechat.authorized(ask, Call::CallbackCheck)?;
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let (asks_dns, asks_ping) = match text("action") {
        "all" => (true, true),
        "dns" => (true, false),
        "ping" => (false, true),
        _ => return Err((40202, "invalid action").into()),
    };
    let operator = text("check_operator");
    if !OPERATORS.contains(&operator) {
        return Err((40203, "invalid check_operator").into());
    }
    let account = wechat.about(&app_id).ok_or((40013, "invalid appid"))?;
    let found = addresses_of(&account.callback_url).await;
    let mut answer = json!({});
    if asks_dns {
        let dns = found.iter().map(|address| json!({"ip": address.ip(), "real_operator": operator}));
        answer["dns"] = dns.collect();
    }
    if asks_ping {
        let mut ping = Vec::new();
        for address in found {
            ping.push(pinged(address, operator).await);
        }
        answer["ping"] = ping.into();
    }
    Ok(answer)
}

async fn addresses_of(url: &Url) -> Vec<SocketAddr> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Vec::new() };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

async fn pinged(address: SocketAddr, operator: &str) -> serde_json::Value {
    let began = tokio::time::Instant::now();
    let reached = tokio::time::timeout(CHECK_TIMEOUT, TcpStream::connect(address)).await;
    let is_reached = matches!(reached, Ok(Ok(_)));
    json!({
        "ip": address.ip(),
        "from_operator": operator,
        "package_loss": if is_reached { "0%" } else { "100%" },
        "time": format!("{:.3}ms", began.elapsed().as_secs_f64() * 1000.0),
    })
}
