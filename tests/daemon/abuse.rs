//! Who asks too often is told when to come again, and others are not in their way.

use crate::support::*;

fn limited(limits: &str) -> impl FnOnce(String) -> String {
    let limits = format!("[limits]\n{limits}\n[admin]");
    move |config| config.replacen("[admin]", &limits, 1)
}

/// Seconds until it may be tried again.
fn wait(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

async fn create(world: &World) -> Answer {
    let body = serde_json::json!({
        "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256",
    });
    world.post("/v1/sessions", JSON, &body.to_string()).await
}

#[tokio::test]
async fn an_address_creates_so_many_sessions_and_no_more() {
    let world = World::with(limited("sessions_per_address = \"3/h\"")).await;
    for _ in 0..3 {
        assert_eq!(create(&world).await.status, 201);
    }
    let refused = create(&world).await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("too_many_requests")));
    assert!((1100..=1200).contains(&wait(&refused)), "{}", wait(&refused));
    let by_the_page = world.get("/qrcode?sceneId=0.4455617780570172", &[]).await;
    assert_eq!(by_the_page.status, 429, "the original page counts like any other");
    assert_eq!(world.events().await, ["created"; 3]);
}

#[tokio::test]
async fn a_back_end_creates_sessions_for_many_browsers() {
    let world = World::with(limited("sessions_per_address = \"1/h\"")).await;
    let body = serde_json::json!({
        "client_id": "shop", "code_challenge": challenge(), "code_challenge_method": "S256",
    });
    for _ in 0..5 {
        let headers = [JSON[0], ("authorization", &basic("shop", SECRET))];
        assert_eq!(world.post("/v1/sessions", &headers, &body.to_string()).await.status, 201);
    }
}

#[tokio::test]
async fn the_hosted_page_counts_by_browser_too() {
    let world = World::with(limited("sessions_per_browser = \"2/h\"")).await;
    let form = format!(
        "client_id=shop&redirect_uri=https%3A%2F%2Fshop.example.com%2Fcallback%3Ffrom%3Dscan&\
         code_challenge={}&code_challenge_method=S256&renew=1",
        challenge()
    );
    let origin = world.url("");
    let begin = async |cookie: &str| {
        world.post("/login/session", &[FORM, ("origin", &origin), ("cookie", cookie)], &form).await
    };
    let first = begin("").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let cookies = first.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let browser = cookies.map(|cookie| cookie.split(';').next().unwrap()).find(|cookie| cookie.contains("-browser="));
    let browser = browser.unwrap().to_owned();
    for _ in 0..2 {
        let again = begin(&browser).await;
        assert_eq!(again.status, 201);
        assert!(
            again.headers.get_all("set-cookie").iter().all(|cookie| !cookie.to_str().unwrap().contains("-browser="))
        );
    }
    assert_eq!(begin(&browser).await.status, 429);
    assert_eq!(begin("").await.status, 201, "an unknown browser counts by its address alone");
}

#[tokio::test]
async fn guessing_a_clients_secret_is_slowed_down() {
    let world = World::with(limited("failed_client_authentications = \"4/h\"")).await;
    let page = world.create().await;
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&code={code}&code_verifier={VERIFIER}");
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/token"] {
        let wrong = world.post(path, &[FORM, ("authorization", &basic("shop", "guess"))], &form).await;
        assert_eq!(wrong.status, 401);
    }
    let body = serde_json::json!({ "client_id": "shop" }).to_string();
    let headers = [JSON[0], ("authorization", &basic("shop", "guess"))];
    assert_eq!(world.post("/v1/sessions", &headers, &body).await.status, 401);
    let right = world.redeem(&code).await;
    assert_eq!(right.status, 429, "not even the right secret is looked at");
    assert!((890..=900).contains(&wait(&right)), "{}", wait(&right));
    assert_eq!(world.post("/v1/sessions", &headers, &body).await.status, 429);
    assert_eq!(world.create().await.created["expires_in"], 300, "browsers are not concerned");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed", "created"], "the code is not burnt");
}
