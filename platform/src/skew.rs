//! How far this machine's clock is from others'. *Skew* is what another one is told, less what ours says, in milliseconds. Nothing
//! in agentlab rests on it but what people read: TLS and Telegram do not work with a clock that is far off.

use std::{process::Stdio, time::Duration};

use jiff::fmt::rfc2822;
use tokio::process::Command;

use crate::clock;

/// How long the other side may take.
const ANSWER: Duration = Duration::from_secs(10);

/// From the time that this address puts on its answers, to the second; `None` where it says none.
pub async fn of_server(address: &str) -> Option<i64> {
    let client = reqwest::Client::builder().timeout(clock::scaled(ANSWER).max(Duration::from_secs(2))).build().ok()?;
    let answer = client.head(address).send().await.ok()?;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let there = rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    Some(there - clock::now_ms())
}

/// Whether the system keeps its clock by others; `None` where it does not say.
pub async fn is_kept() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "-p", "NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(Duration::from_secs(5), asked).await.ok()?.ok()?;
    match String::from_utf8_lossy(&answer.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
