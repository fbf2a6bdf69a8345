//! A real Chromium, driven by `chromedriver` over plain `WebDriver`, and axe-core, which says what is hard to use.

#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests stop at what is not there"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::{Running, command, have};

/// How long the browser may take for anything.
const PATIENCE: Duration = Duration::from_mins(1);
/// The member under which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window, closed when it goes out of scope.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    session: String,
    // Dropped last: it ends the browser.
    _driver: Running,
}

/// How a window is.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its width in CSS pixels.
    pub wide: u32,
    /// Its height in CSS pixels.
    pub high: u32,
    /// How many pixels of the screen one of them has.
    pub scale: u32,
    /// Whether the person likes it dark.
    pub dark: bool,
}

impl Browser {
    /// Opens a browser with a profile of its own below a folder; nothing, said in one line, where there is none.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn open(folder: &Path) -> Option<Self> {
        if !have("chromedriver") || !have("chromium") {
            return None;
        }
        let port = Mutex::new(0);
        let mut start = command("chromedriver", folder);
        let driver = Running::start(start.arg("--port=0"), |line| {
            let found = line.rsplit("on port ").next().and_then(|rest| rest.trim_end_matches('.').parse().ok());
            found.is_some_and(|found: u16| {
                line.contains("started successfully") && {
                    *port.lock().expect("a lock") = found;
                    true
                }
            })
        });
        let port = port.into_inner().expect("a lock");
        let profile = format!("--user-data-dir={}", folder.join("profile").display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &profile,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": args, "binary": "/usr/bin/chromium"},
            "timeouts": {"implicit": 10_000, "pageLoad": 30_000, "script": 60_000},
        }}});
        let mut browser = Self { port, session: String::new(), _driver: driver };
        let opened = browser.call("POST", "", &wanted);
        browser.session = format!("/{}", opened["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    /// Asks the driver.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        self.tell(method, path, body).unwrap_or_else(|wrong| panic!("{method} {path}: {wrong}"))
    }

    fn tell(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a driver that listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(
            stream,
            "{method} /session{}{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session, self.port, body.len()
        )
        .expect("a driver that reads");
        // It keeps the connection, whatever it is asked: the answer ends where its length says.
        let mut answer = Vec::new();
        let mut part = vec![0; 65_536];
        let (head, length) = loop {
            let read = stream.read(&mut part).expect("an answer");
            assert!(read > 0, "the driver ended in the middle of a head");
            answer.extend(&part[..read]);
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
                break (end + 4, length.expect("a length"));
            }
        };
        while answer.len() < head + length {
            let read = stream.read(&mut part).expect("an answer");
            assert!(read > 0, "the driver ended in the middle of an answer");
            answer.extend(&part[..read]);
        }
        let answer: Value = serde_json::from_slice(&answer[head..head + length]).expect("JSON");
        let value = answer["value"].clone();
        match value.get("error") {
            Some(error) if value.get("stacktrace").is_some() => Err(format!("{error}: {}", value["message"])),
            _ => Ok(value),
        }
    }

    /// Gives the window a form.
    pub fn fit(&self, window: Window) {
        let Window { wide, high, scale, dark } = window;
        let metrics = json!({"width": wide, "height": high, "deviceScaleFactor": scale, "mobile": false});
        self.chrome("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.chrome("Emulation.setEmulatedMedia", &media);
    }

    /// A command of the `DevTools` protocol.
    pub fn chrome(&self, name: &str, params: &Value) -> Value {
        self.call("POST", "/goog/cdp/execute", &json!({"cmd": name, "params": params}))
    }

    /// Plugs in an authenticator that knows its person and is touched whenever it asks; its name.
    ///
    /// # Panics
    /// When the browser has none.
    pub fn authenticator(&self) -> String {
        self.chrome("WebAuthn.enable", &json!({}));
        let options = json!({"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true});
        let plugged = self.chrome("WebAuthn.addVirtualAuthenticator", &json!({"options": options}));
        plugged["authenticatorId"].as_str().expect("an authenticator").to_owned()
    }

    /// Goes to an address.
    pub fn go(&self, url: &str) {
        self.call("POST", "/url", &json!({"url": url}));
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.call("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The window's title.
    pub fn title(&self) -> String {
        self.call("GET", "/title", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an element.
    ///
    /// # Panics
    /// When there is none within ten seconds.
    pub fn find(&self, css: &str) -> String {
        let found = self.call("POST", "/element", &json!({"using": "css selector", "value": css}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {css}")).to_owned()
    }

    /// The id that an element has.
    pub fn find_id(&self, css: &str) -> String {
        self.find(css);
        self.script(&format!("return document.querySelector({css:?}).id")).as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an element that holds a text.
    ///
    /// # Panics
    /// When there is none within ten seconds.
    pub fn find_text(&self, text: &str) -> String {
        let path = format!(
            "//*[not(self::script or self::title) and contains(normalize-space(.), \"{text}\") and not(*[contains(normalize-space(.), \"{text}\")])]"
        );
        let found = self.call("POST", "/element", &json!({"using": "xpath", "value": path}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {text}")).to_owned()
    }

    /// What an element says.
    pub fn text(&self, css: &str) -> String {
        let text = self.call("GET", &format!("/element/{}/text", self.find(css)), &Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element.
    pub fn click(&self, css: &str) {
        self.call("POST", &format!("/element/{}/click", self.find(css)), &json!({}));
    }

    /// Types into an element.
    pub fn write(&self, css: &str, text: &str) {
        self.call("POST", &format!("/element/{}/value", self.find(css)), &json!({"text": text}));
    }

    /// Empties a field.
    pub fn clear(&self, css: &str) {
        self.call("POST", &format!("/element/{}/clear", self.find(css)), &json!({}));
    }

    /// Presses keys where the focus is: `Tab`, `Enter`, or letters.
    pub fn press(&self, keys: &[&str]) {
        let code = |key: &&str| match *key {
            "Tab" => "\u{e004}".to_owned(),
            "Enter" => "\u{e007}".to_owned(),
            "Space" => " ".to_owned(),
            "Escape" => "\u{e00c}".to_owned(),
            text => text.to_owned(),
        };
        let letters: Vec<String> =
            keys.iter().map(code).flat_map(|text| text.chars().map(String::from).collect::<Vec<_>>()).collect();
        let actions: Vec<Value> = letters
            .iter()
            .flat_map(|letter| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": letter})))
            .collect();
        self.call("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}));
    }

    /// Tabs until an element has the focus, as somebody does who has no mouse.
    ///
    /// # Panics
    /// When a hundred presses do not lead there.
    pub fn tab_to(&self, css: &str) {
        self.find(css);
        for _ in 0..100 {
            if self.script(&format!("return document.activeElement.matches({css:?})")) == json!(true) {
                let seen = self.script("return getComputedStyle(document.activeElement).outlineStyle !== 'none'");
                assert_eq!(seen, json!(true), "nobody sees that {css} has the focus");
                return;
            }
            self.press(&["Tab"]);
        }
        panic!("no way to {css} by keyboard");
    }

    /// Runs a script in the page.
    pub fn script(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Takes a picture of the whole page.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn picture(&self, path: &Path) {
        let size = self.chrome("Page.getLayoutMetrics", &json!({}));
        let (wide, high) = (&size["cssContentSize"]["width"], &size["cssContentSize"]["height"]);
        let clip = json!({"x": 0, "y": 0, "width": wide, "height": high, "scale": 1});
        let shot = self
            .chrome("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true, "clip": clip}));
        let bytes = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(path, bytes).expect("a file");
    }

    /// What axe-core finds hard to use on this page, one line each; nothing where axe-core is not installed.
    pub fn hard_to_use(&self, axe: &str) -> Vec<String> {
        self.script(&format!("{axe}; return true"));
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations.map(
                rule => rule.id + ' (' + rule.impact + '): ' + rule.nodes.map(node => node.target.join(' ') + ' ' + (node.any[0] || node.all[0] || {message: ''}).message).slice(0, 4).join('; '))));";
        let found = self.call("POST", "/execute/async", &json!({"script": run, "args": []}));
        found.as_array().into_iter().flatten().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// By how many pixels the page is wider than the window.
    pub fn too_wide(&self) -> i64 {
        self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .as_i64()
            .unwrap_or(0)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // What it did not close ends with the driver.
        drop(self.tell("DELETE", "", &Value::Null));
    }
}

/// The text of axe-core, as `tests/setup` put it; nothing, said in one line, where it is not.
///
/// # Panics
/// In CI, where it must be there.
pub fn axe() -> Option<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/node_modules/axe-core/axe.min.js");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        crate::skipped("axe-core is not installed (tests/setup installs it)");
    }
    text
}
