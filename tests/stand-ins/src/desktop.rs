//! A desktop on a bus of its own: a real `dbus-daemon`, and on it a service that takes notices as a desktop does.
//!
//! A *notice* is what one call of `Notify` asked to be shown. The bus is private: no other program of this machine is on it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use zbus::OwnedVariant;

/// One notice.
#[derive(Clone, Debug)]
pub struct Notice {
    pub at: Instant,
    pub summary: String,
    pub body: String,
    /// 2 is critical.
    pub urgency: u8,
}

type Notices = Arc<Mutex<Vec<Notice>>>;

/// The desktop; with it its bus ends.
pub struct Desktop {
    notices: Notices,
    bus: Child,
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Service(Notices);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    #[expect(clippy::too_many_arguments, reason = "the desktops' own interface")]
    fn notify(
        &self,
        app_name: String,
        replaces_id: u32,
        app_icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedVariant>,
        expire_timeout: i32,
    ) -> u32 {
        // What a desktop would show beside it.
        let _ = (app_name, replaces_id, app_icon, actions, expire_timeout);
        let urgency = hints.get("urgency").and_then(|value| u8::try_from(value).ok()).unwrap_or(1);
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.push(Notice { at: Instant::now(), summary, body, urgency });
        u32::try_from(notices.len()).unwrap_or(u32::MAX)
    }
}

impl Desktop {
    /// Starts a bus and a desktop on it; `None` where there is no `dbus-daemon`.
    pub fn start() -> Option<Self> {
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address", "--address=unix:tmpdir=/tmp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut address = String::new();
        BufReader::new(bus.stdout.take()?).read_line(&mut address).ok()?;
        let (address, notices) = (address.trim().to_owned(), Notices::default());
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (at, shown) = (address.clone(), Arc::clone(&notices));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let builder = zbus::connection::Builder::address(at.as_str());
                let builder = builder.name("org.freedesktop.Notifications");
                let builder = builder.serve_at("/org/freedesktop/Notifications", Service(shown));
                let _served = builder.build().await.expect("a desktop on its bus");
                let _ = ready.send(());
                let _ = stopped.await;
            });
        });
        let desktop = Self { notices, bus, address, stop: Some(stop), thread: Some(thread) };
        is_ready.recv_timeout(Duration::from_secs(30)).expect("the desktop is there");
        Some(desktop)
    }

    /// For `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Every notice so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The desktop goes, and its bus stays: as when a person logs out.
    pub fn log_out(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        self.log_out();
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}
