// The addresses of `core`, which has no sockets.
use core::net::{IpAddr, Ipv6Addr};
use std::fmt;

use super::{AccountName, OpenId, PersonHandle, UnionId};

/// Who scanned, as far as it is still known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// Nobody has asked to be forgotten.
    Known {
        /// Who it is.
        openid: OpenId,
        /// Who it is for all accounts of the owner, where that was learnt in time.
        unionid: Option<UnionId>,
        /// By what the journal names them; `None` before it does, and in records from before it did.
        handle: Option<PersonHandle>,
    },
    /// The key is destroyed. The journal still tells that several scans were by the same person.
    Forgotten(PersonHandle),
}

impl Person {
    /// Somebody of whom WeChat has told.
    pub fn known(openid: OpenId) -> Self {
        Self::of(openid, None)
    }

    /// Somebody of whom WeChat has told, perhaps also who they are for its owner's other accounts.
    pub fn of(openid: OpenId, unionid: Option<UnionId>) -> Self {
        Self::Known { openid, unionid, handle: None }
    }

    /// Who it is, where that is still known.
    pub fn openid(&self) -> Option<&OpenId> {
        match self {
            Self::Known { openid, .. } => Some(openid),
            Self::Forgotten(_) => None,
        }
    }

    /// Who it is for all accounts of the owner, where that is known.
    pub fn unionid(&self) -> Option<&UnionId> {
        match self {
            Self::Known { unionid, .. } => unionid.as_ref(),
            Self::Forgotten(_) => None,
        }
    }

    /// By what the journal names them.
    pub fn handle(&self) -> Option<PersonHandle> {
        match self {
            Self::Known { handle, .. } => *handle,
            Self::Forgotten(handle) => Some(*handle),
        }
    }
}

/// What is known of the browser for which a session was created: personal data, so it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Visitor {
    /// As it came.
    Known {
        /// The network address, as text.
        address: Box<str>,
        /// What the browser says that it is; cut where it is long.
        user_agent: Option<Box<str>>,
    },
    /// The key is destroyed.
    Forgotten,
}

impl Visitor {
    /// The most bytes that are kept of what a browser says of itself.
    pub const MAX_USER_AGENT: usize = 256;
    /// The most bytes of an address.
    pub const MAX_ADDRESS: usize = 64;

    /// A visitor, both texts cut where they are too long.
    pub fn new(address: &str, user_agent: Option<&str>) -> Self {
        Self::Known {
            address: cut(address, Self::MAX_ADDRESS).into(),
            user_agent: user_agent.map(|text| cut(text, Self::MAX_USER_AGENT).into()),
        }
    }

    /// The network that counts as one visitor, where it is known: see [`network_of`].
    pub fn network(&self) -> Option<IpAddr> {
        match self {
            Self::Known { address, .. } => address.parse().ok().map(network_of),
            Self::Forgotten => None,
        }
    }
}

/// The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, of which one subscriber has all.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(…)")
    }
}

fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    &text[..end]
}

/// What identified a person was destroyed. It happens to no session, but to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The account that knew the person.
    pub account: AccountName,
    /// Who: what else there is of them bears the same handle.
    pub person: PersonHandle,
}
