//! Who may see what.

use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Rate;
use crate::dashboard::Sight;
use crate::keys::same_secret;

use super::super::super::client_address::ClientAddress;
use super::super::super::limits::FailedAuthentications;
use super::super::super::problem::Problem;
use super::super::super::throttle::Throttle;

/// Wrong tokens that one address may try at once; after that one every twelve seconds.
const WRONG_TOKENS: Rate = Rate { count: NonZeroU32::new(5).unwrap(), per: Duration::from_secs(60) };

/// Looks at the token of a request.
pub(super) struct Gate {
    token: Option<SecretString>,
    failed: FailedAuthentications,
    throttle: Throttle,
}

impl Gate {
    /// One that knows this token; without one, nobody sees more than figures.
    pub(super) fn new(token: Option<SecretString>) -> Self {
        Self { token, failed: FailedAuthentications::new(WRONG_TOKENS), throttle: Throttle::default() }
    }

    /// What the request may see: figures where it has no `Authorization`, everything where that holds the token.
    ///
    /// # Errors
    /// 403 where another site's page asks; 401 where the token is wrong, or none is configured; 429 where wrong ones came too
    /// often from this address, after which not even the right one is looked at for a while.
    pub(super) fn sight(&self, headers: &HeaderMap, address: ClientAddress) -> Result<Sight, Problem> {
        if is_another_sites(headers) {
            let detail =
                "another site's page may not ask this; a proxy before this listener has to hand on Host as it came";
            return Err(Problem::new(StatusCode::FORBIDDEN, "other_origin", detail));
        }
        let Some(given) = headers.get(header::AUTHORIZATION) else { return Ok(Sight::Counters) };
        let Some(token) = &self.token else {
            let detail = "there is no [admin] token_file: without one, nobody sees more than figures";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token_file", detail));
        };
        let network = address.network();
        self.failed.allows(network).map_err(Problem::too_many_failures)?;
        let given = given.as_bytes();
        let scheme = given.get(..BEARER.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER));
        if scheme && same_secret(&given[BEARER.len()..], token.expose_secret().as_bytes()) {
            return Ok(Sight::All);
        }
        self.failed.count(network);
        if self.throttle.lets_through() {
            tracing::warn!(address = %address.0, "a wrong token was given to the admin listener");
        }
        let detail = "give the token of [admin] token_file as Authorization: Bearer";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong_token", detail))
    }

    /// The same for what only the token's holder may see or do.
    ///
    /// # Errors
    /// Those of [`sight`](Self::sight); and 401 where there is no token in the request.
    pub(super) fn all(&self, headers: &HeaderMap, address: ClientAddress) -> Result<(), Problem> {
        match self.sight(headers, address)? {
            Sight::All => Ok(()),
            Sight::Counters => {
                let detail = "give the token of [admin] token_file as Authorization: Bearer";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "token_missing", detail))
            }
        }
    }

    /// Whether there is a token to give.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

const BEARER: &[u8] = b"Bearer ";

/// Whether a page of another site asks, by what its browser says: the origin is not the host that is asked (RFC 6454 §7), or
/// the browser says so itself (Fetch Metadata, `Sec-Fetch-Site`), which it does also where it tells no origin.
fn is_another_sites(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(header::HOST).unwrap_or_default();
    let is_foreign = |origin: &str| match origin.split_once("://") {
        Some(("http" | "https", authority)) => !authority.eq_ignore_ascii_case(host),
        _ => true,
    };
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or_default());
    text(header::ORIGIN).is_some_and(is_foreign) || site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "an-operators-own-token-22";

    fn gate() -> Gate {
        Gate::new(Some(SecretString::from(TOKEN)))
    }

    fn seen(gate: &Gate, headers: &[(&'static str, &str)]) -> Result<Sight, u16> {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, "127.0.0.1:9090".parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let address = ClientAddress("203.0.113.9".parse().unwrap());
        gate.sight(&map, address).map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn the_token_counts_in_its_header_and_nowhere_else() {
        let gate = gate();
        assert_eq!(seen(&gate, &[("authorization", &format!("Bearer {TOKEN}"))]), Ok(Sight::All));
        assert_eq!(seen(&gate, &[("authorization", &format!("bearer {TOKEN}"))]), Ok(Sight::All));
        assert_eq!(seen(&gate, &[("cookie", &format!("token={TOKEN}"))]), Ok(Sight::Counters));
        for wrong in [TOKEN.to_owned(), format!("Basic {TOKEN}"), format!("Bearer {TOKEN}x"), "Bearer ".to_owned()] {
            assert_eq!(seen(&gate, &[("authorization", &wrong)]), Err(401), "{wrong}");
        }
        assert_eq!(seen(&Gate::new(None), &[("authorization", "Bearer ")]), Err(401), "where there is no token");
    }

    #[tokio::test]
    async fn another_sites_page_gets_nothing_not_even_figures() {
        let gate = gate();
        let bearer = ("authorization", &*format!("Bearer {TOKEN}"));
        for own in ["http://127.0.0.1:9090", "https://127.0.0.1:9090"] {
            assert_eq!(seen(&gate, &[bearer, ("origin", own)]), Ok(Sight::All), "{own}");
        }
        for other in ["http://127.0.0.1:8080", "https://evil.example.com", "null", "http://127.0.0.1:9090.evil.example"]
        {
            assert_eq!(seen(&gate, &[bearer, ("origin", other)]), Err(403), "{other}");
        }
        for (site, status) in [("same-origin", Ok(Sight::Counters)), ("none", Ok(Sight::Counters))] {
            assert_eq!(seen(&gate, &[("sec-fetch-site", site)]), status, "{site}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(seen(&gate, &[("sec-fetch-site", site)]), Err(403), "{site}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_guesses_is_not_listened_to_for_a_while() {
        let gate = gate();
        for _ in 0..5 {
            assert_eq!(seen(&gate, &[("authorization", "Bearer a-guess-of-somebody")]), Err(401));
        }
        let right = [("authorization", &*format!("Bearer {TOKEN}"))];
        assert_eq!(seen(&gate, &right), Err(429));
        assert_eq!(seen(&gate, &[]), Ok(Sight::Counters), "figures are for everybody");
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(seen(&gate, &right), Ok(Sight::All));
    }
}
