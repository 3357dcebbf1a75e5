//! `/oauth/authorize` and the session of its page, as a browser meets them.

use serde_json::Value;
use url::Url;

use crate::support::*;

const CALLBACK: &str = "https://shop.example.com/callback?from=scan";

/// A request that is granted, with `changes`; an empty value leaves its parameter out.
fn request(changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", "shop"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "a state & more"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    let kept = parameters.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

async fn authorize(world: &World, query: &str) -> Answer {
    world.get(&format!("/oauth/authorize?{query}"), &[]).await
}

/// The error that the browser brings back to the website, with all that must come with it.
fn brought_back(world: &World, answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let url = Url::parse(answer.header("location")).unwrap();
    assert_eq!((url.host_str(), url.path()), (Some("shop.example.com"), "/callback"));
    let find = |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!(find("from").as_deref(), Some("scan"), "the query of the redirect URI stays");
    assert_eq!(find("state").as_deref(), Some("a state & more"));
    assert_eq!(find("iss"), Some(world.url("")));
    assert_eq!(find("code"), None);
    assert!(find("error_description").is_some());
    find("error").unwrap()
}

/// What the script of the page does: a session for the request, with the cookies that it has.
async fn begin(world: &World, form: &str, cookie: Option<&str>) -> Answer {
    let origin = world.url("");
    let mut headers = vec![FORM, ("origin", origin.as_str())];
    headers.extend(cookie.map(|cookie| ("cookie", cookie)));
    world.post("/login/session", &headers, form).await
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_holds_nothing_secret_and_is_nobodys_frame() {
    let world = World::start().await;
    for path in [format!("/oauth/authorize?{}", request(&[])), format!("/login?{}", request(&[("response_type", "")]))]
    {
        let page = world.get(&path, &[("accept-language", "en")]).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(page.header("set-cookie").is_empty());
        assert!(page.text().contains("Example Shop"));
    }
    assert_eq!(world.events().await, [""; 0], "a look at the page begins nothing");
}

#[tokio::test]
async fn a_request_whose_answer_would_go_to_a_stranger_is_answered_on_the_page() {
    let world = World::start().await;
    for (change, what) in [
        (("client_id", "nobody"), "client_id"),
        (("client_id", ""), "client_id"),
        (("redirect_uri", ""), "redirect_uri"),
        (("redirect_uri", "https://evil.example"), "redirect_uri"),
        (("redirect_uri", "https://shop.example.com/callback"), "redirect_uri"),
        (("redirect_uri", "https://shop.example.com/callback?from=scan&x=1"), "redirect_uri"),
    ] {
        let answer = authorize(&world, &request(&[change])).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{change:?}");
        assert!(answer.text().contains(what), "{}", answer.text());
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", request(&[]));
    assert_eq!(authorize(&world, &twice).await.status, 400);
}

#[tokio::test]
async fn every_other_error_goes_back_to_the_website() {
    let world = World::start().await;
    let long = "n".repeat(257);
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("scope", "openid email")], "invalid_scope"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("request", "eyJ")], "request_not_supported"),
        (vec![("request_uri", "https://shop.example.com/r")], "request_uri_not_supported"),
        (vec![("registration", "{}")], "registration_not_supported"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("prompt", "create")], "invalid_request"),
        (vec![("max_age", "soon")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("nonce", &long)], "invalid_request"),
        (vec![("purpose", "fun")], "invalid_request"),
    ] {
        let answer = authorize(&world, &request(&changes)).await;
        assert_eq!(brought_back(&world, &answer), error, "{changes:?}");
    }
    for repeated in ["scope=openid", "client_secret=a&client_secret=b"] {
        let answer = authorize(&world, &format!("{}&{repeated}", request(&[]))).await;
        assert_eq!(brought_back(&world, &answer), "invalid_request", "{repeated}");
    }
    for granted in [
        vec![("prompt", "login consent")],
        vec![("max_age", "0")],
        vec![("response_mode", "query")],
        vec![("unknown", "x")],
        vec![("scope", "")],
    ] {
        assert_eq!(authorize(&world, &request(&granted)).await.status, 200, "{granted:?}");
    }
}

