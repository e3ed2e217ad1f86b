//! The rules of alerts, looked at every few seconds beside everything else: what is seen is judged in `domain::alert`, and what
//! fires is handed to the desk again and again for as long as it lasts. It needs neither the database nor the loop that keeps the
//! posts; rules about rows wait where these cannot be read.

mod look;
mod slow;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use agentlab_domain::alert::{
    Rule, Severity,
    delivery::Occasion,
    episode::{self, Change, Phase, Sign, Terms},
    facts::{self, Finding, Limits},
    words,
};
use agentlab_platform::{
    alert::Alert, clock, config::Config, db::Db, detectors, failpoints, home::Home, life::Taken, pulse::Turns,
    pulse::limit,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::alerts::Alerts;
use look::Look;
use slow::Slow;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// Tests shorten it no further.
const SHORTEST: Duration = Duration::from_millis(200);
/// What lasts is handed over again.
const AGAIN: Duration = Duration::from_secs(30);
/// So long it must be well until it is over.
const SETTLED: Duration = Duration::from_mins(1);

/// The rules at work; they end with this value.
#[derive(Debug)]
pub(crate) struct Rules {
    db: watch::Sender<Option<Db>>,
    workers: Arc<AtomicU32>,
    looks: JoinHandle<()>,
    loops: [Turns; 2],
}

impl Drop for Rules {
    fn drop(&mut self) {
        self.looks.abort();
        // Who looks no more on purpose is not late.
        self.loops.iter().for_each(Turns::rest);
    }
}

impl Rules {
    /// Begins to look. Must be called inside a runtime.
    pub(crate) fn begin(taken: &Taken, alerts: Alerts) -> Self {
        let (db, opened) = watch::channel(None);
        let workers = Arc::new(AtomicU32::new(taken.config.workers.count));
        let every = clock::scaled(EVERY).max(SHORTEST);
        let (rules, facts) = (taken.pulse.turns(detectors::RULES), taken.pulse.turns(detectors::FACTS));
        let loops = [rules.clone(), facts.clone()];
        let watching = Watching {
            home: taken.home.clone(),
            limits: scaled(&taken.config),
            looks: Look::of(taken, Arc::clone(&workers)),
            slow: Slow::begin(taken.home.clone(), alerts.book().clone(), opened, facts, every),
            episodes: adopted(&alerts),
            alerts,
        };
        let looks = tokio::spawn(watching.watch(rules, every));
        Self { db, workers, looks, loops }
    }

    /// There is a database now.
    pub(crate) fn entered(&self, db: &Db) {
        self.db.send_replace(Some(db.clone()));
    }

    /// So many workers are wanted from now on.
    pub(crate) fn want(&self, workers: u32) {
        self.workers.store(workers, Ordering::Relaxed);
    }
}

fn scaled(config: &Config) -> Limits {
    let limits = config.alerts.limits(Duration::from_mins(config.backup.every_minutes));
    Limits {
        bot_down: clock::scaled(limits.bot_down),
        backup_old: clock::scaled(limits.backup_old),
        errors_for: clock::scaled(limits.errors_for),
        depth_for: clock::scaled(limits.depth_for),
        component_down: clock::scaled(limits.component_down),
        detector_silent: clock::scaled(limits.detector_silent),
        ..limits
    }
}

/// What is known of one rule and subject.
#[derive(Debug)]
struct Episode {
    phase: Phase,
    alert: Alert,
    /// Milliseconds of the monotonic clock at which it was handed over last.
    given_at: i64,
}

/// What an earlier supervisor, or whoever watched it, left open: it goes on if it still lasts, and is over otherwise.
fn adopted(alerts: &Alerts) -> BTreeMap<String, Episode> {
    let open = alerts.book().read().into_iter().filter(|(_, entry)| entry.over.is_none());
    let episode = |(key, entry): (String, agentlab_platform::alert::book::Entry)| {
        let lasted = u64::try_from(clock::now_ms() - entry.began).unwrap_or_default();
        let alert = Alert {
            rule: Rule::parse(&entry.rule)?,
            severity: Severity::parse(&entry.severity)?,
            subject: entry.subject,
            occasion: Occasion::Lasts,
            ..Alert::once(key.clone(), entry.words)
        };
        let phase = Phase::Firing { lasted: Duration::from_millis(lasted), well: Duration::ZERO };
        Some((key, Episode { phase, alert, given_at: 0 }))
    };
    open.filter_map(episode).collect()
}

struct Watching {
    home: Home,
    limits: Limits,
    looks: Look,
    episodes: BTreeMap<String, Episode>,
    slow: Slow,
    alerts: Alerts,
}

impl Watching {
    async fn watch(mut self, turns: Turns, every: Duration) {
        let mut last = clock::instant();
        loop {
            turns.turn(limit::within(EVERY));
            failpoints::freeze("rules-look").await;
            let ran = last.elapsed();
            last = clock::instant();
            let facts = self.looks.look(&self.slow, (ran, every));
            self.follow(facts::judge(&facts, &self.limits), (ran, every));
            tokio::time::sleep(every).await;
        }
    }

    /// Goes on with every episode.
    fn follow(&mut self, findings: Vec<Finding>, looks: (Duration, Duration)) {
        let named: Vec<String> = findings.iter().map(Finding::key).collect();
        // What no rule names any more is well: a worker that nobody wants, a supervisor that took the place of a dead one.
        let unnamed: Vec<String> = self.episodes.keys().filter(|key| !named.contains(key)).cloned().collect();
        for key in unnamed {
            self.step(&key, None, Sign::Well, looks);
        }
        for (key, finding) in named.iter().zip(&findings) {
            self.step(key, Some(finding), finding.sign, looks);
        }
    }

    fn step(&mut self, key: &str, finding: Option<&Finding>, sign: Sign, looks: (Duration, Duration)) {
        let pending = finding.map_or(Duration::ZERO, |finding| finding.pending);
        let terms = Terms { pending, settled: clock::scaled(SETTLED) };
        let before = self.episodes.remove(key);
        let (phase, change) = episode::step(before.as_ref().map(|episode| episode.phase), sign, looks, terms);
        let known = before.as_ref().map(|episode| episode.alert.clone());
        let seen = finding.filter(|finding| finding.sign == Sign::Wrong).map(|finding| self.alert(key, finding, phase));
        let Some(alert) = seen.or(known) else { return };
        if let Change::Over { after } = change {
            tracing::warn!(key, "over after {after:?}");
            let words = words::over(&alert.words, after);
            self.alerts.give(&Alert { words, occasion: Occasion::Over, ..alert.clone() });
        }
        let Some(phase) = phase else { return };
        let (now, mut given_at) = (clock::monotonic_ms(), before.map_or(0, |episode| episode.given_at));
        let again = now - given_at >= i64::try_from(clock::scaled(AGAIN).as_millis()).unwrap_or(i64::MAX);
        match (phase, change) {
            (Phase::Firing { .. }, Change::Began) => {
                given_at = now;
                self.alerts.begins(&alert);
            }
            (Phase::Firing { .. }, Change::Nothing | Change::Over { .. }) if again && sign == Sign::Wrong => {
                given_at = now;
                self.alerts.give(&alert);
            }
            (Phase::Firing { .. } | Phase::Pending { .. }, Change::Began | Change::Nothing | Change::Over { .. }) => {}
        }
        self.episodes.insert(key.to_owned(), Episode { phase, alert, given_at });
    }

    fn alert(&self, key: &str, finding: &Finding, phase: Option<Phase>) -> Alert {
        let held = match phase {
            Some(Phase::Firing { lasted, .. }) => lasted,
            Some(Phase::Pending { .. }) | None => Duration::ZERO,
        };
        let lasted = held.as_secs();
        // What it measures is how long it has been so.
        let quiet = u64::from(finding.rule == Rule::BotDown) * finding.measured;
        let held = held.max(Duration::from_secs(quiet));
        let finding = Finding {
            measured: finding.measured.max(lasted * u64::from(finding.rule == Rule::ComponentDown)),
            ..finding.clone()
        };
        let mut words = words::firing(&finding);
        // The last words of whoever was there before do not say why nobody is started.
        if finding.rule == Rule::ComponentDown && !finding.unkept {
            words.push_str(&look::why(&self.home, &finding.subject));
        }
        Alert {
            rule: finding.rule,
            severity: finding.severity,
            subject: finding.subject,
            occasion: Occasion::Lasts,
            held,
            ..Alert::once(key.to_owned(), words)
        }
    }
}
