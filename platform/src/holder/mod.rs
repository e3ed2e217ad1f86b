//! Who keeps the database locked. A *holder* is the process that has `SQLite`'s write lock, the whole file for itself, or a
//! lock that our writers take in turn. It is found without opening the database, and it is called *ours* only when it has `run/db.lock`
//! open: each program of ours that opened the database has, for life, and nobody else. A name proves nothing.
//!
//! What is done about it is decided in `domain::holder`. Who only reads, or only moves the WAL into the database, keeps
//! nobody from writing, and is not looked for.

mod probe;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use agentlab_domain::{
    hang::Standing,
    holder::{Ours, Seen},
    role::{Post, Role, posts},
};

use crate::{
    home::Home,
    identity::{Identity, Living},
    lock, pulse,
};

/// What our writers take in turn: the ticket, and whose turn it is to migrate.
const TURNS: [&str; 2] = ["write", "migrate"];
/// How many letters of a program's name are passed on.
const NAME: usize = 40;
/// More workers than this are never configured.
const MOST_WORKERS: u32 = 16;

/// Who holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Known(Identity),
    /// Somebody whom the system does not show: in another PID namespace, or by a lock that belongs to no process.
    Unseen,
}

/// What one look at a lock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nobody,
    Pid(i32),
    Unseen,
}

/// Who keeps everybody else from writing; `None` when nobody does, or this very process.
pub fn blocker(home: &Home) -> io::Result<Option<Holder>> {
    match writer(home)? {
        Some(writer) => Ok(Some(writer)),
        // Whoever has his turn and waits for the writer is no trouble of its own: so this comes second.
        None => turn(home),
    }
}

/// Who holds `SQLite`'s write lock, or the whole file; `None` when nobody does, or this very process.
pub fn writer(home: &Home) -> io::Result<Option<Holder>> {
    confirmed(|| probe::writer(&home.database()))
}

/// The name of a stranger who keeps everybody from writing at this moment; who is of ours, or may be, writes as he should.
pub fn stranger(home: &Home) -> Option<String> {
    let writer = writer(home).ok().flatten()?;
    (seen(home, &writer).ours == Ours::No).then(|| called(&writer))
}

/// Who has his turn among our writers; `None` when nobody has, or this very process.
pub fn turn(home: &Home) -> io::Result<Option<Holder>> {
    for path in TURNS.map(|name| home.lock(name)) {
        let ask = || if lock::is_held(&path)? { system::holder_of_lock(&path) } else { Ok(Found::Nobody) };
        if let Some(holder) = confirmed(ask)? {
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

/// Asks again after looking who has the PID: it must still be the holder's, and the process the same one. So nobody is taken
/// for a holder whose PID is reused meanwhile.
fn confirmed(ask: impl Fn() -> io::Result<Found>) -> io::Result<Option<Holder>> {
    for _ in 0..3 {
        let pid = match ask()? {
            Found::Nobody => return Ok(None),
            Found::Unseen => return Ok(Some(Holder::Unseen)),
            Found::Pid(pid) => pid,
        };
        if let Ok(Some(process)) = Identity::of(pid)
            && ask()? == Found::Pid(pid)
            && process.living() == Living::Yes
        {
            return Ok(Some(Holder::Known(process)));
        }
    }
    // It goes from hand to hand, or its holder cannot be looked at.
    Ok(Some(Holder::Unseen))
}

/// What is known of a holder.
pub fn seen(home: &Home, holder: &Holder) -> Seen {
    match holder {
        Holder::Known(process) => {
            Seen { ours: ours(home, process), standing: process.standing(), at_post: is_at_post(home, process) }
        }
        Holder::Unseen => Seen { ours: Ours::CannotTell, standing: Standing::CannotTell, at_post: false },
    }
}

/// Whether a process is a program of ours that has opened this home's database.
pub fn ours(home: &Home, process: &Identity) -> Ours {
    let open = match std::fs::metadata(home.lock("db")) {
        Ok(file) => system::has_open(process.pid, (file.dev(), file.ino()), &home.lock("db")),
        // No program of ours ever opened this database.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    // Looked at after it: what was seen under this PID was this process'.
    match (process.living(), open) {
        (Living::Yes, Ok(true)) => Ours::Yes,
        (Living::Yes, Ok(false)) => Ours::No,
        (Living::Yes | Living::No | Living::CannotTell, _) => Ours::CannotTell,
    }
}

fn is_at_post(home: &Home, process: &Identity) -> bool {
    let mut every = posts(MOST_WORKERS, true, true);
    every.push(Post { role: Role::Supervisor, slot: 0 });
    every.into_iter().any(|post| pulse::read(home, post).is_some_and(|beat| beat.identity == *process))
}

/// What a holder is called, for people: `sqlite3 (pid 123)`.
pub fn called(holder: &Holder) -> String {
    match holder {
        Holder::Known(process) => {
            let name = system::name(process.pid).unwrap_or_default();
            // A process chooses its own name, and this one goes to a terminal and a chat.
            let name: String = name.chars().filter(|c| !c.is_control()).take(NAME).collect();
            let name = if name.is_empty() { "a program" } else { &name };
            format!("{name} (pid {})", process.pid)
        }
        Holder::Unseen => "a program that this machine does not show me (in a container, perhaps)".to_owned(),
    }
}

/// What changes whenever something is written into the database: length and time of its files. Nothing is opened for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark([Option<(u64, Option<SystemTime>)>; 2]);

/// The mark of this home's database.
pub fn mark(home: &Home) -> Mark {
    let of = |path: PathBuf| std::fs::metadata(path).ok().map(|file| (file.len(), file.modified().ok()));
    Mark([of(beside(&home.database(), "-wal")), of(home.database())])
}

/// A file of `SQLite`'s beside its database.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
