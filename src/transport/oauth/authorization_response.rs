use url::Url;

use crate::domain::LoginRequest;

/// The authorization response for a login's redirect URI (RFC 6749 §4.1.2), with `iss` of RFC 9207; `None` where there is
/// no such URI.
pub(in crate::transport) fn redirect_to(request: &LoginRequest, outcome: (&str, &str), issuer: &str) -> Option<String> {
    respond(request.redirect_uri.as_ref()?, &[outcome], request.state.as_deref(), issuer)
}

/// A response with these parameters.
pub(super) fn respond(
    redirect_uri: &str,
    parameters: &[(&str, &str)],
    state: Option<&str>,
    issuer: &str,
) -> Option<String> {
    let mut url = Url::parse(redirect_uri).ok()?;
    url.query_pairs_mut()
        .extend_pairs(parameters)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", issuer);
    Some(url.into())
}
