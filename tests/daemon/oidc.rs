//! OpenID Connect as a website's back end meets it: metadata, keys, id tokens, userinfo, revocation.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use scan_login::config::{Choice, Scope};
use serde_json::{Value, json};

use crate::support::*;

/// A login with what `change` adds to its request, redeemed.
async fn logged_in(world: &World, change: impl FnOnce(&mut Value)) -> Value {
    let page = world.create_with(change).await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let answer = world.redeem(&code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The claims of an id token that is the daemon's, for the shop.
async fn verified(world: &World, token: &Value, algorithm: &str) -> Value {
    let token = token["id_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(format!("{:?}", header.alg), algorithm);
    let keys: JwkSet = serde_json::from_value(world.get("/.well-known/jwks.json", &[]).await.json()).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[world.url("")]);
    validation.set_audience(&["shop"]);
    jsonwebtoken::decode(token, &key, &validation).unwrap().claims
}

async fn user(world: &World, access_token: &str) -> Answer {
    world.get("/oauth/userinfo", &[("authorization", &format!("Bearer {access_token}"))]).await
}

#[tokio::test]
async fn an_id_token_says_who_when_how_and_for_whom() {
    let world = World::start().await;
    let token = logged_in(&world, |ask| ask["nonce"] = "n-0S6_WzA2Mj".into()).await;
    assert_eq!((&token["token_type"], &token["scope"]), (&json!("Bearer"), &json!("openid wechat")));
    let claims = verified(&world, &token, "RS256").await;
    assert_eq!((&claims["nonce"], &claims["amr"]), (&json!("n-0S6_WzA2Mj"), &json!(["mca"])));
    let second = |name: &str| claims[name].as_i64().unwrap();
    assert!(second("auth_time") <= second("iat") && second("iat") < second("exp"));
    // Both are whole seconds, of two moments.
    let lives = second("exp") - second("iat");
    assert!((599..=600).contains(&lives), "{lives}");
    assert_eq!(token["openid"], "oAlice");
    let subject = claims["sub"].as_str().unwrap();
    assert_eq!(subject.len(), 43, "a pseudonym: {subject}");

    let known = user(&world, token["access_token"].as_str().unwrap()).await;
    assert_eq!((known.status, known.json()), (200, json!({ "sub": subject, "openid": "oAlice" })));
}

#[tokio::test]
async fn the_same_person_is_the_same_subject_again_and_another_one_elsewhere() {
    let mut world = World::start().await;
    let first = verified(&world, &logged_in(&world, |_| {}).await, "RS256").await["sub"].clone();
    world.kill_and_restart().await;
    assert_eq!(verified(&world, &logged_in(&world, |_| {}).await, "RS256").await["sub"], first);

    let elsewhere = World::with(|config| {
        config.replace("client_id = \"shop\"\n", "client_id = \"shop\"\nid_token_signed_response_alg = \"ES256\"\n")
    });
    let elsewhere = elsewhere.await;
    assert_ne!(verified(&elsewhere, &logged_in(&elsewhere, |_| {}).await, "ES256").await["sub"], first);

    let plain =
        World::with(|config| config.replace("client_id = \"shop\"\n", "client_id = \"shop\"\nsubject = \"openid\"\n"));
    let plain = plain.await;
    assert_eq!(verified(&plain, &logged_in(&plain, |_| {}).await, "RS256").await["sub"], "oAlice");
}

#[tokio::test]
async fn clients_of_one_sector_know_a_person_by_the_same_name() {
    let world = World::with(|config| {
        config.replace("client_id = \"shop\"\n", "client_id = \"shop\"\nsector = \"example\"\n").replace(
            "client_id = \"legacy\"\n            client_secret",
            "client_id = \"legacy\"\nsector = \"example\"\nclient_secret",
        )
    })
    .await;
    let shop = verified(&world, &logged_in(&world, |_| {}).await, "RS256").await["sub"].clone();
    let page = world.create_with(|ask| *ask = json!({ "client_id": "legacy" })).await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&code={code}");
    let token = world.post("/oauth/token", &[FORM, ("authorization", &basic("legacy", "legacy-secret"))], &form).await;
    let known = user(&world, token.json()["access_token"].as_str().unwrap()).await;
    assert_eq!(known.json()["sub"], shop);
}

#[tokio::test]
async fn a_website_is_told_what_it_asked_for_and_no_more() {
    let world = World::start().await;
    let only_wechat = logged_in(&world, |ask| ask["scope"] = "wechat".into()).await;
    assert_eq!((&only_wechat["scope"], &only_wechat["openid"]), (&json!("wechat"), &json!("oAlice")));
    assert!(only_wechat.get("id_token").is_none());
    let refused = user(&world, only_wechat["access_token"].as_str().unwrap()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));

    let only_openid = logged_in(&world, |ask| ask["scope"] = "openid".into()).await;
    assert_eq!(only_openid["scope"], "openid");
    assert!(only_openid.get("openid").is_none(), "{only_openid}");
    let known = user(&world, only_openid["access_token"].as_str().unwrap()).await.json();
    assert_eq!(known.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"]);
}

#[tokio::test]
async fn userinfo_refuses_what_is_no_access_token_of_ours() {
    let world = World::start().await;
    let token = logged_in(&world, |_| {}).await["access_token"].as_str().unwrap().to_owned();
    let missing = world.get("/oauth/userinfo", &[]).await;
    assert_eq!((missing.status, missing.header("www-authenticate")), (401, "Bearer realm=\"scan-login\""));
    for wrong in ["nonsense", &token[..token.len() - 1], &format!("{token}x"), &token.replacen('-', "_", 1)] {
        let refused = user(&world, wrong).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer error=\"invalid_token\""));
    }
    let bearer = format!("Bearer {token}");
    let form = format!("access_token={token}");
    assert_eq!(world.post("/oauth/userinfo", &[FORM], &form).await.status, 200);
    assert_eq!(world.post("/oauth/userinfo", &[("authorization", &bearer)], "").await.status, 200);
    assert_eq!(world.post("/oauth/userinfo", &[FORM, ("authorization", &bearer)], &form).await.status, 400);
}

