//! The recorder of crashes. Whoever notices a death hands it over and goes on: its line is written at once, its row as soon as
//! the database can be written, and the owner is told when a release is suspect or a component crashes again and again.
//!
//! It judges nothing (`domain::crash`) and starts nothing again.

use std::{collections::BTreeSet, ffi::OsStr, fs, time::Duration};

use agentlab_domain::{
    crash::{self, How, Kind},
    ladder::Rung,
    plan::Asked,
    restart,
    role::{Post, Role},
};
use agentlab_platform::{
    clock, crash_history,
    crash_history::Entry,
    db::{Db, DbError},
    death::{self, Death},
    home::Home,
    life::Life,
    lock, pulse,
    redaction::Redaction,
    release,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::{alerts::Alerts, post::Fallen};

/// How many deaths, and how many rows, may wait. What is too much is in the log, and a row follows its line at the next start.
const WAITING: usize = 200;
/// How many crashes are known here in case that the file takes none.
const REMEMBERED: usize = 100;
/// Crashes so long ago need no row any more, and no alert.
const DAY_MS: i64 = 24 * 3_600_000;

/// A row that is to be written.
#[derive(Debug)]
enum Row {
    Crashes(Vec<Entry>),
    Recovery { post: Post, rung: Rung, changed: bool, words: String },
}

/// Where deaths are handed over.
#[derive(Debug)]
pub(crate) struct Recorder {
    deaths: Sender<Death>,
    rows: Sender<Row>,
}

impl Recorder {
    /// Records from now on, and at once what died while no supervisor looked. Must be called inside a runtime.
    pub(crate) fn begin(life: &Life, alerts: Alerts) -> Self {
        let (deaths, died) = channel(WAITING);
        let (rows, asked) = channel(WAITING);
        tokio::spawn(write_rows(life.db.clone(), asked));
        let recording = Recording {
            home: life.home.clone(),
            secrets: Redaction::of_logs(&life.config.secrets()),
            own: Vec::new(),
            rows: rows.clone(),
            alerts,
        };
        let before = unseen(&life.home);
        tokio::spawn(record(recording, before, died));
        Self { deaths, rows }
    }

    /// Somebody ended at a post, which is not filled again yet.
    pub(crate) fn died(&self, home: &Home, fallen: &Fallen) {
        if let Err(error) = self.deaths.try_send(death_of(home, fallen)) {
            tracing::error!(%error, post = %fallen.post, "too many deaths wait to be recorded");
        }
    }

    /// A rung was taken for a component.
    pub(crate) fn recovered(&self, post: Post, rung: Rung, changed: bool, words: String) {
        hand_over(&self.rows, Row::Recovery { post, rung, changed, words });
    }
}

pub(crate) fn death_of(home: &Home, fallen: &Fallen) -> Death {
    let person = fallen.person.as_ref();
    let asked = person.map_or(Asked::Nothing, |person| person.asked);
    let hang = person.and_then(|person| person.hang).filter(|_| asked == Asked::Kill);
    let how = match (hang, fallen.status) {
        (Some(hang), _) => How::Hung(hang.words().to_owned()),
        (None, Some(status)) => death::how(status),
        (None, None) => How::Found,
    };
    if fallen.silent {
        return Death::silent(home, fallen.post, how);
    }
    let mut death = Death::of(home, fallen.post, person.map(|person| &person.identity), how.clone());
    if death.name.is_none()
        && let Some(beat) = person.and_then(|person| person.beat.clone())
    {
        // Somebody else has begun there since: what the last look saw counts.
        death = Death { last: death.last, ..Death::after(fallen.post, beat, how) };
    }
    death.asked |= asked != Asked::Nothing;
    death
}

/// Who died while no supervisor looked, as far as their pulses tell. How the supervisor itself ended was noted when
/// this one took its post.
fn unseen(home: &Home) -> Vec<Death> {
    let entries = fs::read_dir(home.run()).into_iter().flatten().filter_map(Result::ok);
    let pulses = entries.map(|entry| entry.path()).filter(|path| path.extension() == Some(OsStr::new("pulse")));
    let posts = pulses.filter_map(|path| Post::parse(path.file_stem()?.to_str()?));
    let empty = posts.filter(|post| {
        // "Cannot tell" is no proof.
        post.role != Role::Supervisor && matches!(lock::is_held(&home.post_lock(*post)), Ok(false))
    });
    empty.filter_map(|post| crash_history::left_behind(post, &pulse::read(home, post)?)).collect()
}

struct Recording {
    home: Home,
    secrets: Redaction,
    /// The last crashes that were noted here.
    own: Vec<Entry>,
    rows: Sender<Row>,
    alerts: Alerts,
}

async fn record(mut recording: Recording, before: Vec<Death>, mut died: Receiver<Death>) {
    for death in before {
        recording.note(death).await;
    }
    recording.catch_up();
    while let Some(death) = died.recv().await {
        recording.note(death).await;
    }
}

impl Recording {
    /// Notes a death, if it was a crash, and whatever follows from it.
    async fn note(&mut self, death: Death) {
        let (home, secrets, own, post) = (self.home.clone(), self.secrets.clone(), self.own.clone(), death.post);
        // A thread of its own: the history may be long, and a disk slow.
        let noted = tokio::task::spawn_blocking(move || crash_history::note(&home, &death, &secrets, &own)).await;
        let (entry, suspicion) = match noted {
            Ok(Some(noted)) => noted,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, %post, "a crash could not be noted"),
        };
        tracing::warn!(%post, reason = entry.reason, "crashed");
        if let Some(suspicion) = suspicion {
            self.tell_of_suspicion(&suspicion, &entry);
        }
        hand_over(&self.rows, Row::Crashes(vec![entry.clone()]));
        self.own.push(entry);
        if self.own.len() > REMEMBERED {
            self.own.remove(0);
        }
        self.tell_of_series(&self.crashes(), post);
    }

    /// What earlier supervisors noted and could not say any more: rows that are missing, alerts that were not given.
    fn catch_up(&self) {
        let crashes = self.crashes();
        let is_new = |entry: &&Entry| clock::now_ms() - entry.at <= crash_history::spans().together_ms;
        if let Some(last) = crashes.iter().rev().filter(is_new).find(|entry| entry.suspect) {
            let until = crashes.iter().filter(|entry| entry.at <= last.at);
            let own = release::current();
            let found = crash_history::judge(until, last, own.born()).filter(|found| found.release == own.named());
            if let Some(found) = found {
                self.tell_of_suspicion(&found, last);
            }
        }
        let posts: BTreeSet<Post> = crashes.iter().filter(is_new).filter_map(Entry::post).collect();
        for post in posts {
            self.tell_of_series(&crashes, post);
        }
        hand_over(&self.rows, Row::Crashes(crashes));
    }

    /// The crashes of the last day, also those that the file did not take.
    fn crashes(&self) -> Vec<Entry> {
        let mut known = crash_history::read(&self.home);
        let unknown: Vec<Entry> = self.own.iter().filter(|entry| !known.contains(entry)).cloned().collect();
        known.extend(unknown);
        let since = clock::now_ms() - DAY_MS;
        known.retain(|entry| entry.kind == Kind::Crash && entry.at >= since);
        known
    }

    fn tell_of_suspicion(&self, found: &crash::Suspicion, last: &Entry) {
        let words = format!(
            "agentlab: {}. The last crash: {}, {}. If it goes on, go back to the release before it. `agentlab status` \
             shows what runs.",
            found.words(),
            last.process,
            last.reason
        );
        self.alerts.tell(format!("suspect:{}", found.release), words);
    }

    /// One component crashes again and again, whatever its age.
    fn tell_of_series(&self, crashes: &[Entry], post: Post) {
        let own: Vec<&Entry> = crashes.iter().filter(|entry| entry.post() == Some(post)).collect();
        let times: Vec<i64> = own.iter().map(|entry| entry.at).collect();
        let (Some(began), Some(last)) = (crash::series(&times, crash_history::spans()), own.last()) else { return };
        let words = format!(
            "agentlab: {post} crashed {} times within 30 minutes; each time it is started again. The last time: {}. \
             `agentlab logs` says more.",
            crash::MANY,
            last.reason
        );
        self.alerts.tell(format!("crashes:{post}:{began}"), words);
    }
}

fn hand_over(rows: &Sender<Row>, row: Row) {
    if let Err(error) = rows.try_send(row) {
        tracing::error!(%error, "too many rows wait for the database");
    }
}

/// Writes the rows, in order, for as long as it takes: nobody waits for them.
async fn write_rows(db: Db, mut asked: Receiver<Row>) {
    while let Some(row) = asked.recv().await {
        let mut tries = 0;
        while let Err(error) = write_row(&db, &row).await {
            tries += 1;
            tracing::warn!(%error, tries, "a crash or a recovery has no row yet");
            if !error.is_busy() && tries > 3 {
                break;
            }
            let wait: Duration = restart::locked(tries, fastrand::f64());
            tokio::time::sleep(clock::scaled(wait)).await;
        }
    }
}

async fn write_row(db: &Db, row: &Row) -> Result<(), DbError> {
    match row {
        Row::Crashes(entries) => db.crashed(entries).await.map(drop),
        Row::Recovery { post, rung, changed, words } => db.recovered(*post, *rung, *changed, words).await,
    }
}
