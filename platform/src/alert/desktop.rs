//! The desktop of this machine: a notice that pops up where somebody sits. Unless the configuration says that there is one, it is
//! asked each time, and a machine without a desktop is no error: services start before anybody has logged in.

use agentlab_domain::alert::Severity;

use super::{Message, SendError};
use crate::config::Alerts;

/// Where the user's own bus is, beside its variable.
#[cfg(target_os = "linux")]
const BUS: &str = "bus";

/// The desktop.
#[derive(Debug, Clone)]
pub struct Desktop {
    pub(super) least: Severity,
    /// Somebody said that there is one.
    pub(super) expected: bool,
}

impl Desktop {
    /// `None` where it was switched off.
    pub(super) fn of(alerts: &Alerts) -> Option<Self> {
        let expected = alerts.desktop.unwrap_or(false);
        alerts.desktop.unwrap_or(true).then_some(Self { least: alerts.desktop_least, expected })
    }

    pub(super) async fn send(&self, message: &Message) -> Result<(), SendError> {
        show(message).await.map_err(|why| if self.expected { SendError::Refused(why) } else { SendError::Nobody(why) })
    }
}

#[cfg(target_os = "linux")]
async fn show(message: &Message) -> Result<(), String> {
    use notify_rust::{Hint, Notification, Urgency};
    let by_name = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty());
    let of_user =
        std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| std::path::Path::new(&folder).join(BUS).exists());
    if !by_name && !of_user {
        return Err("no desktop session is to be seen (DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR)".into());
    }
    let urgent = message.alert.severity == Severity::Critical && !message.is_over();
    let shown = Notification::new()
        .appname("agentlab")
        .summary(&message.title())
        .body(&escaped(&message.words))
        .hint(Hint::Category("device.error".into()))
        .urgency(if urgent { Urgency::Critical } else { Urgency::Normal })
        .show_async()
        .await;
    shown.map(drop).map_err(|error| super::http::causes(&error))
}

/// A notice may hold marks of formatting, and ours are none.
#[cfg(target_os = "linux")]
fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The words are arguments of a program that reads them as such: none of them is ever part of the script.
#[cfg(target_os = "macos")]
async fn show(message: &Message) -> Result<(), String> {
    const SCRIPT: [&str; 3] =
        ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];
    let mut command = tokio::process::Command::new("/usr/bin/osascript");
    command.args(SCRIPT.iter().flat_map(|line| ["-e", *line])).arg(message.title()).arg(&message.words);
    let done = command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()) }
}
