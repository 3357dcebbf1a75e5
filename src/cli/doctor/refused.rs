//! What WeChat, or who gives out its tokens, did not do, as a finding: each cause has its own cure.

use url::Url;

use super::finding::Finding;
use crate::config::{Account, TokenSource};
use crate::transport::wechat::api::{Absence, ApiError};

/// A call that came to nothing.
pub(super) fn refused(subject: String, error: &ApiError) -> Finding {
    match error {
        ApiError::Refused { code, message, cure } => {
            Finding::fail(subject, format!("WeChat refuses ({code}): {message}"), cure.clone())
        }
        ApiError::Away { cause, .. } => Finding::fail(subject, error.to_string(), cure_of_absence(cause)),
        // Only messages end so, and none is sent here.
        ApiError::NotTold { .. } => Finding::fail(subject, error.to_string(), "ask again"),
    }
}

/// No access token came: from WeChat, or from the account's token server.
pub(super) fn no_token(subject: String, account: &Account, error: &ApiError) -> Finding {
    let TokenSource::Server(url) = &account.token_source else { return refused(subject, error) };
    let what = match error {
        ApiError::Refused { code, message, .. } => format!("the token server refuses ({code}): {message}"),
        ApiError::Away { cause, .. } => format!("the token server gives none: {cause}"),
        ApiError::NotTold { .. } => error.to_string(),
    };
    Finding::fail(subject, what, cure_of_token_server(url))
}

fn cure_of_absence(cause: &Absence) -> &'static str {
    match cause {
        Absence::Busy => "WeChat is overloaded and says so itself: ask again in a minute",
        Absence::TooFast => {
            "wait for the next minute; where it comes back, look for what else calls WeChat with this app id"
        }
        Absence::Slow | Absence::Unreachable(_) | Absence::NotAsked | Absence::Status(_) | Absence::Garbage(_) => {
            "see that this machine reaches api_base: its DNS, its firewall, and the account's proxy"
        }
    }
}

/// The rest of its URL may hold a key.
fn cure_of_token_server(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    format!(
        "see that the token server at {origin} runs, that this machine reaches it (no proxy leads there), and that it \
         answers {{\"access_token\": \"…\", \"expires_in\": 7200}} to the URL in token_source"
    )
}
