//! Why WeChat did not do what was asked, by what the caller does next, and for each refusal the cure.

use std::net::IpAddr;
use std::time::Duration;

/// Why a call to WeChat came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// WeChat cannot be had just now: go on without it, and try again later.
    #[error("WeChat is away: {cause}")]
    Away {
        /// How long to wait at least before trying again.
        retry_after: Duration,
        /// What was seen of it.
        cause: Absence,
    },
    /// WeChat said no and will go on saying no until somebody acts: tell the operator, and try again only rarely.
    #[error("WeChat refuses ({code}): {message}. {cure}")]
    Refused {
        /// WeChat's `errcode`.
        code: i64,
        /// WeChat's own words, shortened, with `rid` where it sent one.
        message: String,
        /// What the operator does about it: a sentence or two.
        cure: String,
    },
    /// One person cannot be told something now, whoever else can: go on without it.
    #[error("WeChat does not take a message to this person ({code})")]
    NotTold {
        /// WeChat's `errcode`.
        code: i64,
    },
}

/// In which way WeChat was away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Absence {
    /// No complete answer came within the deadline.
    #[error("no answer in time")]
    Slow,
    /// No connection, or one that broke.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// It says itself that it is busy (`-1`).
    #[error("busy")]
    Busy,
    /// It did not answer lately, and is asked again only after a while.
    #[error("no answer lately")]
    NotAsked,
    /// Too many calls within this minute (`45011`).
    #[error("too many calls within a minute")]
    TooFast,
    /// An HTTP status that WeChat itself never sends: somebody in between answered.
    #[error("HTTP status {0}")]
    Status(u16),
    /// An answer that is none.
    #[error("an answer that makes no sense: {0}")]
    Garbage(&'static str),
}

impl From<Absence> for ApiError {
    fn from(cause: Absence) -> Self {
        let seconds = match cause {
            Absence::Busy | Absence::NotAsked => 1,
            Absence::Slow | Absence::Unreachable(_) | Absence::Status(_) => 5,
            Absence::Garbage(_) => 30,
            Absence::TooFast => 60,
        };
        Self::Away { retry_after: Duration::from_secs(seconds), cause }
    }
}

/// What one HTTP call brought instead of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// WeChat's `errcode` and `errmsg`.
    Code {
        code: i64,
        message: String,
    },
    Away(Absence),
}

/// Whether an answer says that the access token is invalid, of no account, or expired: a new one may help.
pub(super) fn means_stale_token(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { code: 40001 | 40014 | 42001, .. })
}

impl Fault {
    /// `call` is what was asked for: the cure depends on it.
    pub(super) fn explain<'a>(self, call: &str, secrets: impl Iterator<Item = &'a str>) -> ApiError {
        match self {
            Self::Away(cause) => cause.into(),
            Self::Code { code: -1, .. } => Absence::Busy.into(),
            Self::Code { code: 45011, .. } => Absence::TooFast.into(),
            Self::Code { code, message } => {
                let message = presentable(message, secrets);
                ApiError::Refused { code, cure: cure(call, code, &message), message }
            }
        }
    }
}

/// One line of bounded length, and none of our secrets in it: it goes into logs and onto the dashboard.
fn presentable<'a>(message: String, secrets: impl Iterator<Item = &'a str>) -> String {
    let clean = secrets.filter(|secret| !secret.is_empty()).fold(message, |text, secret| text.replace(secret, "…"));
    clean.chars().map(|character| if character.is_control() { ' ' } else { character }).take(300).collect()
}

fn cure(call: &str, code: i64, message: &str) -> String {
    let text = match code {
        40164 | 89501 | 89503 | 89506 | 89507 => return cure_of_address(code, message),
        40001 | 40014 | 42001 => {
            "WeChat rejects the credentials: check that app_id and app_secret are of one account, that api_base leads to \
             it, and that app_secret was not reset since."
        }
        40013 => "Correct app_id: the account's console shows it beside the secret (设置与开发 > 基本配置).",
        40125 | 41004 => "Correct app_secret; if it was lost, reset it in the account's console.",
        40243 => "The app secret is frozen: unfreeze it in the account's console (设置与开发 > 基本配置).",
        48001 => return cure_of_permission(call).to_owned(),
        48004 => "WeChat has banned this interface for the account: see the notices in its console.",
        50001 | 50002 => "The account is restricted: see the notices in its console.",
        45009 => {
            "The daily quota of this call is used up: wait for the next day, or reset it with clear_quota (ten times a month), and \
             look for another system that uses the same app id."
        }
        46003 => "The account has no menu yet: make one, here or in the console.",
        45029 => "The account has as many permanent QR codes as it may have.",
        40052 | 40053 | 41001 | 43002 | 47001 => "This is a fault of this program: please report it with the message.",
        _ => "Look the code up among WeChat's global return codes (全局返回码).",
    };
    text.to_owned()
}

