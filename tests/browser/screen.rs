//! What a page is looked at on, and what is wrong with what is seen.

use serde_json::{Value, json};

use crate::browser::{Browser, CURE};

/// A visitor's screen.
#[derive(Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub is_dark: bool,
    /// A finger instead of a mouse.
    pub is_phone: bool,
}

impl Screen {
    pub const DESK: Self = Self { width: 1280, is_dark: false, is_phone: false };
    pub const DESK_AT_NIGHT: Self = Self { is_dark: true, ..Self::DESK };
    pub const NARROW: Self = Self { width: 360, is_dark: false, is_phone: false };
    pub const PHONE: Self = Self { is_phone: true, ..Self::NARROW };
    pub const PHONE_AT_NIGHT: Self = Self { is_dark: true, ..Self::PHONE };

    /// For the names of screenshots.
    pub fn name(self) -> String {
        format!(
            "{}-{}{}",
            self.width,
            if self.is_dark { "dark" } else { "light" },
            if self.is_phone { "-phone" } else { "" }
        )
    }

    /// Lets the browser have this screen from now on.
    pub async fn put_before(self, browser: &Browser) {
        let height = if self.width < 600 { 640 } else { 800 };
        browser
            .devtools(
                "Emulation.setDeviceMetricsOverride",
                json!({ "width": self.width, "height": height, "deviceScaleFactor": 2, "mobile": self.is_phone }),
            )
            .await;
        browser.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": self.is_phone })).await;
        let scheme = if self.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }
}

/// Keeps what is seen, and lets it be judged.
pub struct Gallery<'a> {
    browser: &'a Browser,
    name: String,
    faults: Vec<String>,
}

impl<'a> Gallery<'a> {
    /// One whose pictures have names that begin with this.
    pub fn of(browser: &'a Browser, name: String) -> Self {
        Self { browser, name, faults: Vec::new() }
    }

    /// Keeps what the browser shows now.
    pub async fn keep(&mut self, state: &str) {
        let name = format!("{}-{state}", self.name);
        self.browser.keep_screenshot(&name).await;
        let found = faults(self.browser).await;
        self.faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }

    /// Fails where anything was wrong with any of them.
    pub fn close(self) {
        assert_eq!(self.faults, Vec::<String>::new());
    }
}

/// What axe-core has to say against the page as it is now; and whether something hangs over its sides.
pub async fn faults(browser: &Browser) -> Vec<String> {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).unwrap_or_else(|_| panic!("axe-core is not there: {CURE}"));
    browser.run(&axe).await;
    let told = browser
        .value_later(
            "const done = arguments[arguments.length - 1]; \
             axe.run({ resultTypes: ['violations'] }).then(({ violations }) => done(violations.map(({ id, help, nodes }) => \
             `${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`)), (error) => done([String(error)]));",
        )
        .await;
    let mut faults: Vec<String> = serde_json::from_value(told).unwrap();
    if browser.value("document.documentElement.scrollWidth > innerWidth").await != Value::Bool(false) {
        faults.push("the page is wider than its window".into());
    }
    faults
}
