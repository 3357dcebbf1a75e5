//! One whole login, played through the interfaces that browsers, WeChat and websites use.

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, TryStreamExt};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::stage::Stage;
use super::{Failure, ready};
use crate::app::{self, Outside};
use crate::audit::IfOther;
use crate::simulator::{Browser, Person, Phones, Website};

/// A login takes milliseconds; whoever waits for this long has found a fault.
const DEADLINE: Duration = Duration::from_secs(20);

/// Who the website takes this program for.
const BROWSER: &str = "auto";

/// Runs the daemon for the length of one login. `say` gets each event of it as a line, as it lands.
pub(super) async fn play(stage: Stage, say: impl FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    let Stage { config, listeners, mounts, public_url, website, phones, tape, life: _ } = stage;
    let admin = ready::address(&listeners)?;
    let stopping = CancellationToken::new();
    let mut daemon =
        tokio::spawn(app::run(config, listeners, mounts, IfOther::Refuse, Outside::until(stopping.clone())));
    let login = async {
        ready::wait(admin).await;
        // Before the scan: only who listens already can time its events.
        let events = tape.events(1).await.map_err(unreadable)?;
        let start = website.begin(BROWSER);
        let browser = Browser::open(&public_url, &start).await.map_err(failed)?;
        let scene = browser.scene_id.clone();
        tokio::try_join!(log_in(browser, &start.login, &website, &phones), tell(events, &scene, say)).map(|_| ())
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(DEADLINE, login) => outcome.unwrap_or_else(|_| Err(too_slow())),
        ended = &mut daemon => return Err(stopped_early(ended)),
    };
    stopping.cancel();
    match daemon.await {
        Ok(Err(error)) => outcome.and(Err(Failure::new(error.to_string(), error.cure()))),
        Ok(Ok(())) | Err(_) => outcome,
    }
}

async fn log_in(mut browser: Browser, login: &str, website: &Website, phones: &Phones) -> Result<(), Failure> {
    let delivery = phones.scan(&browser.qr_content, Person::Alice).await.map_err(failed)?;
    if !delivery.is_accepted() {
        return Err(failed(format!("WeChat's push was not accepted: {:?}", delivery.answers)));
    }
    let code = browser.code().await.map_err(failed)?;
    let openid = website.finish(BROWSER, login, &code).await.map_err(failed)?;
    match openid == phones.openid(Person::Alice).as_str() {
        true => Ok(()),
        false => Err(failed("the website was told another person than the one who scanned")),
    }
}

/// Tells the scene's events until the website has redeemed the code.
async fn tell(
    events: impl Stream<Item = io::Result<Value>>,
    scene: &str,
    mut say: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut events = pin!(events);
    while let Some(event) = events.try_next().await.map_err(unreadable)? {
        if event["scene_id"] != scene {
            continue;
        }
        say(&line(&event))?;
        match event["type"].as_str() {
            Some("redeemed") => return Ok(()),
            Some(end @ ("denied" | "expired")) => return Err(failed(format!("the session was {end}"))),
            _ => {}
        }
    }
    Err(failed("the journal ended before the code was redeemed"))
}

/// `scanned    #2  2026-01-02T03:04:05.678901Z  sl-…  3.1 ms after WeChat's push`
fn line(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let since = event["ms_since_push"].as_f64().map(|ms| format!("  {ms:.1} ms after WeChat's push"));
    format!(
        "{:<9}  #{}  {}  {}{}\n",
        text("type"),
        event["seq"],
        text("at"),
        text("scene_id"),
        since.unwrap_or_default()
    )
}

fn unreadable(error: io::Error) -> Failure {
    failed(format!("the journal cannot be read: {error}"))
}

fn failed(error: impl ToString) -> Failure {
    Failure::new(error.to_string(), "see the log above, and please report it")
}

fn too_slow() -> Failure {
    failed(format!("the login was not over within {} s", DEADLINE.as_secs()))
}

fn stopped_early(ended: Result<Result<(), app::RunError>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => failed("the daemon stopped before the login was over"),
        Ok(Err(error)) => Failure::new(error.to_string(), error.cure()),
        Err(error) => failed(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_begins_with_the_type() {
        let mut event = json!({"seq": 2, "type": "scanned", "at": "2026-01-02T03:04:05.678901Z", "scene_id": "sl-1"});
        assert_eq!(line(&event), "scanned    #2  2026-01-02T03:04:05.678901Z  sl-1\n");
        event["ms_since_push"] = json!(3.06);
        assert!(line(&event).ends_with("  3.1 ms after WeChat's push\n"));
    }
}