/// Which kind of account may make a call.
fn cure_of_permission(call: &str) -> &'static str {
    match call {
        "qrcode/create" => {
            "The account may not use this interface. QR codes with a scene take a verified service account (认证服务号); a \
             subscription account cannot make them."
        }
        "message/custom/send" => {
            "The account may not send messages of its own (客服消息), which takes a verified account: people are told in \
             the replies to what they do, and in the browser."
        }
        "menu/create" | "menu/get" | "get_current_selfmenu_info" => {
            "The account may not have its menu made or read by an interface (自定义菜单), which takes a verified account: use \
             the console."
        }
        _ => "The account may not use this interface: see 接口权限 in its console, and whether it is verified (认证).",
    }
}

/// WeChat names the address that it saw, which behind NAT no local command can tell.
fn cure_of_address(code: i64, message: &str) -> String {
    let address = address_in(message).map_or_else(|| "the address in the message".to_owned(), |ip| ip.to_string());
    match code {
        40164 => format!("Add {address} to the IP whitelist (IP白名单) in the account's console."),
        _ => format!("The account's administrator must confirm {address}, in the message that WeChat has sent them."),
    }
}

fn address_in(message: &str) -> Option<IpAddr> {
    let words = message.split(|character: char| !(character.is_ascii_hexdigit() || ".:".contains(character)));
    words.filter(|word| word.contains(['.', ':'])).find_map(|word| word.trim_end_matches(['.', ':']).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(code: i64, message: &str) -> ApiError {
        explain_of("qrcode/create", code, message)
    }

    fn explain_of(call: &str, code: i64, message: &str) -> ApiError {
        Fault::Code { code, message: message.into() }.explain(call, ["s3cret"].into_iter())
    }

    fn cure_of(code: i64, message: &str) -> String {
        match explain(code, message) {
            ApiError::Refused { cure, .. } => cure,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_refused_address_is_named_in_the_cure() {
        let message = "invalid ip 114.221.21.30 ipv6 ::ffff:114.221.21.30, not in whitelist rid: 66a1-0a1b-4e5f";
        assert!(cure_of(40164, message).contains("Add 114.221.21.30 to the IP whitelist"));
        assert!(cure_of(40164, "invalid ip 2001:db8::7, not in whitelist").contains("2001:db8::7"));
        assert!(cure_of(40164, "not in whitelist rid: 66a1").contains("the address in the message"));
        assert!(cure_of(89503, "ip 114.221.21.30 needs confirm").contains("confirm 114.221.21.30"));
    }

    #[test]
    fn every_refusal_has_a_cure_that_fits() {
        for (code, word) in [
            (40001, "app_secret"),
            (40013, "app_id"),
            (40125, "app_secret"),
            (40243, "frozen"),
            (48001, "service account"),
            (45009, "quota"),
            (40053, "report"),
            (99999, "全局返回码"),
        ] {
            assert!(cure_of(code, "no").contains(word), "{code}");
        }
    }

    #[test]
    fn the_cure_of_a_permission_is_about_the_call_that_was_refused() {
        for (call, word) in [
            ("qrcode/create", "QR codes"),
            ("message/custom/send", "客服消息"),
            ("menu/create", "自定义菜单"),
            ("callback/check", "接口权限"),
        ] {
            let ApiError::Refused { cure, .. } = explain_of(call, 48001, "api unauthorized") else { panic!("refused") };
            assert!(cure.contains(word), "{call}: {cure}");
            assert_eq!(cure.contains("QR codes"), call == "qrcode/create", "{call}: {cure}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_an_absence() {
        let seconds = |error: ApiError| match error {
            ApiError::Away { retry_after, .. } => retry_after.as_secs(),
            other => panic!("{other}"),
        };
        assert_eq!(seconds(explain(-1, "system error")), 1);
        assert_eq!(seconds(explain(45011, "api minute-quota reach limit")), 60);
        assert_eq!(seconds(Absence::Slow.into()), 5);
    }

    #[test]
    fn a_message_is_one_bounded_line_without_secrets() {
        let ApiError::Refused { message, .. } = explain(40125, &format!("bad\n s3cret {}", "x".repeat(900))) else {
            panic!("refused")
        };
        assert!(message.starts_with("bad  … xxx"), "{message}");
        assert_eq!(message.chars().count(), 300);
    }
}
