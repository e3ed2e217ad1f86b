//! The pulse of a long-lived process: what it says of itself once a second, from a thread of its own, in a small file. No
//! database is needed to write it or to read it.
//!
//! A *loop* promises that it turns again within a limit; it is *late* when it has not, counted in the time in which
//! the thread itself ran: so neither a sleeping laptop nor a stopped process makes it late, and a late loop beside a
//! beating thread is positive evidence of a frozen one. What is done about it is decided in `domain::health`.

mod beat;
mod ending;
pub mod limit;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use nix::fcntl::OFlag;

pub use beat::{Beat, LoopBeat, all, read};
pub use ending::Ending;

use crate::{
    clock,
    identity::Identity,
    kept,
    notify::{self, Saying},
    release,
    stop::Stop,
};

/// Between two beats.
const BEAT: Duration = Duration::from_secs(1);
/// Tests shorten the beat no further: a busy machine must not look like a frozen loop.
const SHORTEST_BEAT: Duration = Duration::from_millis(250);
/// The runtime answers a beat within this time, or the thread that it runs on is frozen. Not shortened by tests.
const RUNTIME: Duration = Duration::from_millis(1500);
/// The file has this many bytes, always, so that it is written in one piece.
const SIZE: usize = 4096;
/// The loop that every process has: the runtime itself.
pub const RUNTIME_LOOP: &str = "runtime";
/// What the bot counts: the answers of Telegram to its questions for messages. It promises nothing.
pub const ANSWERS: &str = "answers";

/// A loop's count of its turns. The default one is in no pulse: nobody looks at it.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    turns: AtomicU64,
    /// Milliseconds until the next turn at the latest; 0 while it promises nothing.
    limit_ms: AtomicU64,
}

impl Turns {
    /// One more turn, and the next one within `limit`, which is a real time: scale it before.
    pub fn turn(&self, limit: Duration) {
        self.0.limit_ms.store(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// It waits for something that may never come: until its next turn it promises nothing.
    pub fn rest(&self) {
        self.0.limit_ms.store(0, Ordering::Relaxed);
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How many turns there were.
    pub fn count(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }
}

/// The pulse of this process; it stops with this value.
#[derive(Debug)]
pub struct Pulse {
    shared: Arc<Shared>,
    _ending: Ending,
    _stops_with: Sender<()>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: Mutex<File>,
    beat: Mutex<Beat>,
    note: Arc<Mutex<Option<String>>>,
    loops: Mutex<Vec<(&'static str, Arc<Counter>)>>,
}

impl Pulse {
    /// Begins to beat, and has beaten once when it returns. Must be called inside a runtime, whose thread is watched.
    pub fn begin(
        path: &Path,
        (name, identity): (&str, &Identity),
        config: &str,
        note: &Arc<Mutex<Option<String>>>,
    ) -> io::Result<Self> {
        let release = release::current();
        let beat = Beat {
            name: name.to_owned(),
            identity: identity.clone(),
            version: release.version.to_owned(),
            commit: release.commit.map(str::to_owned),
            committed_at: release.committed_at,
            installed_at: release.installed_at,
            config: config.to_owned(),
            ready: false,
            asked: false,
            ended: false,
            beats: 0,
            note: None,
            kept_by: kept::by().map(str::to_owned),
            loops: BTreeMap::new(),
        };
        let file = Mutex::new(open(path)?);
        let (stops_with, stopped) = channel();
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            file,
            beat: Mutex::new(beat),
            note: Arc::clone(note),
            loops: Mutex::default(),
        });
        shared.write(&BTreeMap::new())?;
        notify::say(Saying::Starting);
        let ending = Ending(Arc::clone(&shared));
        let pulse = Self { shared: Arc::clone(&shared), _ending: ending, _stops_with: stops_with };
        let runtime = (pulse.turns(RUNTIME_LOOP), tokio::runtime::Handle::current());
        // It promises from the beginning: who freezes before the first question would never be late.
        runtime.0.turn(RUNTIME);
        std::thread::Builder::new().name("pulse".into()).spawn(move || beat_on(&shared, &runtime, &stopped))?;
        Ok(pulse)
    }

    /// A loop of this process. It promises nothing before its first turn.
    pub fn turns(&self, name: &'static str) -> Turns {
        let counter = Arc::new(Counter::default());
        if let Ok(mut loops) = self.shared.loops.lock() {
            loops.retain(|(known, _)| *known != name);
            loops.push((name, Arc::clone(&counter)));
        }
        Turns(counter)
    }

    /// Says at once that this process is ready.
    pub fn ready(&self) {
        self.shared.say(|beat| beat.ready = true);
    }

    /// Says so at once when this process is asked to stop. Must be called inside a runtime.
    pub(crate) fn say_when_asked(&self, mut stop: Stop) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            stop.asked(1).await;
            shared.say(|beat| beat.asked = true);
            notify::say(Saying::Stopping);
        });
    }
}

