//! What the browser and WeChat carry of a visit, so that nothing is remembered here.
//!
//! The browser keeps a secret of one page (the cookie `sl_visit`), the same for all its trips from there: who opens a link twice
//! breaks no trip. WeChat carries `state`: which trip it is, until when its answer counts, and a MAC over these, the secret and the
//! page.

use std::time::Duration;

use data_encoding::HEXLOWER;
use http::HeaderMap;

use super::super::cookies;
use super::super::site::Site;
use super::visit::{Page, mac, set_cookie};
use crate::clock::random_bytes;
use crate::domain::Timestamp;
use crate::keys::same_secret;

const COOKIE: &str = "sl_visit";

/// WeChat's codes live for 5 minutes.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Bytes of a secret.
const SECRET: usize = 16;

/// Hexadecimal digits of an end, in microseconds.
const END: usize = 16;

/// Which trip to WeChat it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    First,
    /// The code of the first one had been used when it was brought: the page was reloaded, or asked for twice.
    Again,
}

impl Trip {
    fn digit(self) -> &'static str {
        match self {
            Self::First => "1",
            Self::Again => "2",
        }
    }

    fn read(digit: &str) -> Option<Self> {
        [Self::First, Self::Again].into_iter().find(|trip| trip.digit() == digit)
    }
}

/// What a browser keeps for one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// What a browser brings, of which it may have been given some by others.
    fn held(headers: &HeaderMap) -> impl Iterator<Item = Self> {
        let is_one = |text: &&str| text.len() == 2 * SECRET && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        cookies::named(headers, COOKIE).filter(is_one).map(|text| Self(text.to_owned()))
    }

    /// The browser's own, or a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self::held(headers).next().unwrap_or_else(|| Self(HEXLOWER.encode(&random_bytes::<SECRET>())))
    }

    /// Keeps it in the browser for another trip.
    pub(super) fn cookie(&self, site: &Site, page: &Page<'_>) -> String {
        set_cookie(site, &page.path, COOKIE, &self.0, LIFETIME)
    }

    /// Letters and digits, at most 128, as WeChat asks for.
    pub(super) fn state(&self, site: &Site, page: &Page<'_>, trip: Trip) -> String {
        let end = site.clock.now().after(LIFETIME);
        format!("{}{:0END$x}{}", trip.digit(), end.as_micros(), self.mac(site, page, trip, end))
    }

    fn mac(&self, site: &Site, page: &Page<'_>, trip: Trip, end: Timestamp) -> String {
        mac(site, "phone-visit", &format!("{} {} {} {}", trip.digit(), end.as_micros(), self.0, page.path))
    }

    /// For counting.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ends the visit in the browser: what it came back with is used.
pub(super) fn end(site: &Site, page: &Page<'_>) -> String {
    set_cookie(site, &page.path, COOKIE, "", Duration::ZERO)
}

/// The trip that this browser comes back from, where it was sent on it from this page and its answer still counts.
pub(super) fn back(site: &Site, page: &Page<'_>, headers: &HeaderMap, state: &str) -> Option<(Secret, Trip)> {
    let (trip, end, told) = read(state, site.clock.now())?;
    let is_own = |secret: &Secret| same_secret(secret.mac(site, page, trip, end).as_bytes(), told.as_bytes());
    Secret::held(headers).find(is_own).map(|secret| (secret, trip))
}

/// The trip of a state that has not ended at `now`, its end, and its MAC.
fn read(state: &str, now: Timestamp) -> Option<(Trip, Timestamp, &str)> {
    let (digit, rest) = state.split_at_checked(1)?;
    let (end, mac) = rest.split_at_checked(END)?;
    let end = Timestamp::from_micros(i64::from_str_radix(end, 16).ok()?);
    Some((Trip::read(digit)?, end, mac)).filter(|_| now < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_ends_with_its_time_whatever_the_browser_keeps() {
        let now = Timestamp::from_micros(1_767_323_045_000_000);
        let state = |micros: i64| format!("1{:016x}00ff", now.as_micros() + micros);
        let lasting = state(1);
        assert_eq!(read(&lasting, now), Some((Trip::First, now.after(Duration::from_micros(1)), "00ff")));
        assert_eq!(read(&state(0), now), None);
        for nothing in ["", "1", "00ff", "1x", &lasting.replacen('1', "3", 1), &lasting.replacen("00", "ä", 1)] {
            assert_eq!(read(nothing, now), None, "{nothing}");
        }
    }

    #[test]
    fn only_what_may_be_a_secret_of_ours_is_taken_for_one_and_each_is_tried() {
        let (one, other) = ("0".repeat(32), "f".repeat(32));
        let cookies = format!("sl_visit=planted; sl_visit={one}; other=1; sl_visit={one}0; sl_visit={other}");
        let headers = HeaderMap::from_iter([(http::header::COOKIE, cookies.parse().unwrap())]);
        assert_eq!(Secret::held(&headers).collect::<Vec<_>>(), [Secret(one.clone()), Secret(other)]);
        assert_eq!(Secret::of(&headers), Secret(one));
    }
}
