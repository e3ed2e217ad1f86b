//! The life of a long-lived process: it takes its post, opens the database, enters its row, beats, and stops when asked.
//! A *refusal* ends it before it is ready, with one line and a documented exit code.

mod refusal;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

pub use self::refusal::Refusal;
pub use crate::stop::Stop;
use agentlab_domain::{
    exit_code, restart,
    role::{Post, Role},
};

use crate::{
    clock,
    config::{self, Config},
    crash_history,
    db::{Db, DbError, Terms},
    home::Home,
    identity::Identity,
    lock::{Lock, Mode},
    notify::{self, Saying},
    ping,
    pulse::{self, Pulse},
    redaction::Redaction,
    restore::{self, Depth},
    telemetry,
};

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(10);

/// Between two tries while there is no room for the database.
const FULL: Duration = Duration::from_secs(5);

/// Refuses where something else stands in the place of a lock: whether somebody is there cannot be told then, and nobody may be
/// started. That is for a person: somebody may hold the file that stood there.
pub fn locks_are_files(home: &Home, posts: &[Post]) -> Result<(), Refusal> {
    for post in posts {
        let path = home.post_lock(*post);
        if std::fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            let message = format!("{} is no file, and the lock of {post} belongs there: move it away", path.display());
            return Err(Refusal::unavailable(message));
        }
    }
    Ok(())
}

/// A process that has taken its post.
#[derive(Debug)]
pub struct Life {
    pub home: Home,
    pub config: Config,
    pub db: Db,
    pub post: Post,
    /// Unique per process start; leases are held under it.
    pub name: String,
    /// What the loop got done, for the heartbeat.
    pub progress: Arc<AtomicI64>,
    /// What it says of itself without the database.
    pub pulse: Pulse,
    note: Arc<Mutex<Option<String>>>,
    stop: Stop,
    _lock: Lock,
}

/// A post that was taken: the process is known to everybody, and has not needed the database yet.
#[derive(Debug)]
pub struct Taken {
    pub home: Home,
    pub config: Config,
    /// What it says of itself without the database.
    pub pulse: Pulse,
    post: Post,
    name: String,
    identity: Identity,
    note: Arc<Mutex<Option<String>>>,
    stop: Stop,
    lock: Lock,
}

/// What is wrong, in words, for whoever reads the pulse.
#[derive(Debug, Clone, Default)]
pub struct Note(Arc<Mutex<Option<String>>>);

impl Note {
    /// Says it, or with `None` that nothing is wrong.
    pub fn set(&self, words: Option<String>) {
        if let Ok(mut note) = self.0.lock() {
            *note = words;
        }
    }
}

impl Taken {
    /// Says what is wrong, also without a database.
    pub fn noted(&self) -> Note {
        Note(Arc::clone(&self.note))
    }

    /// Takes the post, or refuses. Must be called inside a runtime.
    pub fn take(post: Post) -> Result<Self, Refusal> {
        let home = Home::open()?;
        let config = config::load(&home)?;
        locks_are_files(&home, &[post])?;
        let lock = Lock::take(&home.post_lock(post), Mode::Exclusive)
            .map_err(|error| Refusal::in_the_way(post, &home.post_lock(post), &error))?
            .ok_or_else(|| Refusal {
                code: exit_code::ALREADY_RUNNING,
                message: format!("{post} is already running in {}", home.path().display()),
            })?;
        telemetry::start(&home, &post.to_string(), &config.secrets()).map_err(|error| {
            let logs = home.logs();
            Refusal::unavailable(format!("the log of {post} in {} cannot be written: {error}", logs.display()))
        })?;
        let stop = Stop::listen().map_err(Refusal::unavailable)?;
        let identity = Identity::own().map_err(Refusal::unavailable)?;
        let name = format!("{post}.{}", ulid::Ulid::generate());
        let note = Arc::default();
        // Its last beat, before ours takes its place.
        let before = pulse::read(&home, post);
        let pulse = Pulse::begin(&home.pulse(post), (&name, &identity), config.fingerprint(), &note)
            .map_err(|error| Refusal::in_the_way(post, &home.pulse(post), &error))?;
        pulse.say_when_asked(stop.clone());
        crash_history::began(&home, post, &name, before.as_ref());
        Ok(Self { home, config, pulse, post, name, identity, note, stop, lock })
    }