impl Shared {
    /// Changes what is said, and says it.
    fn say(&self, change: impl FnOnce(&mut Beat)) {
        let loops = match self.beat.lock() {
            Ok(mut beat) => {
                change(&mut beat);
                beat.loops.clone()
            }
            Err(_) => return,
        };
        if let Err(error) = self.write(&loops) {
            tracing::warn!(%error, "the pulse was not written");
        }
    }

    /// Beats once.
    fn write(&self, loops: &BTreeMap<String, LoopBeat>) -> io::Result<()> {
        let broken = || io::Error::other("a thread broke while it wrote the pulse");
        let mut beat = self.beat.lock().map_err(|_| broken())?;
        beat.beats += 1;
        loops.clone_into(&mut beat.loops);
        let note = self.note.lock().map_err(|_| broken())?;
        beat.note = note.as_ref().map(|note| note.chars().take(200).collect());
        let mut bytes = serde_json::to_vec(&*beat)?;
        if bytes.len() > SIZE {
            beat.note = None;
            bytes = serde_json::to_vec(&*beat)?;
        }
        bytes.resize(SIZE, b' ');
        let mut file = self.file.lock().map_err(|_| broken())?;
        if !is_at(&file, &self.path) {
            // Somebody removed it, or moved it away: nobody could know who is here.
            *file = open(&self.path)?;
        }
        file.write_all_at(&bytes, 0)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Whatever stands in its place, it is not waited for.
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    // What an earlier process left may be longer, and would stand behind every beat.
    file.set_len(SIZE as u64)?;
    Ok(file)
}

/// Whether the file still stands in its place.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(found)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    open.ino() == found.ino() && open.dev() == found.dev()
}

/// For failpoints of tests that hold a process: it is not to look frozen.
pub(crate) static HELD: AtomicBool = AtomicBool::new(false);

/// What the thread knows of a loop.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    turns: u64,
    waited: Duration,
}

fn beat_on(shared: &Shared, (runtime, handle): &(Turns, tokio::runtime::Handle), stopped: &Receiver<()>) {
    let every = clock::scaled(BEAT).max(SHORTEST_BEAT);
    let mut known: BTreeMap<&'static str, Known> = BTreeMap::new();
    let answered = Arc::new(AtomicI64::new(0));
    let mut asked = 0;
    let mut last = clock::instant();
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        // Asked again only when it has answered: a frozen runtime does not get a queue of questions.
        if answered.load(Ordering::Relaxed) == asked {
            asked += 1;
            let (runtime, answered) = (runtime.clone(), Arc::clone(&answered));
            handle.spawn(async move {
                runtime.turn(RUNTIME);
                answered.fetch_add(1, Ordering::Relaxed);
            });
        }
        let ran = passed(&mut last, every);
        let loops = look(shared, &mut known, ran);
        // Before the disk is touched: one that hangs is no reason to end us.
        let late = loops.values().any(|turns| turns.late_ms > 0);
        let said = shared.beat.lock().ok().and_then(|beat| Saying::of_beat(beat.ready, beat.asked, late));
        if let Some(saying) = said {
            notify::say(saying);
        }
        // A disk that is full now is written to in a second.
        let _ = shared.write(&loops);
    }
}

/// The time since the last beat, as far as this thread can have run in it.
fn passed(last: &mut Instant, every: Duration) -> Duration {
    let now = clock::instant();
    let since = now.duration_since(*last);
    *last = now;
    // However long a gap was (SIGSTOP, a paused machine), it is one beat.
    since.min(every)
}

fn look(shared: &Shared, known: &mut BTreeMap<&'static str, Known>, ran: Duration) -> BTreeMap<String, LoopBeat> {
    let Ok(loops) = shared.loops.lock() else { return BTreeMap::new() };
    let held = HELD.load(Ordering::Relaxed);
    let mut seen = BTreeMap::new();
    for (name, counter) in loops.iter() {
        let turns = counter.turns.load(Ordering::Relaxed);
        let limit = Duration::from_millis(counter.limit_ms.load(Ordering::Relaxed));
        let before = known.get(name).copied().unwrap_or_default();
        let moved = turns != before.turns || limit.is_zero() || held;
        let waited = if moved { Duration::ZERO } else { before.waited + ran };
        known.insert(name, Known { turns, waited });
        // Beats and limits come in whole seconds: at the limit it is late, not a beat after it.
        let late_ms = if !moved && waited >= limit { u64::try_from(waited.as_millis()).unwrap_or(u64::MAX) } else { 0 };
        seen.insert((*name).to_owned(), LoopBeat { turns, late_ms });
    }
    seen
}
