use crate::domain::DenyReason;

/// In words that need no manual.
pub(super) const fn why_denied(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::User => "declined on the phone",
        DenyReason::NotMe => "“this wasn't me”",
        DenyReason::Number => "wrong number picked",
        DenyReason::Snapshot => "no real WeChat user",
        DenyReason::WrongAccount => "confirmed by somebody else",
        DenyReason::Browser => "given up in the browser",
        DenyReason::Admin => "ended by the operator",
    }
}

/// The ends of sessions that expired, by how far they had come.
pub(super) const EXPIRED: [&str; 3] =
    ["Expired: never scanned", "Expired: scanned, not confirmed", "Expired: confirmed, not redeemed"];
