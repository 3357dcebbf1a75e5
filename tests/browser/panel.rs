//! The panel, as the stories speak of it: on the hosted page, and in the widget's shadow.

use crate::browser::Browser;

/// Where the panel is.
#[derive(Clone, Copy)]
pub struct Panel<'a> {
    browser: &'a Browser,
    root: &'static str,
}

impl<'a> Panel<'a> {
    pub fn of_page(browser: &'a Browser) -> Self {
        Self { browser, root: "document" }
    }

    pub fn of_widget(browser: &'a Browser) -> Self {
        Self { browser, root: "document.querySelector('scan-login').shadowRoot" }
    }

    fn find(self, css: &str) -> String {
        format!("{}.querySelector('{css}')", self.root)
    }

    /// Waits until it is in this state, and says what it says then.
    pub async fn until(self, state: &str) -> String {
        let panel = self.find(".panel");
        self.browser.until(&format!("{panel} && {panel}.dataset.state === '{state}'")).await;
        self.says().await
    }

    /// Waits until its line is this.
    pub async fn until_it_says(self, line: &str) {
        let found = self.find(".line");
        self.browser.until(&format!("{found} && {found}.textContent === '{line}'")).await;
    }

    pub async fn says(self) -> String {
        self.browser.value(&format!("{}.textContent", self.find(".line"))).await.as_str().unwrap().to_owned()
    }

    /// Where its picture comes from: each session has its own.
    pub async fn picture(self) -> String {
        self.browser.value(&format!("{}.src", self.find(".picture"))).await.as_str().unwrap().to_owned()
    }

    pub async fn until_another_picture(self, than: &str) -> String {
        let picture = self.find(".picture");
        self.browser
            .until(&format!("{picture}.src !== '{than}' && {picture}.complete && {picture}.naturalWidth"))
            .await;
        self.picture().await
    }

    pub async fn number(self) -> String {
        self.browser.value(&format!("{}.textContent", self.find(".number"))).await.as_str().unwrap().to_owned()
    }

    pub async fn click(self, css: &str) {
        self.browser.value(&format!("{}.click()", self.find(css))).await;
    }

    /// How large the writing is, in CSS pixels.
    pub async fn font_size(self, css: &str) -> f64 {
        let size = self.browser.value(&format!("parseFloat(getComputedStyle({}).fontSize)", self.find(css))).await;
        size.as_f64().unwrap()
    }
}
