use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::fault::Complaint;
use super::raw::Node;
use super::section::nearest;
use crate::domain::IdError;

/// One of a few words that a key takes.
pub trait Choice: Copy + PartialEq + 'static {
    /// Every value, in the order in which people should read them.
    const ALL: &'static [Self];

    /// The word for it in the file.
    fn name(self) -> &'static str;
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $crate::config::Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    )+ };
}
pub(super) use choices;

pub(super) fn choice<T: Choice>(node: &Node) -> Result<T, Complaint> {
    let text = node.text()?;
    T::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
        let names: Vec<_> = T::ALL.iter().map(|value| format!("\"{}\"", value.name())).collect();
        let cure = match nearest(text, T::ALL.iter().map(|value| value.name())) {
            Some(near) => format!("write one of {}; the nearest is \"{near}\"", names.join(", ")),
            None => format!("write one of {}", names.join(", ")),
        };
        Complaint::new("is not among what this key takes", cure)
    })
}

const DURATION_FORM: &str = r#"write a number and its unit, ms, s, m, h or d: "60s", "5m", "180d""#;

/// Longest duration taken: 100 years, far from where arithmetic with moments would end.
const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `"60s"`, `"5m"`, `"180d"`, `"0s"`.
pub(super) fn duration(node: &Node) -> Result<Duration, Complaint> {
    let text = node
        .text()
        .map_err(|complaint| Complaint::new("is not a duration", format!("{}; {DURATION_FORM}", complaint.cure)))?;
    let bad = || Complaint::new("is not a duration", DURATION_FORM);
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (digits, unit) = text.split_at(unit_at);
    let number: u64 = digits.parse().map_err(|_| bad())?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(bad()),
    };
    let millis = number.checked_mul(millis_per_unit).map(Duration::from_millis);
    millis
        .filter(|duration| *duration <= DURATION_MAX)
        .ok_or_else(|| Complaint::new("is longer than 100 years", DURATION_FORM))
}

/// A duration between `min` and `max`; `form` names the bounds for people.
pub(super) fn duration_within(
    min: Duration,
    max: Duration,
    form: &'static str,
) -> impl Fn(&Node) -> Result<Duration, Complaint> {
    move |node| {
        let value = duration(node)?;
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(Complaint::new(format!("is not {form}"), format!("write a duration that is {form}")))
        }
    }
}

/// A duration that is not zero.
pub(super) fn positive_duration(node: &Node) -> Result<Duration, Complaint> {
    duration_within(Duration::from_millis(1), DURATION_MAX, "longer than zero")(node)
}

/// What [`positive_duration`] takes, or `"off"` for none.
pub(super) fn duration_or_off(node: &Node) -> Result<Option<Duration>, Complaint> {
    if node.text().is_ok_and(|text| text == "off") {
        return Ok(None);
    }
    let or_off = |complaint: Complaint| Complaint::new(complaint.reason, format!("{}; or \"off\"", complaint.cure));
    positive_duration(node).map(Some).map_err(or_off)
}

/// A whole number from `min` on.
pub(super) fn whole<T: TryFrom<i64>>(min: i64) -> impl Fn(&Node) -> Result<T, Complaint> {
    move |node| {
        let number = node.integer()?;
        let value = T::try_from(number).ok().filter(|_| number >= min);
        value.ok_or_else(|| {
            let reason = if number < min { format!("is less than {min}") } else { "is too large".to_owned() };
            Complaint::new(reason, format!("write a whole number, {min} or more"))
        })
    }
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node) -> Result<bool, Complaint> {
    node.boolean()
}

/// An IP address and a port.
pub(super) fn socket(node: &Node) -> Result<SocketAddr, Complaint> {
    node.text()?.parse().map_err(|_| {
        Complaint::new("is not an IP address with a port", r#"write it as "127.0.0.1:8080" or "[::1]:8080""#)
    })
}

/// A network, or a single address as the network that holds only it.
pub(super) fn network(node: &Node) -> Result<IpNet, Complaint> {
    let text = node.text()?;
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        Complaint::new("is neither an IP address nor a network", r#"write it as "10.0.0.7" or "10.0.0.0/8""#)
    })
}