#[tokio::test]
async fn a_request_by_form_leads_to_the_same_page_by_get() {
    let world = World::start().await;
    let answer = world.post("/oauth/authorize", &[FORM], &request(&[])).await;
    assert_eq!(answer.status, 303);
    let page = answer.header("location").strip_prefix(&world.url("")).unwrap().to_owned();
    assert!(page.starts_with("/oauth/authorize?"));
    assert_eq!(world.get(&page, &[]).await.status, 200);
    let refused = world.post("/oauth/authorize", &[FORM], &request(&[("prompt", "none")])).await;
    assert_eq!(brought_back(&world, &refused), "login_required");
    assert_eq!(world.post("/oauth/authorize", JSON, "{}").await.status, 415);
}

#[tokio::test]
async fn a_login_through_the_page_ends_at_the_websites_redirect_uri() {
    let world = World::start().await;
    let begun = begin(&world, &request(&[]), None).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    let cookie = begun.header("set-cookie");
    assert!(cookie.starts_with("__Host-scan-login-"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let page = LoginPage::of(&begun.json());
    world.scan(&page.qr_content, "oAlice").await;
    let confirmed = page.wait_for("confirmed").await;
    let url = Url::parse(confirmed["redirect_to"].as_str().unwrap()).unwrap();
    let find = |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!((find("state").as_deref(), find("iss")), (Some("a state & more"), Some(world.url(""))));
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &find("code").unwrap())
        .append_pair("code_verifier", VERIFIER)
        .append_pair("redirect_uri", CALLBACK)
        .finish();
    let token = world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await;
    assert_eq!((token.status, &token.json()["scope"]), (200, &Value::from("openid")), "{}", token.text());
}

#[tokio::test]
async fn the_same_browser_finds_its_session_again_until_it_is_over() {
    let mut world = World::start().await;
    let begun = begin(&world, &request(&[]), None).await;
    let (first, cookie) = (begun.json(), cookie_of(&begun));
    let found =
        |answer: &Answer| (answer.status, answer.json()["scene_id"].clone(), answer.json()["attach_token"].clone());
    let same = (200, first["scene_id"].clone(), first["attach_token"].clone());
    assert_eq!(found(&begin(&world, &request(&[]), Some(&cookie)).await), same);
    world.kill_and_restart().await;
    assert_eq!(found(&begin(&world, &request(&[]), Some(&cookie)).await), same, "after a restart");

    let renewed = begin(&world, &format!("{}&renew=1", request(&[])), Some(&cookie)).await;
    assert_eq!(renewed.status, 201);
    assert_ne!(renewed.json()["scene_id"], first["scene_id"]);
    let other = begin(&world, &request(&[("state", "another tab")]), Some(&cookie)).await;
    assert_eq!(other.status, 201, "another request is another login");
    assert_ne!(cookie_of(&other).split_once('=').unwrap().0, cookie.split_once('=').unwrap().0);

    let page = LoginPage::of(&first);
    world.scan(&page.qr_content, "oAlice").await;
    let code = page.wait_for("confirmed").await["code"].as_str().unwrap().to_owned();
    assert_eq!(begin(&world, &request(&[]), Some(&cookie)).await.status, 200, "the code waits for the website");
    let form = form_urlencoded::Serializer::new(format!("grant_type=authorization_code&code={code}&"))
        .append_pair("code_verifier", VERIFIER)
        .append_pair("redirect_uri", CALLBACK)
        .finish();
    let token = world.post("/oauth/token", &[FORM, ("authorization", &basic("shop", SECRET))], &form).await;
    assert_eq!(token.status, 200, "{}", token.text());
    let after = begin(&world, &request(&[]), Some(&cookie)).await;
    assert_eq!(after.status, 201, "going back after a login does not present its code again");
}

#[tokio::test]
async fn of_a_renewed_login_the_browser_finds_the_session_that_was_scanned() {
    let world = World::with(|config| config.replacen("confirm = \"auto\"", "confirm = \"tap\"", 1)).await;
    let ask = async |cookie: Option<&str>, more: &str| {
        let answer = begin(&world, &format!("{}{more}", request(&[])), cookie).await;
        (answer.json()["scene_id"].as_str().unwrap().to_owned(), LoginPage::of(&answer.json()), cookie_of(&answer))
    };
    let found = async |cookie: &str| begin(&world, &request(&[]), Some(cookie)).await.json()["scene_id"].clone();
    let (first, old, cookie) = ask(None, "").await;
    let (second, _, cookie) = ask(Some(&cookie), "&renew=1").await;
    assert_eq!(found(&cookie).await, second, "as long as nobody has scanned it is the newest");
    world.scan(&old.qr_content, "oAlice").await;
    old.wait_for("scanned").await;
    assert_eq!(found(&cookie).await, first);
    let (third, _, renewed) = ask(Some(&cookie), "&renew=1").await;
    assert_eq!(found(&renewed).await, first, "whatever another tab renews");
    let (anew, _, begun_anew) = ask(Some(&renewed), "&anew=1").await;
    assert_eq!(found(&begun_anew).await, anew, "whoever begins anew does not want it back");
    old.give_up().await;
    assert_eq!(found(&renewed).await, third, "what is over is not found");
    let mut cookie = begun_anew;
    for _ in 0..8 {
        cookie = ask(Some(&cookie), "&renew=1").await.2;
    }
    assert!(cookie.len() < 500, "it does not grow: {cookie}");
}

/// A browser as it keeps cookies: by name, in the order in which they came.
fn keep(jar: &mut Vec<(String, String)>, answer: &Answer) {
    for cookie in answer.headers("set-cookie") {
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        jar.retain(|(known, _)| known != name);
        if !cookie.contains("Max-Age=0;") {
            jar.push((name.to_owned(), value.to_owned()));
        }
    }
}

#[tokio::test]
async fn however_many_logins_a_browser_begins_its_cookies_fit_into_a_header() {
    let world =
        World::with(|config| config.replace("[session]", "[limits]\nsessions_per_browser = \"off\"\n[session]")).await;
    let (mut jar, mut scenes) = (Vec::new(), Vec::new());
    let sent = |jar: &[(String, String)]| {
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    };
    for attempt in 0..40 {
        let form = request(&[("state", &attempt.to_string())]);
        let begun = begin(&world, &form, Some(&sent(&jar))).await;
        keep(&mut jar, &begun);
        for _ in 0..3 {
            let renewed = begin(&world, &format!("{form}&renew=1"), Some(&sent(&jar))).await;
            keep(&mut jar, &renewed);
        }
        scenes.push(begin(&world, &form, Some(&sent(&jar))).await.json()["scene_id"].clone());
    }
    assert!(sent(&jar).len() < 8 * 1024, "{}", sent(&jar).len());
    let latest = scenes.iter().enumerate().skip(40 - 16);
    for (attempt, scene) in latest {
        let found = begin(&world, &request(&[("state", &attempt.to_string())]), Some(&sent(&jar))).await;
        assert_eq!((found.status, &found.json()["scene_id"]), (200, scene), "{attempt}");
    }
}

#[tokio::test]
async fn the_pages_session_is_given_to_its_own_script_alone() {
    let world = World::start().await;
    let own = world.url("");
    for origin in [None, Some("https://shop.example.com"), Some("https://evil.example"), Some("null")] {
        let mut headers = vec![FORM];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = world.post("/login/session", &headers, &request(&[])).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, ""), "{origin:?}");
    }
    let json = [JSON[0], ("origin", own.as_str())];
    assert_eq!(world.post("/login/session", &json, "{}").await.status, 415);
    for wrong in [request(&[("client_id", "nobody")]), request(&[("prompt", "none")]), String::new()] {
        assert_eq!(begin(&world, &wrong, None).await.status, 400);
    }
    for cookie in ["__Host-scan-login-x=y", "nonsense", "=;;="] {
        assert_eq!(begin(&world, &request(&[]), Some(cookie)).await.status, 201);
    }
    let begun = begin(&world, &request(&[]), None).await;
    let stolen = format!("{}x", cookie_of(&begun));
    let other = begin(&world, &request(&[]), Some(&stolen)).await;
    assert_eq!(other.status, 201, "a wrong token finds nothing");
    assert_ne!(other.json()["scene_id"], begun.json()["scene_id"]);
}

#[tokio::test]
async fn the_login_page_knows_a_clients_only_redirect_uri_and_oauth_must_be_told_it() {
    let world = World::start().await;
    let unsaid = request(&[("redirect_uri", "")]);
    let page = world.get(&format!("/login?{unsaid}"), &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("redirect_uri=https%3A%2F%2Fshop.example.com%2Fcallback%3Ffrom%3Dscan"));
    assert_eq!(authorize(&world, &unsaid).await.status, 400);
    let several =
        |config: String| config.replacen("?from=scan\"]", "?from=scan\", \"https://shop.example.com/other\"]", 1);
    let world = World::with(several).await;
    assert_eq!(world.get(&format!("/login?{unsaid}"), &[]).await.status, 400, "nobody knows which");
}
