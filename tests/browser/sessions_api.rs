//! The book's few lines for a page of one's own, in a real browser, at the website's own origin.

use crate::browser::{Browser, turn};
use crate::support::{World, challenge};
use crate::website::Plot;

/// The page on the sessions API: its code for the browser, with what it takes for granted.
fn documented() -> String {
    let page = include_str!("../../docs/en/sessions.md");
    let code: String = page.split("```js\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(code.contains("fetch"), "the page has no code");
    format!(
        "(async () => {{ const image = document.createElement('img'); document.body.append(image); \
         const code_challenge = '{}'; {code}; return last; }})()",
        challenge()
    )
}

#[tokio::test]
async fn the_lines_of_the_book_log_in() {
    let _turn = turn().await;
    let plot = Plot::claim().await;
    let origin = plot.origin();
    let world = World::with(|config| {
        config.replace("origins = [\"https://shop.example.com\"]", &format!("origins = [\"{origin}\"]"))
    })
    .await;
    let website = plot.open(&world.url(""), &world.url(""));
    let browser = Browser::start().await;
    browser.open(&website.origin).await;
    let code = documented().replace("https://login.example.com", &world.url(""));
    browser.value(&format!("void (window.login = {code})")).await;
    let shown = "document.querySelector('img[src$=\"qr.svg\"]')";
    browser.until(&format!("{shown} && {shown}.naturalWidth")).await;
    let journal = world.journal().await;
    let ours = journal.iter().find(|event| event["client_id"] == "shop").unwrap();
    assert!(world.scan(ours["qr_content"].as_str().unwrap(), "oAlice").await);
    let last = browser.value("window.login").await;
    assert_eq!(last["type"], "confirmed");
    let answer = world.redeem(last["code"].as_str().unwrap()).await;
    assert_eq!(answer.json()["openid"], "oAlice");
    browser.close().await;
}
