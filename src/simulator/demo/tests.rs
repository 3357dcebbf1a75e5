use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use tower::ServiceExt;

use super::super::{RelyingPartySettings, SimulatedWeChat, WebsiteSettings};
use super::*;
use crate::clock::Clock;
use crate::domain::AppId;

async fn get_page(path: &str, host: &str) -> (Response, String) {
    let public_url: Url = "http://127.0.0.1:8080/".parse().unwrap();
    let wechat = SimulatedWeChat::new(Vec::new());
    let website = Website::new(WebsiteSettings {
        client_id: "shop".into(),
        client_secret: "secret".into(),
        token_url: public_url.clone(),
    });
    let party = RelyingParty::new(RelyingPartySettings {
        issuer: "http://127.0.0.1:8080".into(),
        client_id: "site".into(),
        client_secret: "secret".into(),
        redirect_uri: public_url.clone(),
    });
    let phones = Phones::new(wechat.clone(), &AppId::new("wx1").unwrap(), public_url.clone());
    let router = router(
        public_url,
        [&website; 4],
        [&party, &party],
        &Hooks::new("", Clock::system()),
        &phones,
        &Tape::new("/nowhere".into(), wechat),
    );
    let request = Request::get(path).header(header::HOST, host).body(Body::empty()).unwrap();
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    (Response::from_parts(parts, Body::empty()), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_page_and_all_that_it_names_are_served_under_a_strict_policy() {
    let (page, html) = get_page("/", "127.0.0.1:8080").await;
    assert_eq!(page.status(), StatusCode::OK);
    let mut named: Vec<String> =
        html.split(['"']).filter(|text| text.starts_with("/demo/")).map(str::to_owned).collect();
    assert!(named.len() >= 3, "{named:?}");
    for (_, script) in SCRIPTS {
        let imports = script.split("from './").skip(1).filter_map(|rest| rest.split('\'').next());
        named.extend(imports.map(|name| format!("/demo/{name}")));
    }
    for path in named {
        let (asset, text) = get_page(&path, "127.0.0.1:8080").await;
        assert_eq!(asset.status(), StatusCode::OK, "{path}");
        assert!(!text.is_empty());
        let policy = asset.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn nothing_in_the_page_is_inline() {
    let (_, html) = get_page("/", "127.0.0.1:8080").await;
    assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="));
    assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=").count());
}

#[tokio::test]
async fn the_other_websites_and_all_that_they_name_are_served() {
    for page in ["/demo/widget", "/demo/oidc", "/demo/original"] {
        let (_, html) = get_page(page, "127.0.0.1:8080").await;
        assert!(html.contains("id=\"scan\"") && !html.contains("<style") && !html.contains(" style="));
        for path in html.split(['"']).filter(|text| text.starts_with("/demo/") && *text != "/demo/oidc/begin") {
            assert_eq!(get_page(path, "127.0.0.1:8080").await.0.status(), StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test]
async fn another_name_of_this_machine_leads_to_the_public_address() {
    let (page, _) = get_page("/", "localhost:8080").await;
    assert_eq!(page.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(page.headers()[header::LOCATION], "http://127.0.0.1:8080/");
}

/// Every text that the page asks for is there in both languages.
#[test]
fn both_languages_are_complete() {
    let text = SCRIPTS.iter().find(|(path, _)| *path == "/demo/text.js").unwrap().1;
    let (english, chinese) = text.split_once("\n  zh: {").unwrap();
    let has = |words: &str, key: &str| words.contains(&format!("\n    {key}: "));
    for key in INDEX.split("data-text=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(has(chinese, key), "{key} is missing in Chinese");
    }
    let of_script = english.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    for (key, _) in of_script {
        assert!(has(chinese, key), "{key} is missing in Chinese");
    }
}
