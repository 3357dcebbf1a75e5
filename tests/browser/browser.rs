//! Chromium, driven by its own driver.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

/// How long a page, or the browser itself, may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said where something that the tests need is not there.
pub const CURE: &str = "run ./test, which installs what the tests need";

/// Starts the driver in a process group of its own. The group ends with the test program, however that ends: then the
/// shell's input, which we hold open, is at its end.
const DRIVER: &str = r#"chromedriver --port=0 </dev/null & read -r _; kill -9 0"#;

/// One visitor's browser, with a profile of its own.
pub struct Browser {
    client: Client,
    _profile: TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A browser whose connections all go through this SOCKS proxy.
    pub async fn behind(proxy: SocketAddr) -> Self {
        Self::with(&[format!("--proxy-server=socks5://{proxy}"), "--proxy-bypass-list=<-loopback>".to_owned()]).await
    }

    async fn with(more: &[String]) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = [
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,700",
        ]
        .map(str::to_owned)
        .into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        // Chromium's own sandbox does not work for root.
        if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(profile.path()).unwrap()) == 0 {
            arguments.push("--no-sandbox".to_owned());
        }
        arguments.extend_from_slice(more);
        let options = json!({ "binary": program("chromium"), "args": arguments });
        let capabilities =
            json!({ "goog:chromeOptions": options, "acceptInsecureCerts": true }).as_object().unwrap().clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let starting = builder.capabilities(capabilities).connect(driver());
        let client = tokio::time::timeout(PATIENCE, starting).await.expect("Chromium does not start").unwrap();
        Self { client, _profile: profile }
    }

    pub async fn open(&self, url: &str) {
        tokio::time::timeout(PATIENCE, self.client.goto(url)).await.expect("the page does not load").unwrap();
    }

    pub async fn reload(&self) {
        tokio::time::timeout(PATIENCE, self.client.refresh()).await.expect("the page does not load").unwrap();
    }

    /// What this expression is, in the page.
    pub async fn value(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression};"), Vec::new()).await.unwrap()
    }

    /// Waits until this expression is true in the page.
    pub async fn until(&self, expression: &str) {
        let holds = async {
            while self.value(&format!("Boolean({expression})")).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, holds).await.is_err() {
            self.keep_screenshot("failed").await;
            let told = self.value("window.logged ?? document.body.innerText").await;
            panic!("still not: {expression}; the page says {told}");
        }
    }

    /// Presses what stands in this frame; by script, since Chromium loses keys that come before it has shown a frame.
    pub async fn press_in_frame(&self, frame: &str, css: &str) {
        self.client.find(Locator::Css(frame)).await.unwrap().enter_frame().await.unwrap();
        self.client.wait().for_element(Locator::Css(css)).await.unwrap();
        self.value(&format!("document.querySelector('{css}').click()")).await;
        self.client.clone().enter_parent_frame().await.unwrap();
    }

    /// What a phone's camera sees where the page shows its picture.
    pub async fn picture(&self) -> Vec<u8> {
        self.until("document.querySelector('img').complete && document.querySelector('img').naturalWidth").await;
        self.client.find(Locator::Css("img")).await.unwrap().screenshot().await.unwrap()
    }

    /// Reads the QR code that the page shows.
    pub async fn qr_content(&self) -> String {
        read_qr_code(&self.picture().await)
    }

    /// Keeps what the visitor sees, for people to look at, as `target/browser/NAME.png`.
    pub async fn keep_screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("browser");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.client.screenshot().await.unwrap()).unwrap();
    }

    /// A command to Chromium itself, beyond what WebDriver knows (Chrome DevTools Protocol).
    pub async fn devtools(&self, method: &'static str, parameters: Value) -> Value {
        let command = DevTools { method, parameters };
        self.client.issue_cmd(command).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Gives this key to what has the focus.
    pub async fn press(&self, key: Key) {
        self.client.active_element().await.unwrap().send_keys(&key.to_string()).await.unwrap();
    }

    /// Types this text into what has the focus.
    pub async fn press_text(&self, text: &str) {
        self.client.active_element().await.unwrap().send_keys(text).await.unwrap();
    }

    pub async fn back(&self) {
        tokio::time::timeout(PATIENCE, self.client.back()).await.expect("the page does not load").unwrap();
    }

    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().into()
    }

    /// Runs this script in the page.
    pub async fn run(&self, script: &str) {
        self.client.execute(script, Vec::new()).await.unwrap();
    }

    /// Runs this script in the page, and waits for what it gives to its last argument.
    pub async fn value_later(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// Opens another tab, which hides this one, and goes on in it. Returns the way back.
    pub async fn open_tab(&self) -> WindowHandle {
        let before = self.client.window().await.unwrap();
        let tab = self.client.new_window(true).await.unwrap();
        self.client.switch_to_window(tab.handle).await.unwrap();
        before
    }

    pub async fn tab(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Goes to the tab that the page in this one has opened.
    pub async fn go_to_other_tab(&self, than: &WindowHandle) {
        let opened = async {
            loop {
                if let Some(tab) = self.client.windows().await.unwrap().into_iter().find(|tab| tab != than) {
                    break tab;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let tab = tokio::time::timeout(PATIENCE, opened).await.expect("no tab was opened");
        self.go_to_tab(&tab).await;
    }

    pub async fn go_to_tab(&self, tab: &WindowHandle) {
        self.client.switch_to_window(tab.clone()).await.unwrap();
    }

    /// The one QR code that can be seen, wherever it is on the screen.
    pub async fn seen_qr_code(&self) -> String {
        read_qr_code(&self.client.screenshot().await.unwrap())
    }

    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}

#[derive(Debug)]
struct DevTools {
    method: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.method, "params": self.parameters });
        (http::Method::POST, Some(body.to_string()))
    }
}

/// The one QR code in this picture.
fn read_qr_code(png: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (frame.width as usize, frame.height as usize);
    let samples = frame.color_type.samples();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        let pixel = &pixels[y * frame.line_size + x * samples..];
        // The mean of red, green and blue where there are three.
        if samples < 3 { pixel[0] } else { (pixel[..3].iter().map(|&part| u16::from(part)).sum::<u16>() / 3) as u8 }
    });
    let codes = image.detect_grids();
    assert_eq!(codes.len(), 1, "one QR code must be seen");
    codes[0].decode().expect("the QR code cannot be read").1
}

/// Where this program is.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    places.find(|file| file.is_file()).unwrap_or_else(|| panic!("{name} is not installed: {CURE}"))
}

/// The address of the driver, one for the whole test program.
fn driver() -> &'static str {
    static STARTED: OnceLock<(String, Child)> = OnceLock::new();
    &STARTED.get_or_init(start_driver).0
}

/// Its address, and its process, whose input is held open.
fn start_driver() -> (String, Child) {
    program("chromedriver");
    let mut child = Command::new("sh")
        .args(["-c", DRIVER])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let port = line.split_once("started successfully on port ")?.1;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    // What else it prints is read and dropped, lest it wait for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    let port = port.expect("chromedriver does not start");
    (format!("http://127.0.0.1:{port}"), child)
}

/// One story at a time: the page gives each transport little more than half a second, and browsers that start beside it
/// would take the processor.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
