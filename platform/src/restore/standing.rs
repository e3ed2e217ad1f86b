//! Where a database *stands*: of which it is, and at which transaction; and whether that is where this home stands, as its backups and
//! its journal tell. A sound file may be another one, or too old for what the journal still has.

use super::whose::Whose;
use crate::{
    backup::{self, Backup},
    db::{self, DbError},
    home::Home,
    journal::{self, Journal},
};

/// Why a sound database is not the one to go on with, if it is not.
pub(super) async fn wrong(home: &Home) -> Result<Option<String>, DbError> {
    let Some((id, seq)) = db::backup::head(&home.database()).await? else { return Ok(None) };
    if journal::ends_at(home, &id, seq).map_err(at(home))? {
        return Ok(None);
    }
    let journal = read(home, &id, seq)?;
    let sound = sound(home);
    if Whose::of(home).id.is_some_and(|whose| whose != id) {
        return Ok(Some("it is not the database of this home".to_owned()));
    }
    let known = newest_of(&sound, &id);
    Ok((journal.leads_to(seq) < known).then(|| {
        format!("it stands at transaction {seq}; a backup has {known}, and the journal does not lead there any more")
    }))
}

/// Whether the journal has all between the newest backup and where the database stands; others may work with it.
pub async fn has_gap(home: &Home) -> Result<bool, DbError> {
    let Some((id, seq)) = db::backup::head(&home.database()).await? else { return Ok(false) };
    let from = newest_of(&sound(home), &id);
    Ok(read(home, &id, from)?.leads_to(from) < seq)
}

/// Whether it may have one: what costs no more than the end of a file.
pub async fn may_have_gap(home: &Home) -> Result<bool, DbError> {
    let Some((id, seq)) = db::backup::head(&home.database()).await? else { return Ok(false) };
    Ok(journal::is_noted(home) || !journal::ends_at(home, &id, seq).map_err(at(home))?)
}

/// How far behind its journal a database is that others work with; one transaction may be on its way.
pub(super) async fn behind(home: &Home) -> Result<Option<String>, DbError> {
    let Some((id, seq)) = db::backup::head(&home.database()).await? else { return Ok(None) };
    let last = read(home, &id, seq)?.lines.last().map_or(seq, |line| line.seq);
    Ok((last > seq + 1).then(|| format!("it stands at transaction {seq}, and the journal has {last}")))
}

/// Refuses a backup that leaves out what nobody could put back.
pub(super) async fn gives_up_nothing(home: &Home, backup: &Backup) -> Result<(), DbError> {
    let reached = read(home, &backup.db, backup.seq)?.leads_to(backup.seq);
    let present = match db::backup::head(&home.database()).await {
        Ok(Some((id, seq))) if id == backup.db => seq,
        // One that cannot be asked has nothing to give up.
        Ok(_) | Err(_) => 0,
    };
    let known = newest_of(&sound(home), &backup.db).max(present);
    if reached >= known {
        return Ok(());
    }
    Err(DbError::NotWhole(format!(
        "{} with what the journal has beyond it reaches transaction {reached}, and {known} are known: what is between would be lost",
        backup.name
    )))
}

fn newest_of(sound: &[Backup], id: &str) -> i64 {
    sound.iter().filter(|backup| backup.db == id).map(|backup| backup.seq).max().unwrap_or_default()
}

fn sound(home: &Home) -> Vec<Backup> {
    let known = backup::all(home).into_iter();
    known.filter(|backup| backup.bad.is_none() && !backup.db.is_empty()).collect()
}

fn read(home: &Home, id: &str, seq: i64) -> Result<Journal, DbError> {
    journal::read(home, Some(id), seq).map_err(at(home))
}

fn at(home: &Home) -> impl FnOnce(std::io::Error) -> DbError {
    let path = home.journal();
    move |error| DbError::File { path, error }
}