    /// Tells when the process is asked to stop.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    async fn entered(&self, tell: impl Fn(&str)) -> Result<Db, DbError> {
        let mut told = false;
        loop {
            let error = match self.open_and_enter().await {
                Ok(Some(db)) => return Ok(db),
                Ok(None) => continue,
                Err(error) => error,
            };
            if !error.is_full() {
                return Err(error);
            }
            if !std::mem::replace(&mut told, true) {
                let words = format!("there is no room for the database ({error}): I go on as soon as there is");
                tracing::error!("{words}");
                tell(&words);
            }
            // It lasts longer than a start may take without a word.
            notify::starting();
            tokio::time::sleep(clock::scaled(FULL)).await;
        }
    }

    /// Nothing where the database is to be opened again.
    async fn open_and_enter(&self) -> Result<Option<Db>, DbError> {
        let db = open(&self.home, Depth::Whole).await?.under(Terms::from(&self.config));
        let enter = || db.enter(self.post, &self.name, &self.identity, self.config.fingerprint());
        let Err(error) = patiently(enter).await else { return Ok(Some(db)) };
        // Others have it open, so nobody looked at all of it: this statement was the first to meet it.
        let again = restore::must_let_go(&db).await;
        db.let_go().await;
        if !again {
            return Err(error);
        }
        tracing::error!(%error, "the database is not to be gone on with: I open it again once it is restored");
        Ok(None)
    }

    /// Opens the database, which is waited for while it is locked, and enters the process' row.
    pub async fn enter(self) -> Result<Life, Refusal> {
        self.enter_telling(|_| {}).await
    }

    /// The same; says what it waits for where there is no room to restore it.
    pub async fn enter_telling(self, tell: impl Fn(&str)) -> Result<Life, Refusal> {
        let mut stop = self.stop.clone();
        let db = tokio::select! {
            db = self.entered(tell) => db?,
            () = stop.asked(1) => {
                let message = format!("{} was stopped before it was ready", self.post);
                return Err(Refusal { code: self.stop.code(), message });
            }
        };
        restore::guard(&db);
        tracing::info!(post = %self.post, pid = self.identity.pid, "started");
        Ok(Life {
            home: self.home,
            config: self.config,
            db,
            post: self.post,
            name: self.name,
            progress: Arc::default(),
            pulse: self.pulse,
            note: self.note,
            stop: self.stop,
            _lock: self.lock,
        })
    }
}

impl Life {
    /// Takes the post and enters, or refuses.
    pub async fn begin(post: Post) -> Result<Self, Refusal> {
        Taken::take(post)?.enter().await
    }

    /// Says that this process is ready, and beats from now on.
    pub async fn ready(&self) -> Result<(), Refusal> {
        patiently(|| self.db.mark_ready(&self.name)).await?;
        self.pulse.ready();
        notify::say(Saying::Ready);
        ping::ping(&self.home.socket(Role::Supervisor.as_str()));
        let (db, name) = (self.db.clone(), self.name.clone());
        let (progress, note) = (self.progress.clone(), self.note.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(clock::scaled(BEAT)).await;
                let note = note.lock().map(|note| note.clone()).unwrap_or_default();
                if let Err(error) = db.heartbeat(&name, progress.load(Ordering::Relaxed), note.as_deref()).await {
                    tracing::warn!(%error, "the heartbeat was not written");
                }
            }
        });
        Ok(())
    }

    /// Says what is wrong (or, with `None`, that nothing is), for `status`. Seen with the next heartbeat.
    pub fn note(&self, words: Option<String>) {
        // Everybody on this machine may read it, and it may hold what a server answered.
        let secrets = Redaction::of_logs(&self.config.secrets());
        let words = words.map(|words| secrets.text(&words));
        if let Ok(mut note) = self.note.lock() {
            *note = words;
        }
    }

    /// With which exit code it ends after it was asked to.
    pub fn code(&self) -> u8 {
        self.stop.code()
    }

    /// Tells when the process is asked to stop.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

/// Opens the database; one that is locked is waited for, never given up.
pub async fn open(home: &Home, depth: Depth) -> Result<Db, DbError> {
    waiting(|| restore::open(home, depth), DbError::is_busy).await
}

/// Does it again while all that is wrong is somebody else's lock, or that there is no room: after 2, 5, then every 10 seconds.
pub async fn patiently<T, F: Future<Output = Result<T, DbError>>>(act: impl Fn() -> F) -> Result<T, DbError> {
    waiting(act, |error| error.is_busy() || error.is_full()).await
}

async fn waiting<T, F: Future<Output = Result<T, DbError>>>(
    act: impl Fn() -> F,
    passes: impl Fn(&DbError) -> bool,
) -> Result<T, DbError> {
    let mut tries = 0;
    loop {
        match act().await {
            Err(error) if passes(&error) => {
                tries += 1;
                let wait = clock::scaled(restart::locked(tries, fastrand::f64()));
                let what = if error.is_busy() { "the database is locked" } else { "there is no room for the database" };
                tracing::warn!(%error, tries, "{what}; I try again");
                tokio::time::sleep(wait).await;
            }
            done => return done,
        }
    }
}
