//! Id tokens (OpenID Connect Core §2), and what `sub` is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::actors::Redemption;
use crate::config::{Client, IdTokenAlgorithm};
use crate::domain::Confirmation;
use crate::jose::{Algorithm, SignError};
use crate::keys::sha256;

use super::super::site::Site;

/// What a website is told of a login, signed.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    /// Seconds since the Unix epoch, as all times here.
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    amr: &'static [&'static str],
    at_hash: String,
}

/// The id token of a login, which is `sub`'s; it lives as long as the access token.
pub(super) fn issue(site: &Site, client: &Client, redemption: &Redemption, sub: String) -> Result<String, SignError> {
    let grant = &redemption.grant;
    let claims = Claims {
        iss: site.config.server.public_url.as_str(),
        sub,
        aud: client.client_id.as_str(),
        exp: grant.expires_at.as_seconds(),
        iat: site.clock.now().as_seconds(),
        auth_time: grant.confirmed_at.as_seconds(),
        nonce: grant.created.request.nonce.as_deref(),
        amr: methods(grant.created.confirmation),
        at_hash: half_hash(&redemption.access_token),
    };
    site.id_token_keys.sign(algorithm(client), &claims)
}

/// How who scanned was authenticated (RFC 8176 §2): over a channel of its own, and by a gesture where one was asked for.
fn methods(confirmation: Confirmation) -> &'static [&'static str] {
    match confirmation {
        Confirmation::Auto => &["mca"],
        Confirmation::Tap | Confirmation::Number => &["mca", "user"],
    }
}

/// What ties an access token to the id token (OpenID Connect Core §3.1.3.6); all algorithms here hash by SHA-256.
fn half_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&sha256(access_token.as_bytes()).0[..16])
}

fn algorithm(client: &Client) -> Algorithm {
    match client.id_token_algorithm {
        IdTokenAlgorithm::Rs256 => Algorithm::Rs256,
        IdTokenAlgorithm::Es256 => Algorithm::Es256,
    }
}
