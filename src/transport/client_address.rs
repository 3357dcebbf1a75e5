use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::domain::network_of;

/// Who a proxy spoke for.
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from, as far as it can be trusted. The server puts it into every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The peer itself; where the peer is a trusted proxy, the rightmost address of `X-Forwarded-For` that is none.
    ///
    /// What stands left of it was written by the client and is not looked at. A list that is broken there names the last
    /// address that could be read.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
        let mut address = peer.to_canonical();
        let lists = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = lists.flat_map(|list| list.to_str().unwrap_or("").rsplit(',').map(str::trim));
        for hop in hops {
            if !is_trusted(&address) {
                break;
            }
            let Some(next) = parse(hop) else { break };
            address = next;
        }
        Self(address)
    }

    /// The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address.
    pub fn network(self) -> IpAddr {
        network_of(self.0)
    }
}

/// An address as proxies write it: bare, with a port, or an IPv6 address in brackets.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(in_brackets).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", list.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientAddress::of(peer.parse().unwrap(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_a_trusted_proxy() {
        assert_eq!(of("203.0.113.9", &["198.51.100.7"], &[]), "203.0.113.9");
        assert_eq!(of("203.0.113.9", &["198.51.100.7"], &["127.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_address_counts() {
        let trusted = ["127.0.0.1/32", "10.0.0.0/8"];
        assert_eq!(of("127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], &trusted), "203.0.113.9");
        assert_eq!(of("127.0.0.1", &["1.1.1.1, 203.0.113.9", "10.0.0.2"], &trusted), "203.0.113.9");
        assert_eq!(of("127.0.0.1", &["203.0.113.9:4711"], &trusted), "203.0.113.9");
        assert_eq!(of("127.0.0.1", &["[2001:db8::1]:4711"], &trusted), "2001:db8::1");
        assert_eq!(of("::ffff:127.0.0.1", &["203.0.113.9"], &trusted), "203.0.113.9");
    }

    #[test]
    fn a_broken_list_is_read_as_far_as_it_goes() {
        assert_eq!(of("127.0.0.1", &["203.0.113.9, nonsense"], &["127.0.0.0/8"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &[""], &["127.0.0.0/8"]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["127.0.0.2, 127.0.0.3"], &["127.0.0.0/8"]), "127.0.0.2");
    }

    #[test]
    fn ipv6_counts_by_its_64() {
        let address = |text: &str| ClientAddress(text.parse().unwrap()).network().to_string();
        assert_eq!(address("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(address("203.0.113.9"), "203.0.113.9");
    }
}
