//! From when until when a certificate counts, read off its DER (RFC 5280 §4.1.2.5). Nothing else of it is looked at: rustls
//! judges it.

use crate::domain::Timestamp;

/// Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// DER tags (X.690 §8).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, `[0]`, which certificates of version 1 leave out.
const VERSION: u8 = 0xa0;

/// `None` where it cannot be read.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if let Some((_, behind)) = element(rest, VERSION) {
        rest = behind;
    }
    let (_serial, rest) = element(rest, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (from, rest) = time(validity)?;
    let (until, _) = time(rest)?;
    Some(Validity { from, until })
}

/// The content of the first element, where it has this tag, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (digits, rest, is_short) = match (element(bytes, UTC_TIME), element(bytes, GENERALIZED_TIME)) {
        (Some((digits, rest)), _) => (digits, rest, true),
        (None, Some((digits, rest))) => (digits, rest, false),
        (None, None) => return None,
    };
    let mut text = std::str::from_utf8(digits).ok()?.strip_suffix('Z')?.to_owned();
    if is_short {
        // Years from 50 on are of the century before (RFC 5280 §4.1.2.5.1).
        text.insert_str(0, if *text.as_bytes().first()? >= b'5' { "19" } else { "20" });
    }
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some((Timestamp::from_micros(time.as_microsecond()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    #[test]
    fn both_forms_of_time_are_read_off_a_certificate() {
        for (from, until) in [(1975, 2049), (2026, 2050), (2000, 3000)] {
            let mut parameters = rcgen::CertificateParams::new(vec!["login.example.com".into()]).unwrap();
            parameters.not_before = rcgen::date_time_ymd(from, 1, 2);
            parameters.not_after = rcgen::date_time_ymd(until, 3, 4);
            let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let validity = validity(certificate.der()).unwrap();
            assert_eq!(validity.from.as_seconds(), seconds(&format!("{from}-01-02T00:00:00Z")));
            assert_eq!(validity.until.as_seconds(), seconds(&format!("{until}-03-04T00:00:00Z")));
        }
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_none() {
        let key = rcgen::KeyPair::generate().unwrap();
        let whole = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        let whole: &[u8] = whole.der();
        for length in 0..whole.len() {
            assert_eq!(validity(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(validity(b"-----BEGIN CERTIFICATE-----"), None);
        assert_eq!(validity(&[0x30, 0xff, 1, 1, 1, 1]), None);
    }
}
