use http::{HeaderMap, header};

/// The values of the cookies of this name that a browser sends, in its order.
pub(super) fn named<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    all(headers).filter_map(move |(known, value)| (known == name).then_some(value))
}

/// The names and values of the cookies that a browser sends, of one path the oldest first (RFC 6265 §5.4).
pub(super) fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}