#[tokio::test]
async fn a_token_that_is_given_back_is_worth_nothing_even_after_a_restart() {
    let mut world = World::start().await;
    let token = logged_in(&world, |_| {}).await["access_token"].as_str().unwrap().to_owned();
    let shop = basic("shop", SECRET);
    let other = basic("legacy", "legacy-secret");
    let revoke = |authorization: String, form: String| {
        let world = &world;
        async move { world.post("/oauth/revoke", &[FORM, ("authorization", &authorization)], &form).await }
    };
    let foreign = revoke(other, format!("token={token}")).await;
    assert_eq!((foreign.status, foreign.json()["error"].as_str()), (400, Some("unauthorized_client")));
    assert_eq!(revoke(basic("shop", "wrong"), format!("token={token}")).await.status, 401);
    assert_eq!(revoke(shop.clone(), String::new()).await.status, 400);
    assert_eq!(user(&world, &token).await.status, 200, "a refusal has no effect");

    assert_eq!(revoke(shop.clone(), format!("token={token}&token_type_hint=access_token")).await.status, 200);
    assert_eq!(user(&world, &token).await.status, 401);
    assert_eq!(revoke(shop.clone(), format!("token={token}")).await.status, 200);
    assert_eq!(revoke(shop, "token=nonsense".into()).await.status, 200);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed", "revoked"]);
    world.kill_and_restart().await;
    assert_eq!(user(&world, &token).await.status, 401);
}

#[tokio::test]
async fn a_code_that_is_presented_twice_takes_the_token_with_it() {
    let world = World::start().await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(user(&world, &token).await.status, 200);
    world.redeem(&code).await;
    assert_eq!(user(&world, &token).await.status, 401);
}

