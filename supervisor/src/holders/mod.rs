//! The watch over the database's locks (rule L2). A *sweep* is one look at who keeps everybody else from writing, with what
//! `domain::holder` says about it done at once: left, woken, named or ended. It runs from the moment at which the supervisor
//! has its post, so also while the supervisor itself waits for a locked database; of which it needs nothing.
//!
//! What it notices it says on three roads, none of which it waits for: to the terminal (`news`), to the owner (`alert`), and
//! into a row once there is a database to write it into.

mod report;
mod words;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agentlab_domain::holder::{self as rule, Hold, Patience, Verdict};
use agentlab_platform::{
    clock,
    config::Config,
    db::Db,
    holder::{self, Holder, Mark},
    home::Home,
    life::{Note, Taken},
    pulse::Turns,
    spawn::{self, Wish},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{News, alerts::Alerts};
use report::Reports;

/// Between two sweeps.
const EVERY: Duration = Duration::from_secs(1);
/// A sweep that is later than this is late.
const LATE: Duration = Duration::from_secs(30);

/// The watch; it ends with this value.
#[derive(Debug)]
pub(crate) struct Holders {
    watching: Arc<Mutex<Watching>>,
    reports: Reports,
    sweeps: JoinHandle<()>,
}

/// What is known from sweep to sweep.
#[derive(Debug)]
struct Watching {
    home: Home,
    config: Config,
    hold: Option<Hold<Holder, Mark>>,
    looked_at: i64,
    /// What was said of this hold: each thing is said once.
    said: Said,
    /// The last look failed.
    blind: bool,
}

#[derive(Debug, Default)]
struct Said {
    woken: bool,
    named: bool,
    ended: bool,
}

impl Holders {
    /// The road to the owner, for everybody.
    pub(crate) fn alerts(&self) -> Alerts {
        self.reports.alerts()
    }

    /// Begins to watch, and counts its sweeps in the pulse; with what the person in front of the terminal is told of it. Must
    /// be called inside a runtime.
    pub(crate) fn watch(taken: &Taken) -> (Self, mpsc::UnboundedReceiver<News>) {
        let (tell, news) = mpsc::unbounded_channel();
        let watching = Arc::new(Mutex::new(Watching::of(&taken.home, &taken.config)));
        let alerts = Alerts::begin(&taken.home, &taken.config, |name| taken.pulse.turns(name));
        let reports = Reports::begin(alerts, taken.noted(), tell);
        let turns = taken.pulse.turns("holders");
        let sweeps = tokio::spawn(sweep_on(Arc::clone(&watching), reports.clone(), turns));
        (Self { watching, reports, sweeps }, news)
    }

    /// There is a database now: what was done, and what will be, is written into it.
    pub(crate) fn entered(&self, db: &Db) {
        self.reports.entered(db);
    }

    /// Whether somebody keeps the database locked at this moment, and not only for a moment.
    pub(crate) fn is_locked(&self) -> bool {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.hold.as_ref().is_some_and(|hold| hold.held >= patience().wake)
    }

    /// One sweep for the ladder, which writes its own row: what was done in it, in words. For how long somebody holds is
    /// known from the watch.
    pub(crate) fn end_stale(&self) -> Vec<String> {
        sweep(&self.watching, &self.reports)
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        self.sweeps.abort();
    }
}

async fn sweep_on(watching: Arc<Mutex<Watching>>, reports: Reports, turns: Turns) {
    loop {
        turns.turn(clock::scaled(LATE));
        for words in sweep(&watching, &reports) {
            reports.row(words);
        }
        tokio::time::sleep(clock::scaled(EVERY)).await;
    }
}

fn sweep(watching: &Mutex<Watching>, reports: &Reports) -> Vec<String> {
    watching.lock().unwrap_or_else(PoisonError::into_inner).sweep(reports)
}

/// The same watch where no supervisor is there to keep it: for as long as somebody keeps the database locked and something may
/// follow from that. Returns what was noticed and done, in words; `begun` is called when there is something to watch.
pub(crate) async fn watch_alone(home: &Home, config: &Config, begun: impl FnOnce()) -> Vec<String> {
    let is_locked = || holder::blocker(home).is_ok_and(|found| found.is_some());
    if !is_locked() {
        return Vec::new();
    }
    begun();
    let (tell, mut news) = mpsc::unbounded_channel();
    let alerts = Alerts::begin(home, config, |_| Turns::default());
    let (reports, mut watching) = (Reports::begin(alerts, Note::default(), tell), Watching::of(home, config));
    let (began, limit) = (clock::instant(), patience().end + clock::scaled(EVERY) * 3);
    while is_locked() && began.elapsed() < limit {
        watching.sweep(&reports);
        tokio::time::sleep(clock::scaled(EVERY)).await;
    }
    watching.sweep(&reports);
    let mut words = Vec::new();
    while let Ok(News::Locked { words: said }) = news.try_recv() {
        words.push(said);
    }
    words
}

impl Watching {
    fn of(home: &Home, config: &Config) -> Self {
        Self {
            home: home.clone(),
            config: config.clone(),
            hold: None,
            looked_at: clock::monotonic_ms(),
            said: Said::default(),
            blind: false,
        }
    }

    /// Looks once and does what follows; returns what was done to anybody, in words.
    fn sweep(&mut self, reports: &Reports) -> Vec<String> {
        let now = clock::monotonic_ms();
        let since = Duration::from_millis(u64::try_from(now - self.looked_at).unwrap_or_default());
        self.looked_at = now;
        let found = self.look();
        self.hold = rule::aged(self.hold.take(), found, since, clock::scaled(EVERY));
        let patience = patience();
        let Some(hold) = self.hold.clone().filter(|hold| hold.held >= patience.wake) else {
            let said = std::mem::take(&mut self.said);
            // By now one of ours may have it, for a moment: that is what it is for.
            if said.named {
                reports.note(None);
                reports.say(words::FREE.to_owned());
            }
            return Vec::new();
        };
        // Only now: the proof costs a look at every file that the holder has open.
        let seen = holder::seen(&self.home, &hold.holder);
        let kill_foreign = self.config.recovery.kill_foreign_holders;
        let case = words::Case { called: holder::called(&hold.holder), seen, kill_foreign };
        match rule::decide(seen, hold.held, kill_foreign, patience) {
            Verdict::Leave => {}
            Verdict::Wake => {
                if self.signal(&hold.holder, Wish::Continue) && !std::mem::replace(&mut self.said.woken, true) {
                    let words = words::woken(&case);
                    reports.say(words.clone());
                    return vec![words];
                }
            }
            Verdict::Say => {
                if !std::mem::replace(&mut self.said.named, true) {
                    reports.note(Some(words::named(&case)));
                    reports.say(words::named(&case));
                }
            }
            Verdict::Name => {
                if !std::mem::replace(&mut self.said.named, true) {
                    let words = words::named(&case);
                    reports.alert(key("holder", &hold.holder), words::to_the_owner(&words));
                    reports.note(Some(words.clone()));
                    reports.say(words);
                }
            }
            Verdict::End => {
                if self.signal(&hold.holder, Wish::Kill) && !std::mem::replace(&mut self.said.ended, true) {
                    let words = words::ended(&case);
                    reports.alert(key("holder-ended", &hold.holder), words.clone());
                    reports.say(words.clone());
                    return vec![words];
                }
            }
        }
        Vec::new()
    }

    fn look(&mut self) -> Option<(Holder, Mark)> {
        match holder::blocker(&self.home) {
            Ok(found) => {
                self.blind = false;
                found.map(|holder| (holder, holder::mark(&self.home)))
            }
            // Who cannot be seen is nobody's holder.
            Err(error) => {
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(%error, "who keeps the database locked cannot be seen");
                }
                None
            }
        }
    }

    /// Signals the holder if it holds still, right before; false when there was nobody to signal.
    fn signal(&self, holder: &Holder, wish: Wish) -> bool {
        let holds = holder::blocker(&self.home).is_ok_and(|now| now.as_ref() == Some(holder));
        match holder {
            Holder::Known(process) if holds => {
                spawn::signal(process, wish);
                true
            }
            Holder::Known(_) | Holder::Unseen => false,
        }
    }
}

fn patience() -> Patience {
    let Patience { wake, name, end } = rule::PATIENCE;
    Patience { wake: clock::scaled(wake), name: clock::scaled(name), end: clock::scaled(end) }
}

/// Under which an alert is given once.
fn key(kind: &str, holder: &Holder) -> String {
    match holder {
        Holder::Known(process) => format!("{kind}:{}:{}:{}", process.boot, process.pid, process.start),
        // Another one each time, for all that can be told.
        Holder::Unseen => format!("{kind}:unseen:{}", clock::now_ms()),
    }
}
