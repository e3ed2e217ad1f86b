//! Every channel of alerts at once, each with a real server of its own. A *road* is one channel and who stands at its end.

use std::time::{Duration, Instant};

use agentlab_stand_ins::{BotApi, Receiver, Smtp};
use serde_json::Value;

use super::{ANN, DISK_PERCENT, World};

pub(crate) const PASSWORD: &str = "mail-password-1";
pub(crate) const SMS_TOKEN: &str = "sms-token-0123456789";
pub(crate) const HOOK_SECRET: &str = "hook-secret-0123456789";
pub(crate) const HOOK_PATH: &str = "hooks/path-0123456789";
pub(crate) const SWITCH_PATH: &str = "ping/switch-0123456789";
/// What no log, error or answer may show.
pub(crate) const SECRETS: [&str; 6] = [PASSWORD, SMS_TOKEN, HOOK_SECRET, HOOK_PATH, SWITCH_PATH, "TEST-token"];

/// Who stands at the ends.
pub(crate) struct Roads {
    pub(crate) api: BotApi,
    pub(crate) smtp: Smtp,
    pub(crate) sms: Receiver,
    pub(crate) hook: Receiver,
    pub(crate) switch: Receiver,
    #[cfg(target_os = "linux")]
    pub(crate) desktop: Option<agentlab_stand_ins::Desktop>,
}

/// One delivery on any road.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) channel: &'static str,
    pub(crate) at: Instant,
    pub(crate) text: String,
}

impl Roads {
    pub(crate) fn start() -> Self {
        Self {
            api: BotApi::start(),
            smtp: Smtp::start("ann", PASSWORD),
            sms: Receiver::start(),
            hook: Receiver::start(),
            switch: Receiver::start(),
            #[cfg(target_os = "linux")]
            desktop: desktop(),
        }
    }

    /// A world with a bot whose alerts go all of these roads; `more` is more of `[alerts]`.
    pub(crate) fn world(&self, scale: &str, more: &str) -> World {
        let mut world = World::with_bot(&self.api);
        world.configure(&format!(
            "[alerts]\ndead_mans_switch_url = '{}/{SWITCH_PATH}'\n{more}\n\
             [alerts.email]\nsmtp_url = 'smtp://ann:{PASSWORD}@{}'\nfrom = 'agentlab@example.org'\nto = 'ann@example.org'\n\
             [alerts.sms]\naccount_sid = 'AC1'\nauth_token = '{SMS_TOKEN}'\nfrom = '+15550001'\nto = '+4915112345678'\n\
             api_url = '{}'\nleast = 'warning'\n\
             [alerts.webhook]\nurl = '{}/{HOOK_PATH}'\nsecret = '{HOOK_SECRET}'\n",
            self.switch.url(),
            self.smtp.address(),
            self.sms.url(),
            self.hook.url(),
        ));
        if more.contains("disk_percent") {
            world.env.retain(|(name, _)| name != DISK_PERCENT);
        }
        world.env.push(("AGENTLAB_TEST_TIME_SCALE".into(), scale.into()));
        #[cfg(target_os = "linux")]
        if let Some(desktop) = &self.desktop {
            world.env.push(("DBUS_SESSION_BUS_ADDRESS".into(), desktop.address().into()));
        }
        world
    }

    /// The channels that there are: a machine without a bus has no desktop.
    pub(crate) fn channels(&self) -> Vec<&'static str> {
        let mut channels = vec!["telegram", "email", "sms", "webhook"];
        #[cfg(target_os = "linux")]
        channels.extend(self.desktop.is_some().then_some("desktop"));
        channels
    }

    /// All that arrived anywhere.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        let mut arrived = |channel, at, text: String| all.push(Delivery { channel, at, text });
        for request in self.api.requests().into_iter().filter(|request| request.method == "sendMessage") {
            if request.status == 200 && request.chat == Some(ANN) {
                arrived("telegram", request.at, request.params["text"].as_str().unwrap_or_default().to_owned());
            }
        }
        for mail in self.smtp.mails() {
            arrived("email", mail.at, mail.text());
        }
        for sms in self.sms.got().into_iter().filter(|got| got.taken) {
            let form = reqwest::Url::parse(&format!("http://sms/?{}", sms.body)).unwrap();
            let text = form.query_pairs().find(|(name, _)| name == "Body").unwrap().1.into_owned();
            arrived("sms", sms.at, text);
        }
        for hook in self.hook.got().into_iter().filter(|got| got.taken) {
            let body: Value = serde_json::from_str(&hook.body).unwrap();
            arrived("webhook", hook.at, body["words"].as_str().unwrap().to_owned());
        }
        #[cfg(target_os = "linux")]
        for notice in self.desktop.iter().flat_map(agentlab_stand_ins::Desktop::notices) {
            arrived("desktop", notice.at, notice.body);
        }
        all.sort_by_key(|delivery| delivery.at);
        all
    }

    /// Those on this channel whose text has this.
    pub(crate) fn with(&self, channel: &str, needle: &str) -> Vec<Delivery> {
        // Lines of a mail are folded.
        let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = self.deliveries().into_iter();
        all.filter(|delivery| delivery.channel == channel && bare(&delivery.text).contains(needle)).collect()
    }

    /// Waits until every channel had this; returns how long after `since` each had it.
    pub(crate) fn wait_for_all(&self, needle: &str, since: Instant, limit: Duration) -> Vec<(&'static str, Duration)> {
        let first = |channel: &&'static str| {
            let found = self.with(channel, needle).into_iter().find(|delivery| delivery.at >= since)?;
            Some((*channel, found.at - since))
        };
        let until = Instant::now() + limit;
        loop {
            let had: Vec<_> = self.channels().iter().filter_map(first).collect();
            if had.len() == self.channels().len() {
                return had;
            }
            assert!(Instant::now() < until, "{needle:?} reached only {had:?}: {:#?}", self.deliveries());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// A desktop; without `dbus-daemon` it is skipped, and said.
#[cfg(target_os = "linux")]
fn desktop() -> Option<agentlab_stand_ins::Desktop> {
    let desktop = agentlab_stand_ins::Desktop::start();
    if desktop.is_none() {
        assert!(std::env::var("AGENTLAB_REQUIRE_REAL").is_err(), "dbus-daemon is not installed");
        eprintln!("SKIPPED: the desktop (dbus-daemon is not installed)");
    }
    desktop
}

/// What every log of this world says.
pub(crate) fn logs(world: &World) -> String {
    let entries = std::fs::read_dir(world.home().join("logs")).unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect()
}
