//! The system as a verb finds it: home, configuration, database; and a private system where none runs.

use std::time::Duration;

use agentlab_domain::exit_code;
use agentlab_platform::{
    clock,
    config::{self, Config},
    db::{Db, DbError, Terms},
    holder,
    home::Home,
    life::Refusal,
    restore::{self, Depth},
    spawn,
};

use crate::{failure::Failure, print};

/// How long somebody else may keep the database locked, readers too, before a verb gives up. The roles wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tests shorten it no further: a first call makes the database.
const SHORTEST: Duration = Duration::from_secs(5);
/// After so long it is said why nothing happens.
const SILENCE: Duration = Duration::from_secs(2);

/// What every verb needs.
pub struct System {
    pub home: Home,
    pub config: Config,
    pub db: Db,
}

impl System {
    /// Lets go of a database that is to be restored, and opens the one that takes its place. For whoever has it open for long.
    pub async fn stay_open(&mut self) -> Result<(), Failure> {
        if restore::is_condemned(&self.home) || self.db.is_in_place().is_err() {
            self.db.let_go().await;
            self.db = database(&self.home).await?.under(Terms::from(&self.config));
        }
        Ok(())
    }
}

/// Opens home, configuration and database.
pub async fn open() -> Result<System, Failure> {
    let home = Home::open()?;
    let config = config::load(&home)?;
    let db = database(&home).await?.under(Terms::from(&config));
    Ok(System { home, config, db })
}

/// Opens the database for a person who waits: while it is locked it is said by whom, and soon it is given up. Where nobody else has it
/// open it is put right first, and what was done is said.
pub async fn database(home: &Home) -> Result<Db, DbError> {
    let before = restore::last(home).map(|report| report.at);
    let opened = open_by(home, || restore::attempt(home, Depth::Quick)).await;
    if let Some(report) = restore::last(home).filter(|report| Some(report.at) != before) {
        print::note(&report.words());
    }
    opened
}

/// The same without putting anything right: for whoever asks what is wrong.
pub async fn as_it_is(home: &Home) -> Result<Db, DbError> {
    open_by(home, || Db::open(home)).await
}

async fn open_by<F: Future<Output = Result<Db, DbError>>>(home: &Home, open: impl Fn() -> F) -> Result<Db, DbError> {
    let (began, mut said) = (clock::instant(), false);
    loop {
        let attempt = open().await;
        let being_restored = matches!(attempt, Err(DbError::SetAside));
        match attempt {
            Err(error) if error.is_busy() || being_restored => {}
            done => return done,
        }
        let waited = began.elapsed();
        if waited >= patience() {
            return Err(if being_restored {
                DbError::SetAside
            } else {
                DbError::Busy { waited_ms: waited.as_millis(), by: locked_by(home) }
            });
        }
        if !said && waited >= clock::scaled(SILENCE) {
            let why = if being_restored {
                "it is being restored".to_owned()
            } else {
                format!("it is locked {}", locked_by(home))
            };
            print::note(&format!("waiting for the database: {why}"));
            said = true;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How long a verb waits for a locked database.
pub fn patience() -> Duration {
    clock::scaled(PATIENCE).max(SHORTEST)
}

/// Whoever keeps the database locked, as far as that can be seen.
pub fn locked_by(home: &Home) -> String {
    match holder::blocker(home) {
        Ok(Some(holder)) => format!("by {}", holder::called(&holder)),
        Ok(None) | Err(_) => "by a program that cannot be seen".to_owned(),
    }
}

/// A private system that this process started, if it did.
#[derive(Default)]
pub struct Private(Option<tokio::process::Child>);

impl Private {
    /// Sees to it that a system runs; starts a private one if none does. To be called again and again: a system may end
    /// at any moment.
    pub fn ensure(&mut self, home: &Home) -> Result<(), Failure> {
        if let Some(child) = &mut self.0
            && let Some(status) = child.try_wait()?
        {
            self.0 = None;
            // Ended by a signal is ended by somebody: another is started. So it is after an ordinary end, and "already
            // running" is what we wanted.
            let code = status.code().map_or(exit_code::DONE, |code| u8::try_from(code).unwrap_or(exit_code::FAILED));
            if code != exit_code::ALREADY_RUNNING && code != exit_code::DONE {
                let message =
                    agentlab_supervisor::last_words(home).unwrap_or_else(|| "the system did not start".into());
                return Err(Refusal { code, message }.into());
            }
        }
        if self.0.is_none() && !agentlab_supervisor::is_running(home) {
            self.0 = Some(spawn::private_system(home)?);
        }
        Ok(())
    }
}

/// Between two looks of a verb that waits.
pub const LOOK: Duration = Duration::from_millis(100);

/// Milliseconds since `then` (Unix milliseconds).
pub fn since(then: i64) -> i64 {
    clock::now_ms() - then
}
