//! The request that a website sends a browser with (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{Client, Config};
use crate::domain::{ClientId, LoginRequest, Purpose};

use super::super::login_request::{self, Asked, Invalid};
use super::super::parameters::Parameters;
use super::authorization_response::respond;

/// The longest `max_age` that is a number to us, in digits.
const MAX_AGE_DIGITS: usize = 10;

/// A request that can be answered with a login.
pub(in crate::transport) struct AuthorizationRequest<'a> {
    pub(in crate::transport) client: &'a Client,
    pub(in crate::transport) login: LoginRequest,
}

impl AuthorizationRequest<'_> {
    /// The request as a form, without what counts for nothing.
    pub(in crate::transport) fn encoded(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", self.client.client_id.as_str());
        let login = &self.login;
        let challenge = login.code_challenge.map(|digest| URL_SAFE_NO_PAD.encode(digest.0));
        for (name, value) in [
            ("redirect_uri", login.redirect_uri.as_deref()),
            ("scope", Some(login.scope.as_str())),
            ("state", login.state.as_deref()),
            ("nonce", login.nonce.as_deref()),
            ("code_challenge", challenge.as_deref()),
            ("code_challenge_method", challenge.as_ref().map(|_| "S256")),
            ("ui_locales", login.ui_locales.as_deref()),
            ("purpose", (login.purpose != Purpose::Login).then(|| login.purpose.name())),
        ] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        form.finish()
    }
}

/// Why there is no login.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::transport) enum NotAuthorized {
    /// Whom to answer is not known, so nobody is sent anywhere (RFC 6749 §4.1.2.1): a sentence for the page.
    Here(&'static str),
    /// The browser goes back to the website with the error.
    Back(String),
}

/// Reads a request, of which others are there more than once where `has_repeated`. What is asked for beyond a login by scanning is refused by the error that the standard names.
pub(in crate::transport) fn read<'a>(
    config: &'a Config,
    parameters: &Parameters<'_>,
    has_repeated: bool,
) -> Result<AuthorizationRequest<'a>, NotAuthorized> {
    let given = |name: &str| parameters.given(name);
    let client = given("client_id").and_then(|id| config.client(&ClientId::new(id).ok()?));
    let client = client.ok_or(NotAuthorized::Here("there is no client with this client_id"))?;
    let redirect_uri = given("redirect_uri").ok_or(NotAuthorized::Here("redirect_uri is missing"))?;
    if !client.redirect_uris.iter().any(|known| known == redirect_uri) {
        let detail = "redirect_uri is not one of the client's, compared as exact strings";
        return Err(NotAuthorized::Here(detail));
    }
    let back = |invalid: Invalid| {
        let parameters = [("error", invalid.error), ("error_description", invalid.detail)];
        let url = respond(redirect_uri, &parameters, given("state"), config.server.public_url.as_str());
        url.map_or(NotAuthorized::Here(invalid.detail), NotAuthorized::Back)
    };
    if has_repeated {
        return Err(back(Invalid::request("a parameter is there twice")));
    }
    refuse_what_is_not_built(parameters).map_err(back)?;
    let asked = Asked {
        redirect_uri: Some(redirect_uri),
        redirects: true,
        scope: given("scope"),
        state: given("state"),
        nonce: given("nonce"),
        code_challenge: given("code_challenge"),
        code_challenge_method: given("code_challenge_method"),
        ui_locales: given("ui_locales"),
        purpose: given("purpose"),
    };
    let login = login_request::check(client, asked).map_err(back)?;
    Ok(AuthorizationRequest { client, login })
}

fn refuse_what_is_not_built(parameters: &Parameters<'_>) -> Result<(), Invalid> {
    let refuse = |error, detail| Err(Invalid::new(error, detail));
    let given = |name: &str| parameters.given(name);
    match given("response_type") {
        Some("code") => {}
        None => return Err(Invalid::request("response_type is missing")),
        Some(_) => return refuse("unsupported_response_type", "response_type must be code"),
    }
    if given("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Invalid::request("response_mode must be query"));
    }
    if given("request").is_some() {
        return refuse("request_not_supported", "no request objects are taken");
    }
    if given("request_uri").is_some() {
        return refuse("request_uri_not_supported", "no request objects are taken");
    }
    if given("registration").is_some() {
        return refuse("registration_not_supported", "clients are registered by the operator");
    }
    // Nobody is logged in here before a scan, so every login is fresh: whatever `max_age` and the other prompts ask for.
    let is_number = |age: &str| (1..=MAX_AGE_DIGITS).contains(&age.len()) && age.bytes().all(|b| b.is_ascii_digit());
    if given("max_age").is_some_and(|age| !is_number(age)) {
        return Err(Invalid::request("max_age is not a number of seconds"));
    }
    let prompts: Vec<&str> = given("prompt").unwrap_or_default().split(' ').filter(|name| !name.is_empty()).collect();
    match prompts.as_slice() {
        ["none"] => refuse("login_required", "nobody logs in without scanning"),
        prompts if prompts.contains(&"none") => Err(Invalid::request("prompt is none and something else")),
        prompts if prompts.iter().all(|name| ["login", "consent", "select_account"].contains(name)) => Ok(()),
        _ => Err(Invalid::request("prompt is one of none, login, consent and select_account")),
    }
}
