//! A real browser, driven as a person drives it: Chromium by its `WebDriver`. Where either is missing the story is skipped, which is
//! said, and with `AGENTLAB_REQUIRE_REAL=1` is a failure.

use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::json;

use super::LONG;

/// No window is made narrower than this; what is narrower is a phone.
const LEAST: u32 = 500;

/// A browser with a profile of its own.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Driver,
}

fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/lib/chromium", "/snap/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|p| p.exists())
}

impl Browser {
    /// Starts one with a window of this size; `None` where there is none to be had.
    pub(crate) async fn open(profile: &Path, (width, height): (u32, u32)) -> Option<Self> {
        let (Some(chromium), Some(driver)) = (find("chromium"), find("chromedriver")) else {
            let words = "chromium and chromedriver are not there: nothing is proved in a browser";
            assert!(std::env::var_os("AGENTLAB_REQUIRE_REAL").is_none(), "{words}");
            eprintln!("skipped: {words}");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .env("HOME", profile)
            // With the browsers that it starts, so that all of them end together.
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let driver = Driver(driver);
        let mut arguments: Vec<String> = [
            "headless",
            "no-sandbox",
            "disable-gpu",
            "disable-quic",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "disable-dev-shm-usage",
        ]
        .map(|name| format!("--{name}"))
        .into();
        arguments.push(format!("--window-size={width},{height}"));
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let mut chrome = json!({ "binary": chromium, "args": arguments });
        if width < LEAST {
            let phone = json!({ "width": width, "height": height, "pixelRatio": 1, "touch": false, "mobile": true });
            chrome["mobileEmulation"] = json!({ "deviceMetrics": phone });
        }
        let options = json!({ "goog:chromeOptions": chrome });
        let options = options.as_object().unwrap().clone();
        let began = std::time::Instant::now();
        loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder.capabilities(options.clone()).connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => return Some(Self { client, driver }),
                Err(error) => assert!(began.elapsed() < LONG, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the element's text holds these words; returns it.
    pub(crate) async fn wait_for(&self, css: &str, words: &str) -> String {
        let began = std::time::Instant::now();
        loop {
            let text = match self.client.find(Locator::Css(css)).await {
                Ok(element) => element.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if text.contains(words) {
                return text;
            }
            assert!(began.elapsed() < LONG, "{css} does not say {words:?} but {text:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks on it; a page that is just being loaded anew is waited for.
    pub(crate) async fn click(&self, css: &str) {
        let began = std::time::Instant::now();
        loop {
            let clicked = match self.client.find(Locator::Css(css)).await {
                Ok(element) => element.click().await,
                Err(error) => Err(error),
            };
            let Err(error) = clicked else { return };
            assert!(began.elapsed() < LONG, "{css} cannot be clicked: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Keeps a picture in the folder `AGENTLAB_TEST_PICTURES`, where that is named.
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("AGENTLAB_TEST_PICTURES") {
            std::fs::create_dir_all(&folder).unwrap();
            let png = self.client.screenshot().await.unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    /// Ends it.
    pub(crate) async fn close(mut self) {
        let _ = self.client.clone().close().await;
        self.driver.end();
    }
}

/// The driver and its browsers; they end with this value.
struct Driver(Child);

impl Driver {
    fn end(&mut self) {
        // Not collected yet, so the group is still theirs.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}
