//! The name of a page's function, as `htmlfile` and `jsonp` get it in the query. Pure.

use percent_encoding::percent_decode_str;

/// The longest name taken. Clients make names of a dozen characters.
const MAX_LENGTH: usize = 32;

/// Why there is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallbackError {
    /// None was given.
    #[error("\"callback\" parameter required")]
    Missing,
    /// What was given might be more than a name, so it must not come into a script.
    #[error("invalid \"callback\" parameter")]
    Invalid,
}

/// The name that the query gives as `c` or, where there is none, as `callback`.
pub(super) fn callback(query: Option<&str>) -> Result<String, CallbackError> {
    let parameter = |wanted: &str| {
        let mut pairs = query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    let value = parameter("c").or_else(|| parameter("callback")).filter(|value| !value.is_empty());
    let name: Vec<u8> = percent_decode_str(value.ok_or(CallbackError::Missing)?).collect();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > MAX_LENGTH || !name.iter().all(is_plain) {
        return Err(CallbackError::Invalid);
    }
    String::from_utf8(name).map_err(|_| CallbackError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_three_signs() {
        for (query, name) in
            [("c=%63allback", "callback"), ("t=1&c=_jp.a0-Z", "_jp.a0-Z"), ("callback=x", "x"), ("callback=x&c=y", "y")]
        {
            assert_eq!(callback(Some(query)).unwrap(), name, "{query}");
        }
        for query in [None, Some(""), Some("c"), Some("c="), Some("d=x"), Some("C=x")] {
            assert_eq!(callback(query), Err(CallbackError::Missing), "{query:?}");
        }
        for value in ["%20", "*", "abc(", "abc%28", "alert(1)//", "%3Cscript%3E", "%ff", "%", "a+b", "é"] {
            assert_eq!(callback(Some(&format!("c={value}"))), Err(CallbackError::Invalid), "{value}");
        }
        assert!(callback(Some(&format!("c={}", "x".repeat(32)))).is_ok());
        assert_eq!(callback(Some(&format!("c={}", "x".repeat(33)))), Err(CallbackError::Invalid));
    }
}
