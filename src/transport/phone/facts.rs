//! What the page tells of the browser that wants to log in, and whether it fits the phone that looks.

use std::net::{IpAddr, Ipv6Addr};

use woothee::parser::Parser;

use super::place::{Place, PlaceDatabase};
use crate::actors::Confirmable;
use crate::clock::beijing_minutes;
use crate::config::{Client, Language};
use crate::domain::Visitor;

/// An address, and where it is.
pub(super) struct Whereabouts {
    pub(super) address: IpAddr,
    place: Option<Place>,
}

impl Whereabouts {
    fn of(address: IpAddr, database: Option<&PlaceDatabase>) -> Self {
        Self { address, place: database.and_then(|database| database.find(address)) }
    }

    /// Country and city, where they are known.
    pub(super) fn place(&self, language: Language) -> Option<&str> {
        self.place.as_ref()?.name(language)
    }

    fn is_far_from(&self, other: &Self) -> bool {
        self.place.as_ref().zip(other.place.as_ref()).is_some_and(|(one, other)| one.is_far_from(other))
    }
}

/// The facts of one login.
pub(super) struct Facts {
    /// The website's host, as it was registered.
    pub(super) host: Option<String>,
    /// Browser and operating system; `None` where it says nothing that is known.
    pub(super) browser: Option<String>,
    /// From where the login was asked for.
    pub(super) from: Option<Whereabouts>,
    /// From where else the code is watched.
    pub(super) watched_from: Vec<Whereabouts>,
    /// When, by Beijing's clock.
    pub(super) at: String,
    /// Whether any of them is far from the phone.
    pub(super) is_far: bool,
}

impl Facts {
    /// As seen by a phone at `phone`, where that is known: else nothing is far from it.
    pub(super) fn of(
        confirmable: &Confirmable,
        client: Option<&Client>,
        phone: Option<IpAddr>,
        database: Option<&PlaceDatabase>,
    ) -> Self {
        let created = &confirmable.created;
        let (address, user_agent) = match &created.visitor {
            Some(Visitor::Known { address, user_agent }) => (address.parse().ok(), user_agent.as_deref()),
            Some(Visitor::Forgotten) | None => (None, None),
        };
        let mut watchers = confirmable.watchers.clone();
        // Where nobody said for whom it is, who watches first is taken for it.
        let address = address.or_else(|| (!watchers.is_empty()).then(|| watchers.remove(0)));
        watchers.retain(|watcher| address.is_none_or(|known: IpAddr| network(known) != network(*watcher)));
        let whereabouts = |address| Whereabouts::of(address, database);
        let (from, phone) = (address.map(whereabouts), phone.map(whereabouts));
        let watched_from: Vec<Whereabouts> = watchers.into_iter().map(whereabouts).collect();
        let is_far = phone.is_some_and(|phone| from.iter().chain(&watched_from).any(|one| one.is_far_from(&phone)));
        let host = created.request.redirect_uri.as_deref().and_then(host).map(str::to_owned);
        let host = host.or_else(|| client.and_then(registered_host).map(str::to_owned));
        let at = beijing_minutes(confirmable.created_at);
        Self { host, browser: user_agent.and_then(browser), from, watched_from, at, is_far }
    }
}

/// What counts as one place: an IPv4 address, or the /64 of an IPv6 address, within which a browser changes its own.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Where the website is, as far as its registration says.
fn registered_host(client: &Client) -> Option<&str> {
    client.origins.first().or(client.redirect_uris.first()).and_then(|url| host(url))
}

fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

/// `Chrome · Windows 10`.
fn browser(user_agent: &str) -> Option<String> {
    // The parser does not know it, and it is what half of these people would be told of.
    let is_wechat = user_agent.contains("MicroMessenger/");
    let parsed = Parser::new().parse(user_agent);
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty() && text != "UNKNOWN");
    let name =
        if is_wechat { Some("WeChat".to_owned()) } else { parsed.as_ref().and_then(|parsed| known(parsed.name)) };
    let system = parsed.as_ref().and_then(|parsed| known(parsed.os)).map(|system| match system.as_str() {
        "Mac OSX" => "macOS".to_owned(),
        _ => system,
    });
    match (name, system) {
        (Some(name), Some(system)) => Some(format!("{name} · {system}")),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_and_system_are_told_by_their_names() {
        for (user_agent, told) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
                Some("Chrome · Windows 10"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
                Some("Edge · Windows 10"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                Some("Safari · macOS"),
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", Some("Firefox · Linux")),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.60",
                Some("WeChat · iPhone"),
            ),
            ("curl/8.5.0", Some("HTTP Library")),
            ("<b>nonsense</b>", None),
            ("", None),
        ] {
            assert_eq!(browser(user_agent).as_deref(), told, "{user_agent}");
        }
    }
}