#[tokio::test]
async fn an_access_token_ends_with_its_time() {
    let world = World::with(|config| config.replace(r#"ttl = "5m""#, "ttl = \"5m\"\naccess_token_ttl = \"1s\"")).await;
    let token = logged_in(&world, |_| {}).await["access_token"].as_str().unwrap().to_owned();
    let ended = async { while user(&world, &token).await.status != 401 {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn the_metadata_is_what_the_daemon_does() {
    let world = World::start().await;
    let answer = world.get("/.well-known/openid-configuration", &[]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let metadata = answer.json();
    assert_eq!(world.get("/.well-known/oauth-authorization-server", &[]).await.json(), metadata);
    assert_eq!(metadata["issuer"], world.url(""));
    for endpoint in ["authorization", "token", "userinfo", "revocation"] {
        let url = metadata[format!("{endpoint}_endpoint")].as_str().unwrap();
        let path = url.strip_prefix(&world.url("")).unwrap();
        assert_ne!(world.get(path, &[]).await.status, 404, "{url}");
        assert_ne!(world.post(path, &[FORM], "").await.status, 404, "{url}");
    }
    assert_eq!(metadata["jwks_uri"], world.url("/.well-known/jwks.json"));
    let scopes: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    assert_eq!(metadata["scopes_supported"], json!(scopes));
    let keys = world.get("/.well-known/jwks.json", &[]).await;
    assert_eq!(keys.header("content-type"), "application/jwk-set+json");
    let algorithms: Vec<_> = keys.json()["keys"].as_array().unwrap().iter().map(|key| key["alg"].clone()).collect();
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(algorithms));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["request_parameter_supported"], false);
}

#[tokio::test]
async fn the_metadata_of_an_issuer_with_a_path_is_where_both_standards_look_for_it() {
    let world =
        World::with(|config| config.replace(":8080\"\n            [admin]", ":8080/login\"\n            [admin]"))
            .await;
    for path in [
        "/login/.well-known/openid-configuration",
        "/.well-known/openid-configuration/login",
        "/.well-known/oauth-authorization-server/login",
    ] {
        assert_eq!(world.get(path, &[]).await.json()["issuer"], world.url("/login"), "{path}");
    }
}

/// What cannot be run here is at least what the metadata says.
#[tokio::test]
async fn the_guides_name_what_the_metadata_names() {
    let world = World::start().await;
    let metadata = world.get("/.well-known/openid-configuration", &[]).await.json();
    let guide = include_str!("../../docs/en/openid-connect.md");
    let spring = guide.split("```yaml").nth(1).unwrap().split("```").next().unwrap();
    let value = |key: &str| {
        let line = spring.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{key} is missing")).to_owned()
    };
    let supports = |list: &str, value: &str| {
        assert!(metadata[list].as_array().unwrap().iter().any(|known| known == value), "{value} is not in {list}");
    };
    supports("token_endpoint_auth_methods_supported", &value("client-authentication-method"));
    supports("grant_types_supported", &value("authorization-grant-type"));
    value("scope").split(',').for_each(|scope| supports("scopes_supported", scope));
    supports("claims_supported", &value("user-name-attribute"));
    let php = guide.split("```php").nth(1).unwrap().split("```").next().unwrap();
    let argument = |of: &str| php.split(&format!("{of}(")).nth(1).unwrap().split(')').next().unwrap().replace('\'', "");
    supports("code_challenge_methods_supported", &argument("setCodeChallengeMethod"));
    let scopes = argument("addScope");
    scopes.trim_matches(['[', ']']).split(", ").for_each(|scope| supports("scopes_supported", scope));
    supports("claims_supported", &argument("getVerifiedClaims"));
    supports("claims_supported", &argument("requestUserInfo"));
    for claim in metadata["claims_supported"].as_array().unwrap() {
        assert!(guide.contains(&format!("`{}`", claim.as_str().unwrap())) || claim == "openid", "{claim}");
    }
}
