//! Where visitors come from.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

/// The first of them. A daemon of ours listens before it.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 0);

/// As many visitors come from addresses of their own; then it begins anew. From one address a system has about 28,000 ports
/// towards one listener (`net.ipv4.ip_local_port_range`), each of which rests for a minute when its connection is closed.
const MOST: u64 = 1 << 20;

/// The source addresses of visitors: on this machine each has its own, since all of 127.0.0.0/8 leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// One of 127.0.0.0/8 for each.
    Loopback,
    /// Whichever the system takes: the daemon is elsewhere.
    System,
}

impl Addresses {
    /// Those from which this listener is reached.
    pub fn towards(listener: SocketAddr) -> Self {
        match listener {
            SocketAddr::V4(listener) if listener.ip().is_loopback() => Self::Loopback,
            _ => Self::System,
        }
    }

    /// The address of the visitor with this number; none where it is the system's choice.
    pub fn of(self, number: u64) -> Option<Ipv4Addr> {
        let place = u32::try_from(number % MOST).unwrap_or_default();
        (self == Self::Loopback).then(|| Ipv4Addr::from(u32::from(FIRST) + place))
    }

    /// A connection of that visitor to `listener`, whose small messages leave at once.
    ///
    /// # Errors
    /// As connect(2).
    pub async fn connect(self, number: u64, listener: SocketAddr) -> io::Result<TcpStream> {
        let socket = if listener.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(address) = self.of(number) {
            socket.bind((address, 0).into())?;
        }
        let stream = socket.connect(listener).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visitor_has_an_address_of_loopback_for_a_long_time() {
        let addresses = Addresses::towards("127.0.0.1:80".parse().unwrap());
        let of = |number| addresses.of(number).unwrap();
        assert_eq!((of(0), of(1), of(300)), (FIRST, Ipv4Addr::new(127, 1, 0, 1), Ipv4Addr::new(127, 1, 1, 44)));
        assert!(of(MOST - 1).is_loopback());
        assert_eq!(of(MOST), FIRST);
    }

    #[test]
    fn towards_another_machine_the_system_chooses() {
        for listener in ["192.0.2.1:80", "[::1]:80"] {
            assert_eq!(Addresses::towards(listener.parse().unwrap()).of(7), None, "{listener}");
        }
    }

    #[tokio::test]
    async fn a_visitor_comes_from_its_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let _visitor = Addresses::towards(to).connect(5, to).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().1.ip(), Ipv4Addr::new(127, 1, 0, 5));
    }
}
