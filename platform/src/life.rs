//! The life of a long-lived process: it takes its post, opens the database, enters its row, beats, and stops when asked.
//! A *refusal* ends it before it is ready, with one line and a documented exit code.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use agentlab_domain::{
    exit_code,
    role::{Post, Role},
};
use nix::sys::signal::Signal;
use tokio::{signal::unix, sync::watch};

use crate::{
    agent::AgentMissing,
    clock,
    config::{self, Config, ConfigError},
    db::{Db, DbError, Terms},
    home::{Home, HomeError},
    identity::Identity,
    lock::{Lock, Mode},
    ping, telemetry,
};

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(10);

/// Why a process does not start: one line, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: u8,
    pub message: String,
}

impl Refusal {
    /// A part that is needed is unavailable.
    pub fn unavailable(message: impl ToString) -> Self {
        Self { code: exit_code::UNAVAILABLE, message: message.to_string() }
    }
    /// The configuration is wrong.
    pub fn configuration(message: impl ToString) -> Self {
        Self { code: exit_code::CONFIGURATION, message: message.to_string() }
    }
}

impl From<HomeError> for Refusal {
    fn from(error: HomeError) -> Self {
        Self::configuration(error)
    }
}
impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}
impl From<AgentMissing> for Refusal {
    fn from(error: AgentMissing) -> Self {
        Self::unavailable(error)
    }
}
impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        let code = match &error {
            DbError::Newer { .. } => exit_code::CONFIGURATION,
            DbError::SetAside
            | DbError::Busy { .. }
            | DbError::File { .. }
            | DbError::Migrate(_)
            | DbError::Queue(_)
            | DbError::Json(_)
            | DbError::Illegal(_)
            | DbError::Disk(_)
            | DbError::NotAQuestion
            | DbError::Sql(_) => exit_code::UNAVAILABLE,
        };
        Self { code, message: error.to_string() }
    }
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
    note: Arc<Mutex<Option<String>>>,
    stop: Stop,
    _lock: Lock,
}

impl Life {
    /// Takes the post, or refuses.
    pub async fn begin(post: Post) -> Result<Self, Refusal> {
        let home = Home::open()?;
        let config = config::load(&home)?;
        let lock = Lock::take(&home.post_lock(post), Mode::Exclusive)
            .map_err(|error| Refusal::unavailable(format!("{:?}: {error}", home.post_lock(post))))?
            .ok_or_else(|| Refusal {
                code: exit_code::ALREADY_RUNNING,
                message: format!("{post} is already running in {}", home.path().display()),
            })?;
        telemetry::start(&home, &post.to_string(), &config.secrets())
            .map_err(|error| Refusal::unavailable(format!("the log cannot be written: {error}")))?;
        let mut stop = Stop::listen().map_err(Refusal::unavailable)?;
        let identity = Identity::own().map_err(Refusal::unavailable)?;
        let name = format!("{post}.{}", ulid::Ulid::generate());
        let entered = async {
            let db = open(&home).await?.under(Terms::from(&config));
            patiently(|| db.enter(post, &name, &identity, config.fingerprint())).await?;
            Ok::<Db, DbError>(db)
        };
        let db = tokio::select! {
            db = entered => db?,
            () = stop.asked(1) => {
                return Err(Refusal { code: exit_code::DONE, message: format!("{post} was stopped before it was ready") });
            }
        };
        tracing::info!(post = %post, pid = identity.pid, "started");
        Ok(Self { home, config, db, post, name, progress: Arc::default(), note: Arc::default(), stop, _lock: lock })
    }

    /// Says that this process is ready, and beats from now on.
    pub async fn ready(&self) -> Result<(), Refusal> {
        patiently(|| self.db.mark_ready(&self.name)).await?;
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
        if let Ok(mut note) = self.note.lock() {
            *note = words;
        }
    }

    /// Tells when the process is asked to stop.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }
}

/// Opens the database; one that is locked is waited for, never given up.
pub async fn open(home: &Home) -> Result<Db, DbError> {
    patiently(|| Db::open(home)).await
}

/// Does it again while all that is wrong is somebody else's lock.
async fn patiently<T, F: Future<Output = Result<T, DbError>>>(act: impl Fn() -> F) -> Result<T, DbError> {
    loop {
        match act().await {
            Err(error) if error.is_busy() => {
                tracing::warn!(%error, "the database is locked; I try again");
                tokio::time::sleep(clock::scaled(Duration::from_secs(1))).await;
            }
            done => return done,
        }
    }
}

/// How often this process was asked to stop (SIGTERM or SIGINT).
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<u32>);

impl Stop {
    /// Listens from now on. Must be called inside a runtime.
    pub fn listen() -> std::io::Result<Self> {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
        let (asked, stop) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                asked.send_modify(|times| *times += 1);
            }
        });
        Ok(Self(stop))
    }

    /// Waits until it was asked at least `times`.
    pub async fn asked(&mut self, times: u32) {
        if self.0.wait_for(|asked| *asked >= times).await.is_err() {
            // The listener is gone with its runtime: nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether it was asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow() > 0
    }
}

/// For tests: `point:/a/file`. The process kills itself at that failpoint, once (the file remembers).
pub const KILL_AT: &str = "AGENTLAB_TEST_KILL_AT";
/// The same, and it only stops itself (SIGSTOP).
pub const STOP_AT: &str = "AGENTLAB_TEST_STOP_AT";
/// For tests: `point:/a/file`. The process makes the file at that failpoint, once, and stays there until it is gone.
pub const PAUSE_AT: &str = "AGENTLAB_TEST_PAUSE_AT";

/// Arms what these ask for. Failpoints exist in test builds only.
pub fn arm_failpoints() {
    if !fail::has_failpoints() {
        return;
    }
    let arm = |name: &str, act: fn(&std::path::Path)| {
        let Ok(setting) = std::env::var(name) else { return };
        let Some((point, marker)) = setting.split_once(':') else { return };
        let (marker, spent) = (std::path::PathBuf::from(marker), std::path::PathBuf::from(format!("{marker}.spent")));
        let _ = fail::cfg_callback(point, move || {
            if std::fs::OpenOptions::new().write(true).create_new(true).open(&spent).is_ok()
                && std::fs::write(&marker, std::process::id().to_string()).is_ok()
            {
                act(&marker);
            }
        });
    };
    arm(KILL_AT, |_| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    });
    arm(STOP_AT, |_| {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), Signal::SIGSTOP);
    });
    arm(PAUSE_AT, |marker| {
        while marker.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
