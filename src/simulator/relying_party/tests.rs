use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;

/// A provider whose token endpoint answers with whatever token it was given last.
#[derive(Clone)]
struct Issuer {
    url: String,
    key: EncodingKey,
    jwk: Jwk,
    token: Arc<Mutex<String>>,
}

impl Issuer {
    async fn open() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("one".into());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer =
            Self { url: format!("http://{}", listener.local_addr().unwrap()), key, jwk, token: Arc::default() };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/jwks", get(async |State(issuer): State<Self>| Json(JwkSet { keys: vec![issuer.jwk] })))
            .route("/token", post(async |State(issuer): State<Self>| Json(json!({ "id_token": issuer.said() }))))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        issuer
    }

    fn said(&self) -> String {
        self.token.lock().unwrap().clone()
    }

    fn website(&self) -> RelyingParty {
        RelyingParty::new(RelyingPartySettings {
            issuer: self.url.clone(),
            client_id: "site".into(),
            client_secret: "secret".into(),
            redirect_uri: "http://127.0.0.1/callback".parse().unwrap(),
        })
    }

    /// Signs the claims of a good token, changed.
    fn sign(&self, nonce: &str, change: impl FnOnce(&mut Value)) {
        let mut claims =
            json!({ "iss": self.url, "aud": "site", "sub": "alice", "exp": 4_000_000_000_u64, "nonce": nonce });
        change(&mut claims);
        let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::ES256) };
        *self.token.lock().unwrap() = jsonwebtoken::encode(&header, &claims, &self.key).unwrap();
    }

    fn answers(&self, asked: &Asked) -> Answered {
        Answered { state: asked.state.clone(), iss: self.url.clone(), code: Some("code".into()), error: None }
    }
}

async fn describe(State(issuer): State<Issuer>) -> Json<Value> {
    let url = |path| format!("{}{path}", issuer.url);
    Json(json!({ "issuer": issuer.url, "token_endpoint": url("/token"), "jwks_uri": url("/jwks") }))
}

#[tokio::test]
async fn whom_the_verified_token_names_is_logged_in_once_and_in_its_own_browser() {
    let issuer = Issuer::open().await;
    let website = issuer.website();
    let asked = website.begin("alice's");
    issuer.sign(&asked.nonce, |_| {});
    let stolen = website.finish("mallory's", issuer.answers(&asked)).await;
    assert!(matches!(stolen, Err(RelyingError::NotBegun)), "{stolen:?}");
    assert_eq!(website.finish("alice's", issuer.answers(&asked)).await.unwrap()["sub"], "alice");
    let again = website.finish("alice's", issuer.answers(&asked)).await;
    assert!(matches!(again, Err(RelyingError::NotBegun)), "{again:?}");
}

#[tokio::test]
async fn a_token_that_is_not_right_in_every_point_logs_nobody_in() {
    let issuer = Issuer::open().await;
    let website = issuer.website();
    let changes: [fn(&mut Value); 5] = [
        |claims| claims["iss"] = "https://else.example.com".into(),
        |claims| claims["aud"] = "else".into(),
        |claims| claims["exp"] = 1_000_000_000.into(),
        |claims| claims["nonce"] = "else".into(),
        |claims| drop(claims.as_object_mut().unwrap().remove("sub")),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let asked = website.begin("alice's");
        issuer.sign(&asked.nonce, change);
        let refused = website.finish("alice's", issuer.answers(&asked)).await;
        assert!(matches!(refused, Err(RelyingError::Unbelievable(_))), "{place}: {refused:?}");
    }
    let asked = website.begin("alice's");
    issuer.sign(&asked.nonce, |_| {});
    issuer.token.lock().unwrap().push('x');
    let refused = website.finish("alice's", issuer.answers(&asked)).await;
    assert!(matches!(refused, Err(RelyingError::Unbelievable(_))), "{refused:?}");
}

#[tokio::test]
async fn another_issuers_answer_and_a_refusal_are_told_apart() {
    let issuer = Issuer::open().await;
    let website = issuer.website();
    let asked = website.begin("alice's");
    let mixed_up = Answered { iss: "https://else.example.com".into(), ..issuer.answers(&asked) };
    let refused = website.finish("alice's", mixed_up).await;
    assert!(matches!(refused, Err(RelyingError::Unbelievable(_))), "{refused:?}");
    let asked = website.begin("alice's");
    let denied = Answered { code: None, error: Some("access_denied".into()), ..issuer.answers(&asked) };
    let refused = website.finish("alice's", denied).await.unwrap_err();
    assert_eq!(refused.to_string(), "the login was refused: access_denied");
}
