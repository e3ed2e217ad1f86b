//! Condemned: a database that nobody is to go on with, because it was found damaged or because a person wants an earlier one. The mark
//! says which file it is of, so it is void once another one is in its place. Whoever has it open lets go of it and starts
//! again; whoever starts waits until it is restored.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{standing, whose::Whose};
use crate::{
    backup::{self, Backup},
    db::{DbError, damage, gone::file},
    files,
    home::Home,
};

/// The mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Device and number of the file; nothing where none was there.
    file: Option<(u64, u64)>,
    /// Why, in words.
    pub(super) why: String,
    /// Nobody needs to look again: whatever is there, it is not what was worked with, or not what is wanted.
    #[serde(default)]
    pub(super) certain: bool,
    /// A person wants what this backup holds.
    pub(super) backup: Option<String>,
}

/// Condemns the database as it is: it was found damaged.
pub fn condemn(home: &Home, why: &str) -> Result<(), DbError> {
    let noted = put(home, &Mark { file: file(home), why: why.to_owned(), certain: false, backup: None });
    noted.map_err(|error| DbError::Damaged(format!("{why}. It is restored as soon as that can be noted: {error}")))
}

/// Condemns it where a statement of this process met what only damage explains, and that is so; then says why it is. For a process that
/// ends of it: the next start restores it.
pub async fn condemn_what_was_met(home: &Home) -> Option<String> {
    if !damage::was_met() {
        return None;
    }
    // What cannot be looked at or noted now is met again by the next one.
    let why = super::look(home).await.ok().flatten()?;
    condemn(home, &why).ok()?;
    Some(why)
}

/// Condemns what is in its place without another look: it is not what was worked with.
pub(super) fn condemn_another(home: &Home, why: &str) -> Result<(), DbError> {
    put(home, &Mark { file: file(home), why: why.to_owned(), certain: true, backup: None })
}

/// Condemns it because a person wants what the backup of this name holds; not where something would be given up by it.
pub async fn wish(home: &Home, backup: &Backup) -> Result<(), DbError> {
    let whose = Whose::of(home);
    if let Some(bad) = whose.unfit(home, backup) {
        let sound = backup::all(home).into_iter().filter(|other| whose.unfit(home, other).is_none());
        let sound: Vec<String> = sound.map(|sound| sound.name).collect();
        let sound = if sound.is_empty() { "none is sound".to_owned() } else { format!("sound: {}", sound.join(", ")) };
        return Err(DbError::NotWhole(format!("{} is BAD: {bad}; {sound}", backup.name)));
    }
    standing::gives_up_nothing(home, backup).await?;
    let why = format!("a person wants the backup {}", backup.name);
    put(home, &Mark { file: file(home), why, certain: true, backup: Some(backup.name.clone()) })
}

/// Whether the database that is there now is condemned.
pub fn is_condemned(home: &Home) -> bool {
    mark(home).is_some()
}

/// The mark, where it is of the file that is there now.
pub(super) fn mark(home: &Home) -> Option<Mark> {
    let bytes = files::read(&path(home)).ok()?;
    let mark: Mark = serde_json::from_slice(&bytes).ok()?;
    (mark.file == file(home)).then_some(mark)
}

/// Nothing is condemned any more.
pub(super) fn lift(home: &Home) -> Result<(), DbError> {
    let path = path(home);
    files::remove(&path).map_err(|error| DbError::File { path, error })
}

fn put(home: &Home, mark: &Mark) -> Result<(), DbError> {
    let path = path(home);
    files::put(&path, &serde_json::to_vec(mark)?).map_err(|error| DbError::File { path, error })
}

fn path(home: &Home) -> PathBuf {
    home.run().join("condemned.json")
}
