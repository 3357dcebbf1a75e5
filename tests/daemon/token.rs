//! `/oauth/token`: a code is redeemed once, by its client.

use crate::support::*;

async fn code(world: &World) -> String {
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned()
}

async fn ask(world: &World, authorization: Option<&str>, form: &str) -> (u16, String) {
    let mut headers = vec![FORM];
    headers.extend(authorization.map(|value| ("authorization", value)));
    let answer = world.post("/oauth/token", &headers, form).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    if error == "invalid_client" {
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    (answer.status, error)
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_the_second_time_revokes() {
    let world = World::start().await;
    let code = code(&world).await;
    assert_eq!(world.redeem(&code).await.status, 200);
    for _ in 0..2 {
        let again = world.redeem(&code).await;
        assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    }
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed", "revoked"]);
}

#[tokio::test]
async fn credentials_come_in_the_header_or_in_the_form() {
    let world = World::start().await;
    let rest = format!("&code_verifier={VERIFIER}");
    let in_form = format!(
        "grant_type=authorization_code&code={}&client_id=shop&client_secret={SECRET}{rest}",
        code(&world).await
    );
    assert_eq!(ask(&world, None, &in_form).await.0, 200);
    let in_header = format!("grant_type=authorization_code&code={}{rest}", code(&world).await);
    assert_eq!(ask(&world, Some(&basic("shop", SECRET)), &in_header).await.0, 200);
    let both = format!("grant_type=authorization_code&code=x&client_id=shop&client_secret={SECRET}{rest}");
    let answer = ask(&world, Some(&basic("shop", SECRET)), &both).await;
    assert_eq!(answer, (400, "invalid_request".into()));
}

#[tokio::test]
async fn what_is_refused_burns_no_code() {
    let world = World::start().await;
    let code = code(&world).await;
    let grant = "grant_type=authorization_code";
    let verifier = format!("code_verifier={VERIFIER}");
    let shop = basic("shop", SECRET);
    let other_verifier = VERIFIER.replace('a', "b");
    for (authorization, form, status, error) in [
        (None, format!("{grant}&code={code}&{verifier}"), 401, "invalid_client"),
        (Some(basic("shop", "wrong")), format!("{grant}&code={code}&{verifier}"), 401, "invalid_client"),
        (Some(basic("nobody", SECRET)), format!("{grant}&code={code}&{verifier}"), 401, "invalid_client"),
        (Some("Basic nonsense".into()), format!("{grant}&code={code}&{verifier}"), 401, "invalid_client"),
        (Some("Bearer x".into()), format!("{grant}&code={code}&{verifier}"), 401, "invalid_client"),
        (Some(basic("legacy", "legacy-secret")), format!("{grant}&code={code}&{verifier}"), 400, "invalid_grant"),
        (Some(shop.clone()), format!("code={code}&{verifier}"), 400, "invalid_request"),
        (Some(shop.clone()), format!("grant_type=password&code={code}&{verifier}"), 400, "unsupported_grant_type"),
        (Some(shop.clone()), format!("{grant}&{verifier}"), 400, "invalid_request"),
        (Some(shop.clone()), format!("{grant}&code=&{verifier}"), 400, "invalid_request"),
        (Some(shop.clone()), format!("{grant}&code={code}&code={code}&{verifier}"), 400, "invalid_request"),
        (Some(shop.clone()), format!("{grant}&code={code}x&{verifier}"), 400, "invalid_grant"),
        (Some(shop.clone()), format!("{grant}&code=nonsense&{verifier}"), 400, "invalid_grant"),
        (Some(shop.clone()), format!("{grant}&code={code}"), 400, "invalid_grant"),
        (Some(shop.clone()), format!("{grant}&code={code}&code_verifier=short"), 400, "invalid_request"),
        (Some(shop.clone()), format!("{grant}&code={code}&code_verifier={other_verifier}"), 400, "invalid_grant"),
        (
            Some(shop.clone()),
            format!("{grant}&code={code}&{verifier}&redirect_uri=https%3A%2F%2Fa"),
            400,
            "invalid_grant",
        ),
    ] {
        let answer = ask(&world, authorization.as_deref(), &form).await;
        assert_eq!(answer, (status, error.to_owned()), "{authorization:?} {form}");
    }
    let json = world.post("/oauth/token", &[JSON[0], ("authorization", &shop)], "{}").await;
    assert_eq!((json.status, json.json()["error"].as_str()), (400, Some("invalid_request")));
    assert_eq!(world.redeem(&code).await.status, 200);
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "redeemed"]);
}

#[tokio::test]
async fn of_twelve_redemptions_at_once_one_wins() {
    let world = World::start().await;
    let code = code(&world).await;
    let answers = futures_util::future::join_all((0..12).map(|_| world.redeem(&code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn a_code_that_is_not_redeemed_in_time_is_worth_nothing() {
    let world = World::with(|config| config.replace(r#"ttl = "5m""#, "ttl = \"5m\"\ncode_ttl = \"1s\"")).await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    page.wait_for("expired").await;
    assert_eq!(world.redeem(&code).await.json()["error"], "invalid_grant");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "expired"]);
}

#[tokio::test]
async fn the_previous_secret_works_during_a_rotation() {
    let world = World::with(|config| {
        config.replace(
            &format!("client_secret = \"{SECRET}\""),
            &format!("client_secret = \"new\"\nprevious_client_secret = \"{SECRET}\""),
        )
    })
    .await;
    assert_eq!(world.redeem(&code(&world).await).await.status, 200);
}
