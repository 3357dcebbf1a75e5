use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use secrecy::ExposeSecret;

use crate::config::{Client, Config};
use crate::domain::ClientId;
use crate::keys::{same_secret, sha256};

use super::super::client_address::ClientAddress;
use super::super::parameters::{Parameters, decoded};
use super::super::site::Site;
use super::error::OAuthError;

/// The client whose credentials the request bears, in the header (`client_secret_basic`) or in the form
/// (`client_secret_post`), not in both (RFC 6749 §2.3). Where they were wrong too often, they are not looked at (§2.3.1).
pub(in crate::transport) fn authenticate<'a>(
    site: &'a Site,
    address: ClientAddress,
    headers: &HeaderMap,
    form: &Parameters<'_>,
) -> Result<&'a Client, OAuthError> {
    site.limits.may_authenticate(address).map_err(OAuthError::TooManyFailures)?;
    let client = judge(&site.config, headers, form);
    if client.as_ref().is_err_and(|error| *error == OAuthError::InvalidClient) {
        site.limits.authentication_failed(address);
    }
    client
}

fn judge<'a>(config: &'a Config, headers: &HeaderMap, form: &Parameters<'_>) -> Result<&'a Client, OAuthError> {
    let in_form = form.given("client_secret");
    let (id, secret) = match (headers.get(header::AUTHORIZATION), in_form) {
        (Some(_), Some(_)) => {
            return Err(OAuthError::InvalidRequest("the client's credentials are in the header and in the form"));
        }
        (Some(basic), None) => {
            let (id, secret) = basic.to_str().ok().and_then(read_basic).ok_or(OAuthError::InvalidClient)?;
            if form.given("client_id").is_some_and(|other| other != id) {
                return Err(OAuthError::InvalidRequest("client_id is another than in the header"));
            }
            (id, secret)
        }
        (None, Some(secret)) => {
            let id = form.given("client_id").ok_or(OAuthError::InvalidClient)?;
            (id.to_owned(), secret.to_owned())
        }
        (None, None) => return Err(OAuthError::InvalidClient),
    };
    let client = ClientId::new(id).ok().and_then(|id| config.client(&id)).ok_or(OAuthError::InvalidClient)?;
    let given = sha256(secret.as_bytes());
    let mut known = std::iter::once(&client.client_secret).chain(&client.previous_client_secret);
    let is_right = known.any(|known| same_secret(&sha256(known.expose_secret().as_bytes()).0, &given.0));
    if is_right { Ok(client) } else { Err(OAuthError::InvalidClient) }
}

/// `Basic`, with both halves form-urlencoded inside (RFC 6749 §2.3.1).
fn read_basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| decoded(text.as_bytes()).into_owned();
    Some((decoded(id), decoded(secret)))
}
