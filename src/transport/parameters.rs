use std::borrow::Cow;

use memchr::{memchr, memchr2};
use percent_encoding::percent_decode;

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query or a form, in `application/x-www-form-urlencoded`: each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters<'a>(Vec<Pair<'a>>);

/// A parameter is there twice: which one counts is a matter of taste, so none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl<'a> Parameters<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Twice> {
        let (parameters, has_repeated) = Self::unrepeated(text);
        if has_repeated { Err(Twice) } else { Ok(parameters) }
    }

    /// The parameters that are there once, and whether others are there more often.
    pub(super) fn unrepeated(text: &'a [u8]) -> (Self, bool) {
        let mut parameters: Vec<_> = pairs(text).collect();
        let repeated = repeated(&parameters);
        if !repeated.is_empty() {
            parameters.retain(|(name, _)| repeated.binary_search(name).is_err());
        }
        (Self(parameters), !repeated.is_empty())
    }

    /// The same, without what they were read from.
    pub(super) fn into_owned(self) -> Parameters<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Parameters(self.0.into_iter().map(|(name, value)| (owned(name), owned(value))).collect())
    }

    /// With `value` where nothing is given for `name`.
    pub(super) fn or(mut self, name: &'a str, value: &'a str) -> Self {
        if self.given(name).is_none() {
            self.0.retain(|(known, _)| known != name);
            self.0.push((name.into(), value.into()));
        }
        self
    }

    /// All of them, as they are written in a query or a form.
    pub(super) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The value of `name`, as it came.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// The value of `name`, where it is not empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// Names and values in their order (URL Standard §5.1).
fn pairs(text: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_at(memchr(b'=', pair).unwrap_or(pair.len()));
        (decoded(name), decoded(value.get(1..).unwrap_or_default()))
    })
}

/// A name or a value as it is meant. Most have nothing encoded in them, and one look tells.
pub(super) fn decoded(text: &[u8]) -> Cow<'_, str> {
    if memchr2(b'%', b'+', text).is_none() {
        return String::from_utf8_lossy(text);
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).decode_utf8_lossy().into_owned())
}

/// The names that are there more often than once, in their order: thousands fit into a body, and without an order each
/// would be compared with each.
fn repeated<'a>(parameters: &[Pair<'a>]) -> Vec<Cow<'a, str>> {
    let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]);
    twice.map(|pair| pair[0].clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_what_the_standards_parser_reads(text in r"([a-b]|[=&+%]|%[0-9A-F]{2}|é){0,30}", cut in 0..60_usize) {
            // Cut anywhere, so that it need not be UTF-8.
            let text = &text.as_bytes()[..cut.min(text.len())];
            let expected: Vec<_> = form_urlencoded::parse(text).collect();
            prop_assert_eq!(pairs(text).collect::<Vec<_>>(), expected);
        }
    }

    fn unrepeated(text: &str) -> (String, bool) {
        let (parameters, has_repeated) = Parameters::unrepeated(text.as_bytes());
        (parameters.encoded(), has_repeated)
    }

    #[test]
    fn what_is_there_once_stays_in_its_order() {
        assert_eq!(unrepeated("z=1&a=%26+%2B&m="), ("z=1&a=%26+%2B&m=".to_owned(), false));
        assert_eq!(unrepeated("z=1&b=2&z=1&a=3&b=4&%7A=5"), ("a=3".to_owned(), true));
        assert_eq!(unrepeated(""), (String::new(), false));
    }

    #[test]
    fn of_thousands_those_that_are_there_twice_are_left_out() {
        let names: Vec<String> = (0..4_000).map(|number| format!("{number}=")).collect();
        let once = names.join("&");
        assert!(Parameters::parse(once.as_bytes()).is_ok());
        assert_eq!(unrepeated(&format!("{once}&{once}&x=1")), ("x=1".to_owned(), true));
    }
}
