//! `alerts`: what was told about the system itself, where such alerts go, and whether they arrive. It needs no database.

use std::time::Duration;

use agentlab_domain::{
    alert::{Rule, Severity, delivery::Occasion},
    exit_code,
};
use agentlab_platform::{
    alert::{Alert, Book, Channel, Message, SendError, book::Entry},
    calendar, clock,
    config::{self, Config},
    home::Home,
    redaction::Redaction,
};
use serde::Serialize;

use crate::{args, failure::Failure, print};

/// So many are shown.
const SHOWN: usize = 20;

/// Where alerts go.
#[derive(Debug, Serialize)]
struct Road {
    channel: &'static str,
    /// Whom it reaches.
    to: String,
    /// The least severity that goes there.
    least: &'static str,
}

/// What a channel said.
#[derive(Debug, Serialize)]
struct Said {
    channel: &'static str,
    to: String,
    /// `None`: nobody is there, and nobody said that somebody is.
    taken: Option<bool>,
    seconds: f64,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Whole {
    channels: Vec<Road>,
    dead_mans_switch: bool,
    alerts: Vec<Entry>,
}

/// Lists them, or tries every channel.
pub async fn alerts(what: Option<args::Alerts>, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let config = config::load(&home)?;
    match what {
        None => list(&home, &config, as_json),
        Some(args::Alerts::Test) => test(&config, as_json).await,
    }
}

fn list(home: &Home, config: &Config, as_json: bool) -> Result<u8, Failure> {
    let channels: Vec<Road> = Channel::configured(config).iter().map(road).collect();
    let mut alerts: Vec<Entry> = Book::of(home).read().into_values().collect();
    alerts.sort_by_key(|entry| std::cmp::Reverse((entry.over.is_none(), entry.began)));
    alerts.truncate(SHOWN);
    let dead_mans_switch = config.alerts.dead_mans_switch_url.is_some();
    if as_json {
        print::json(&Whole { channels, dead_mans_switch, alerts })?;
        return Ok(exit_code::DONE);
    }
    for road in &channels {
        print::line(&format!("{}: to {}, from {} on", road.channel, road.to, road.least));
    }
    let switch =
        if dead_mans_switch { "told once a minute that agentlab lives" } else { "none (alerts.dead_mans_switch_url)" };
    print::line(&format!("dead man's switch: {switch}"));
    print::line("");
    if alerts.is_empty() {
        print::line("no alert so far; `agentlab alerts test` tries the channels");
    }
    for entry in &alerts {
        show(entry);
    }
    Ok(exit_code::DONE)
}

fn show(entry: &Entry) {
    let now = clock::now_ms();
    let time = |at| calendar::clock_time(at, now);
    let until = match entry.over {
        None => format!("lasts, for {}", entry.lasts().unwrap_or_default()),
        Some(over) if over == entry.began => "happened".to_owned(),
        Some(over) => format!("over at {}", time(over)),
    };
    print::line(&format!("{} {} ({until}), {}: {}", time(entry.began), entry.severity, entry.rule, entry.words));
    for (channel, told) in &entry.told {
        print::line(&format!("    {channel} took it last at {}", time(told.at)));
    }
    for (channel, why) in &entry.failed {
        print::line(&format!("    {channel} did not take it: {why}"));
    }
}

fn road(channel: &Channel) -> Road {
    Road { channel: channel.name(), to: channel.whom(), least: channel.least().as_str() }
}

/// Sends one through every channel, whatever its least severity is.
async fn test(config: &Config, as_json: bool) -> Result<u8, Failure> {
    let secrets = Redaction::of_logs(&config.secrets());
    let alert = Alert {
        rule: Rule::RecoveryAction,
        severity: Severity::Info,
        subject: "test".into(),
        occasion: Occasion::Event,
        ..Alert::once("test".into(), "agentlab: this is a test. Alerts arrive here; nothing is wrong.".into())
    };
    let message = Message::of(alert, &secrets);
    let channels = Channel::configured(config);
    let mut sent: Vec<Said> = Vec::new();
    // One after the other: what each says stands below the one before.
    for channel in &channels {
        let began = clock::instant();
        let (taken, error) = match channel.send(&message, &secrets).await {
            Ok(()) => (Some(true), None),
            Err(SendError::Nobody(why)) => (None, Some(why)),
            Err(error) => (Some(false), Some(error.to_string())),
        };
        let said =
            Said { channel: channel.name(), to: channel.whom(), taken, seconds: seconds(began.elapsed()), error };
        if !as_json {
            print::line(&words(&said));
        }
        sent.push(said);
    }
    if as_json {
        print::json(&sent)?;
    }
    let nobody = !sent.iter().any(|said| said.taken.is_some());
    if nobody && !as_json {
        print::note("nobody would be told: set telegram.token, alerts.email, alerts.sms or alerts.webhook");
    }
    let failed = nobody || sent.iter().any(|said| said.taken == Some(false));
    Ok(if failed { exit_code::FAILED } else { exit_code::DONE })
}

fn words(said: &Said) -> String {
    let why = said.error.as_deref().unwrap_or_default();
    match said.taken {
        Some(true) => format!("ok   {}: to {}, taken after {:.1} s", said.channel, said.to, said.seconds),
        Some(false) => format!("BAD  {}: to {}: {why}", said.channel, said.to),
        None => format!("none {}: {why}", said.channel),
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
