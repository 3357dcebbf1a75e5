//! The signature that WeChat puts into the query of every call to our callback URL.
//!
//! It is the lower case hex SHA-1 of the parts, sorted by their bytes and joined without a separator. The parts are
//! token, timestamp and nonce (`signature`, in plain mode and for the verification of the server), and beside those the
//! base64 text of `Encrypt` (`msg_signature`, with encryption).
//!
//! Two things that it does not do, and its users must know: without `Encrypt` it says nothing about the body; and as the
//! parts are joined without a separator, timestamp and nonce can be cut differently under one signature. So whoever
//! judges the age of a push takes a timestamp of exactly ten digits only.
//!
//! Source: <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html> and
//! <https://developers.weixin.qq.com/doc/oplatform/developers/dev/push/encryption.html>.

use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// What WeChat would write into `signature` or `msg_signature` for these parts, given in any order.
pub fn sign(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let mut hash = Sha1::new();
    for part in sorted {
        hash.update(part.as_bytes());
    }
    HEXLOWER.encode(&hash.finalize())
}

/// Whether `given` is the signature of these parts; compared in constant time.
///
/// An account's token must not be empty: everybody could sign then. The configuration refuses it.
pub fn is_authentic(parts: &[&str], given: &str) -> bool {
    sign(parts).as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published with WeChat's own pages and with several client libraries; the last ones have two and four parts.
    const PUBLISHED: [(&[&str], &str); 9] = [
        (&["AAAAA", "1714036504", "1514711492"], "f464b24fc39322e44b38aa78f5edd27bd1441696"),
        (&["AAAAA", "1714037059", "486452656"], "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
        (&["weixin", "1357982061", "1358161344"], "335b26997f05c82243aad6b10a2d1853637e71a8"),
        (&["huhujm", "1359208540", "1359227084"], "efa917e2445cc9f0aa4386ca92f96de5a242e24e"),
        (&["weixin", "1414387151", "917222494"], "e3203b6433eb554dd2fcba78fa48cb948fcb4801"),
        (&["AAAAA", "1714112445", "415670741"], "6c5c811b55cc85e0e1b54100749188c20beb3f5d"),
        (&["spamtest", "1409735669", "1320562132"], "16120ec1b8dbb870f510d87ce6bc2463eae6ca1a"),
        (&["123", "345"], "9f537aeb751ec72605f57f94a2f6dc3e3958e1dd"),
        (&["RMNlACHlV5ThzfRlVS4D4", "timestamp", "nonce", "encrypt"], "8edac0945683c119ee71c9f6256d76c48aa08a96"),
    ];

    #[test]
    fn published_signatures_are_reproduced() {
        for (parts, expected) in PUBLISHED {
            assert_eq!(sign(parts), expected, "{parts:?}");
            assert!(is_authentic(parts, expected));
        }
    }

    #[test]
    fn the_order_of_the_parts_does_not_count() {
        let [token, timestamp, nonce] = ["AAAAA", "1714036504", "1514711492"];
        assert_eq!(sign(&[token, timestamp, nonce]), sign(&[nonce, token, timestamp]));
    }

    #[test]
    fn nothing_but_the_exact_signature_is_authentic() {
        let (parts, good) = PUBLISHED[0];
        assert!(!is_authentic(parts, ""));
        assert!(!is_authentic(parts, &good[..39]));
        assert!(!is_authentic(parts, &format!("{good}0")));
        assert!(!is_authentic(parts, &good.to_uppercase()));
        assert!(!is_authentic(parts, PUBLISHED[1].1));
        assert!(!is_authentic(&["AAAAB", "1714036504", "1514711492"], good));
    }
}
