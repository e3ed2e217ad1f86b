//! Looking at a database that nobody else has open, and doing what follows.

use super::{
    Report, condemned, known, place, report, rights,
    source::{self, Search, Source},
    standing,
};
use crate::{
    clock,
    db::{
        self, DbError, damage,
        gone::{gone, has_worked, refuse_link},
        replay::{self, Replayed},
        whole::{self, Found},
    },
    files,
    home::Home,
    journal,
};

/// How closely is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Every page: for a system that starts.
    Whole,
    /// What a first statement meets, and the number of the last transaction: for a verb that somebody waits for.
    Quick,
}

/// Looks at the database while others work with it; says what is wrong with it, if anything is.
pub async fn look(home: &Home) -> Result<Option<String>, DbError> {
    match whole::examine(home, true).await? {
        Found::Sound => standing::behind(home).await,
        Found::Nothing => Ok(None),
        Found::Gone => Ok(Some("it is gone".to_owned())),
        Found::Damaged(why) => Ok(Some(why)),
    }
}

/// Sees to it that the database is sound and lacks nothing. The caller is alone with it.
pub(super) async fn mend(home: &Home, depth: Depth) -> Result<(), DbError> {
    refuse_link(home)?;
    let mark = condemned::mark(home);
    let wanted = mark.as_ref().and_then(|mark| mark.backup.clone());
    if let Some(mark) = mark.as_ref().filter(|mark| mark.certain) {
        return restore(home, &mark.why, wanted.as_deref()).await;
    }
    if let Some(why) = place::misplaced(home) {
        return restore(home, &why, None).await;
    }
    let closely = depth == Depth::Whole || mark.is_some() || !known::is_known(home);
    match whole::examine(home, closely).await? {
        Found::Sound => {
            if let Some(why) = standing::wrong(home).await? {
                return restore(home, &why, None).await;
            }
            // What a restore left that was killed: a copy of the database may be among it.
            files::tidy_halves_of(home.path(), "restore");
            let lacked = catch_up(home).await?;
            // Everybody started again for it: that is told, whoever closed the last one had all of it.
            if let Some(mark) = mark.filter(|_| !lacked) {
                let whole = Report { whole: true, ..report(Replayed::default(), Some(mark.why), None) };
                tracing::warn!("{}", whole.words());
                keep(home, &whole)?;
            }
            condemned::lift(home)?;
            known::note(home)
        }
        Found::Nothing => {
            rights::refuse_hidden(home)?;
            condemned::lift(home)
        }
        Found::Gone => restore(home, "it was gone", None).await,
        Found::Damaged(why) => restore(home, &why, None).await,
    }
}

/// Puts back what a sound database lacks. Whether that is told.
async fn catch_up(home: &Home) -> Result<bool, DbError> {
    let replayed = replay::into(&home.database(), home, false).await?;
    leap(home, &replayed).await;
    let report = report(replayed, None, None);
    if report.transactions + report.runs == 0 {
        return Ok(false);
    }
    tracing::warn!("{}", report.words());
    if report.is_news() {
        keep(home, &report)?;
    }
    Ok(report.is_news())
}

/// Restores.
async fn restore(home: &Home, why: &str, wanted: Option<&str>) -> Result<(), DbError> {
    rights::refuse_hidden(home)?;
    tracing::error!(why, "the database is to be replaced");
    let Search { source, bad } = source::find(home, wanted).await?;
    let Some(source) = source else {
        if let Some(wanted) = wanted {
            condemned::lift(home)?;
            return Err(DbError::NotWhole(format!("{wanted} cannot be begun with: {}", bad.join("; "))));
        }
        // Nothing was ever promised here: it begins anew.
        if !has_worked(home) {
            place::set_aside(home).map_err(|error| DbError::File { path: home.set_aside(), error })?;
            return condemned::lift(home);
        }
        // What was met on the way is known, and no other start would restore it.
        damage::was_met();
        if bad.is_empty() && !home.database().exists() {
            return Err(gone(home));
        }
        return Err(DbError::Beyond { path: home.database(), why: why.to_owned(), bad });
    };
    let replayed = replay::into(&source.file, home, true).await?;
    let failed = |error| DbError::File { path: home.database(), error };
    // All of it before the database is in its place: a start that finds that one sound has nothing left to do.
    let files = put_back(home, &source).map_err(failed)?;
    let set_aside = place::set_aside(home).map_err(|error| DbError::File { path: home.set_aside(), error })?;
    let done = Report { set_aside, files, ..report(replayed, Some(why.to_owned()), Some(&source)) };
    keep(home, &done)?;
    place::put(home, &source.file).map_err(failed)?;
    leap(home, &replayed).await;
    tracing::error!("{}", done.words());
    condemned::lift(home)?;
    known::note(home)
}

/// Has the journal begin anew where the database leapt. Where it cannot, or nobody comes so far, what is appended next shows a gap.
async fn leap(home: &Home, replayed: &Replayed) {
    let Some(leap) = replayed.leap else { return };
    let leapt = match db::backup::head(&home.database()).await {
        Ok(Some((id, _))) => journal::leap(home, &id, leap).map_err(|error| error.to_string()),
        Ok(None) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = leapt {
        tracing::error!(error, "that numbers were skipped cannot be noted in the journal");
    }
}

/// The configuration and the instructions that the backup has and this home has not.
fn put_back(home: &Home, source: &Source) -> std::io::Result<Vec<String>> {
    let mut put = Vec::new();
    let Some(backup) = &source.backup else { return Ok(put) };
    for entry in std::fs::read_dir(home.backups().join(&backup.name))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let target = home.path().join(&name);
        if files::is_kept(&name) && !target.exists() {
            files::put(&target, &std::fs::read(entry.path())?)?;
            put.push(name);
        }
    }
    Ok(put)
}

fn report(replayed: Replayed, why: Option<String>, source: Option<&Source>) -> Report {
    let Replayed { transactions, refused, missing, unreadable, cut_off, runs, leap: _ } = replayed;
    let backup = source.and_then(|source| source.backup.as_ref()).map(|backup| (backup.name.clone(), backup.at));
    let unsound = source.and_then(|source| source.unsound.clone());
    Report {
        at: clock::now_ms(),
        why,
        backup,
        unsound,
        alone: source.is_some_and(|source| source.alone),
        whole: false,
        set_aside: None,
        transactions,
        runs,
        missing,
        refused,
        unreadable,
        cut_off,
        files: Vec::new(),
    }
}

fn keep(home: &Home, report: &Report) -> Result<(), DbError> {
    report::keep(home, report).map_err(|error| DbError::File { path: home.path().join("restored.json"), error })
}