/// A path; a relative one starts at `base_dir`.
pub(super) fn path(node: &Node, base_dir: &Path) -> Result<PathBuf, Complaint> {
    let text = node.text()?;
    if text.is_empty() || text.contains('\0') {
        return Err(Complaint::new(
            "is not a path",
            "name a file or folder; a relative path starts at this file's folder",
        ));
    }
    Ok(base_dir.join(text))
}

/// An identifier of the domain.
pub(super) fn id<T>(
    make: impl Fn(&str) -> Result<T, IdError>,
    form: &'static str,
) -> impl Fn(&Node) -> Result<T, Complaint> {
    move |node| make(node.text()?).map_err(|error| Complaint::new(error.to_string(), format!("write {form}")))
}

/// Text for people: neither empty nor longer than `max` characters, and without control characters.
pub(super) fn label(max: usize) -> impl Fn(&Node) -> Result<String, Complaint> {
    move |node| {
        let text = node.text()?;
        if text.trim().is_empty() || text.chars().count() > max || text.chars().any(char::is_control) {
            let reason = format!("is not a text of 1 to {max} visible characters");
            return Err(Complaint::new(reason, "write the name that people know"));
        }
        Ok(text.to_owned())
    }
}

/// The `Host` header of a request: a name or address, with or without a port.
pub(super) fn host(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']' | '_');
    if text.is_empty() || text.len() > 255 || !text.chars().all(plain) {
        return Err(Complaint::new(
            "is not a host",
            r#"write a name or address without scheme and path: "admin.example.com""#,
        ));
    }
    Ok(text.to_owned())
}

/// Longest secret taken, in bytes.
const SECRET_BYTES_MAX: usize = 512;

/// Any secret: there, on one line, and not absurdly long.
pub(super) fn secret(text: &str) -> Result<(), Complaint> {
    if text.trim().is_empty() {
        return Err(Complaint::new("is empty", "write the secret, or the path of a file that holds it"));
    }
    if text.contains(['\r', '\n']) {
        return Err(Complaint::new("holds more than one line", "check that the secret alone was written"));
    }
    if text.len() > SECRET_BYTES_MAX {
        let reason = format!("is longer than {SECRET_BYTES_MAX} bytes");
        return Err(Complaint::new(reason, "check that the secret alone was written"));
    }
    Ok(())
}

/// The token of the admin listener: as much as 128 random bits take in base64, since it may be guessed over the network.
pub(super) fn admin_token(text: &str) -> Result<(), Complaint> {
    let cure = "write what `openssl rand -base64 32` prints";
    if text.chars().count() < 22 {
        return Err(Complaint::new("is shorter than 22 characters", cure));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Complaint::new("holds what no header can carry", cure));
    }
    secret(text)
}

/// The token of an account's callback.
pub(super) fn callback_token(text: &str) -> Result<(), Complaint> {
    if (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Complaint::new("is not 3 to 32 letters and digits", "copy 令牌(Token) from the console's server configuration"))
}

/// The 43 characters that stand for a callback's AES key.
pub(super) fn aes_key(text: &str) -> Result<(), Complaint> {
    if text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let reason = format!("is not 43 letters and digits: it has {} characters", text.chars().count());
    Err(Complaint::new(reason, "copy 消息加解密密钥(EncodingAESKey) from the console's server configuration"))
}

/// The secret that webhooks are signed with.
pub(super) fn webhook_secret(text: &str) -> Result<(), Complaint> {
    let cure = "write whsec_ and then what `openssl rand -base64 32` prints";
    let encoded = text.strip_prefix("whsec_").ok_or_else(|| Complaint::new("does not begin with whsec_", cure))?;
    match STANDARD.decode(encoded) {
        // Standard Webhooks asks for 24 to 64 bytes.
        Ok(bytes) if (24..=64).contains(&bytes.len()) => secret(text),
        Ok(_) => Err(Complaint::new("is not 24 to 64 bytes long behind whsec_", cure)),
        Err(_) => Err(Complaint::new("is not base64 behind whsec_", cure)),
    }
}
