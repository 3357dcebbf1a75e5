//! One login, step by step, and how long each step took.

use serde::Serialize;
use tokio::time::Instant;

use super::browser::Browser;
use super::driver::Driver;
use super::figures::{Summary, Times};
use super::loss::{Lost, Step, step};
use crate::simulator::Sealed;

/// How long the steps took, of many logins. Clone it freely: the clones record into the same ones.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// From the browser's first word to its session.
    pub create: Times,
    /// From there until it watches.
    pub attach: Times,
    /// From WeChat's push until the browser has read that the login is confirmed.
    pub push: Times,
    /// From WeChat's push until WeChat is answered.
    pub callback: Times,
    /// From the code to the website's answer.
    pub redeem: Times,
    /// The whole of it.
    pub login: Times,
}

/// The figures of [`Steps`], each in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepFigures {
    create_ms: Summary,
    attach_ms: Summary,
    push_ms: Summary,
    callback_ms: Summary,
    redeem_ms: Summary,
    login_ms: Summary,
}

impl Steps {
    /// The figures that are told.
    pub fn figures(&self) -> StepFigures {
        StepFigures {
            create_ms: self.create.summary(),
            attach_ms: self.attach.summary(),
            push_ms: self.push.summary(),
            callback_ms: self.callback.summary(),
            redeem_ms: self.redeem.summary(),
            login_ms: self.login.summary(),
        }
    }
}

/// A whole login: a browser asks for a QR code and watches, somebody scans, the browser is told, the website redeems.
///
/// # Errors
/// [`Lost`] at whichever step it does not go on; the steps before are measured.
pub async fn log_in(driver: &Driver, steps: &Steps) -> Result<(), Lost> {
    let began = Instant::now();
    let browser = begin(driver, steps).await?;
    let code = scan(driver, browser, Instant::now(), steps).await?;
    redeem(driver, code, steps).await?;
    steps.login.record(began.elapsed());
    Ok(())
}

/// A browser that shows its QR code and watches.
///
/// # Errors
/// [`Lost`] where the daemon does not let it.
pub async fn begin(driver: &Driver, steps: &Steps) -> Result<Browser, Lost> {
    let began = Instant::now();
    let mut browser = Browser::create(driver, driver.next_login()).await?;
    let created = Instant::now();
    browser.attach(driver).await?;
    steps.create.record(created - began);
    steps.attach.record(created.elapsed());
    Ok(browser)
}

/// The code of a login, and the login's number.
#[derive(Clone, Debug)]
pub struct Code {
    number: u64,
    code: String,
}

/// Somebody scans what the browser shows, which confirms; the browser is told, and goes. The times count from `due`.
///
/// # Errors
/// [`Lost`] where WeChat's push is not taken, or the browser is not told.
pub async fn scan(driver: &Driver, browser: Browser, due: Instant, steps: &Steps) -> Result<Code, Lost> {
    let sealed = driver.wechat().scan(&browser.scene, &driver.openid(browser.number));
    let sealed = sealed.map_err(|why| Lost { step: Step::Callback, why })?;
    scan_sealed(driver, browser, sealed, due, steps).await
}

/// The same with a push that was made before.
///
/// # Errors
/// [`Lost`] where WeChat's push is not taken, or the browser is not told.
pub async fn scan_sealed(
    driver: &Driver,
    mut browser: Browser,
    sealed: Sealed,
    due: Instant,
    steps: &Steps,
) -> Result<Code, Lost> {
    let pushing = async {
        step(Step::Callback, driver.wechat().push(sealed)).await?;
        Ok(due.elapsed())
    };
    let told = async { Ok((browser.confirmed().await?, due.elapsed())) };
    let (answered, (code, told)) = tokio::try_join!(pushing, told)?;
    steps.callback.record(answered);
    steps.push.record(told);
    let number = browser.number;
    browser.leave().await;
    Ok(Code { number, code })
}

/// The website redeems the code.
///
/// # Errors
/// [`Lost`] where it is refused.
pub async fn redeem(driver: &Driver, Code { number, code }: Code, steps: &Steps) -> Result<(), Lost> {
    let began = Instant::now();
    step(Step::Redeem, driver.website().redeem(number, &code, &driver.openid(number))).await?;
    steps.redeem.record(began.elapsed());
    Ok(())
}
